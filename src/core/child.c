// SPDX-License-Identifier: GPL-2.0-only
/*
 * What comes out of SYN_RECV is a listener's child or a simultaneous opener.
 *
 * An ordinary child is in SYN_RECV for microseconds, and nobody can accept it before it leaves: sk_socket is NULL. A child of
 * Fast Open is a full socket from its SYN on: it may have been accepted, and may be older than the tool. So is an opener that
 * connect() was called for. MPTCP gives a child that joins the socket of its connection at once (__mptcp_finish_join()).
 */
#include "child.h"

#include "table.h"
#include "timeline.h"
#include "wire_read.h"

static bool is_fastopen(const struct wire_ident *ident)
{
	return ident && (ident->flags & WIRE_ID_FASTOPEN);
}

/*
 * The kernel counts the SYN of an opener as acknowledged, and not that of a child. A child of Fast Open whose SYN had no data
 * has no mark of that on each kernel, and may have sent data that was acknowledged.
 */
enum conn_role child_role(const struct wire_state *ev)
{
	const struct wire_proof *proof = wire_proof(&ev->hdr);

	if ((ev->hdr.sk_flags & WIRE_SK_ORPHAN) || is_fastopen(wire_ident(&ev->hdr)))
		return CONN_SERVER;
	if (!proof || ev->hdr.new_state != WIRE_ESTABLISHED)
		return CONN_ROLE_UNKNOWN;
	if (!proof->bytes_acked)
		return CONN_SERVER;
	return proof->data_segs_out ? CONN_ROLE_UNKNOWN : CONN_SIMULTANEOUS;
}

/* A Fast Open child that has answered already: the ACK that ends the handshake measures the answer. */
static bool answered_early(const struct wire_state *ev, const struct wire_ident *ident)
{
	const struct wire_proof *proof = wire_proof(&ev->hdr);

	return is_fastopen(ident) && !(proof && !proof->data_segs_out);
}

/*
 * SYN-ACK to ACK, as the kernel measured it; 0 if not known. After a repeated SYN-ACK the kernel measures something else, and
 * with SYN cookies it has milliseconds only.
 */
static uint64_t synack_to_ack_us(const struct wire_state *ev)
{
	const struct wire_ident *ident = wire_ident(&ev->hdr);

	if (!ident || answered_early(ev, ident) || ev->hdr.new_state != WIRE_ESTABLISHED || ident->syn_retrans ||
	    ident->syn_rtt_us % 1000 == 0)
		return 0;
	return ident->syn_rtt_us * 1000ULL <= ev->hdr.ts ? ident->syn_rtt_us : 0;
}

/* Not there as the first scan was. An ordinary child is made by the ACK that ends the handshake, a moment ago. */
static bool is_new(const struct conn_table *t, const struct wire_state *ev)
{
	return (t->scan.any_done && !t->lost[WIRE_LOST_TABLE]) ||
	       ((ev->hdr.sk_flags & WIRE_SK_ORPHAN) && !is_fastopen(wire_ident(&ev->hdr)));
}

/*
 * Only a child of Fast Open repeats its SYN-ACK, or is reset, as a full socket in SYN_RECV that no event has begun. What was
 * there as the tool began the first scan has found.
 */
struct conn *child_early(struct conn_table *t, const struct wire_hdr *h)
{
	struct conn *c;

	if (h->old_state != WIRE_SYN_RECV || !h->cookie || !t->scan.any_done)
		return NULL;
	c = table_add(t, h->cookie, h->ts, WIRE_SYN_RECV);
	if (!c)
		return NULL;
	timeline_enter(c, h->ts, WIRE_SYN_RECV, CONN_BY_PEER, CONN_EV_INFERRED);
	conn_last_entry(c)->us_unknown = true;
	return c;
}

bool child_is_early(const struct conn *c)
{
	return c->state == WIRE_SYN_RECV && c->role == CONN_ROLE_UNKNOWN && c->spans_len == 1 &&
	       c->spans[0].ev == CONN_EV_INFERRED;
}

/* The time of its first reset was since the start that was known then. */
static void move_reset(struct conn *c, uint64_t old_start_ns)
{
	uint64_t at_ns = old_start_ns + c->reset_us * 1000ULL;

	if (!c->resets_sent || c->reset_us == UINT32_MAX)
		return;
	c->reset_us = at_ns >= c->start_ns ? conn_capped_us((at_ns - c->start_ns) / 1000) : UINT32_MAX;
}

void child_begin(const struct conn_table *t, struct conn *c, const struct wire_state *ev)
{
	uint64_t handshake_us = synack_to_ack_us(ev), old_start_ns = c->start_ns;

	c->start_ns = ev->hdr.ts - handshake_us * 1000;
	c->spans_len = 0;
	c->role = CONN_SERVER;
	if (handshake_us)
		c->facts |= CONN_START_KNOWN | CONN_HANDSHAKE_KNOWN;
	else if (is_new(t, ev))
		c->facts |= CONN_START_KNOWN;
	move_reset(c, old_start_ns);
	timeline_enter(c, c->start_ns, WIRE_SYN_RECV, CONN_BY_PEER, CONN_EV_INFERRED);
	conn_last_entry(c)->us_unknown = !handshake_us;
}

void child_leaves(struct conn *c, const struct wire_state *ev)
{
	if (c->role == CONN_CLIENT) /* the event of the SYN that crossed ours was lost */
		c->role = CONN_SIMULTANEOUS;
	else if (c->role == CONN_ROLE_UNKNOWN)
		c->role = child_role(ev);
	if (c->role == CONN_SIMULTANEOUS)
		c->facts |= CONN_SYN_CROSSED;
}
