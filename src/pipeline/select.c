// SPDX-License-Identifier: GPL-2.0-only
/*
 * What is not known does not match: --peer-port 443 does not select connections without a port. Addresses are compared as the
 * output shows them: a v4-mapped socket is IPv4.
 */
#include "select.h"

#include <stdlib.h>
#include <string.h>

#include "consumer.h"
#include "src/core/findings.h"

static bool number_matches(const struct value_list *list, uint32_t number)
{
	const uint32_t *numbers = list->items;

	for (size_t i = 0; i < list->len; i++)
		if (numbers[i] == number)
			return true;
	return !list->len;
}

static bool pid_matches(const struct value_list *list, const struct conn_tuple *t)
{
	return number_matches(list, t->from != CONN_FROM_NONE ? t->task.tgid : 0);
}

static bool port_matches(const struct value_list *list, uint16_t port)
{
	const struct port_range *ranges = list->items;

	for (size_t i = 0; i < list->len; i++)
		if (port >= ranges[i].first && port <= ranges[i].last)
			return true;
	return !list->len;
}

static bool net_matches(const struct value_list *list, const uint8_t addr[16])
{
	const struct cidr *nets = list->items;

	for (size_t i = 0; i < list->len; i++)
		if (match_net(&nets[i], addr))
			return true;
	return !list->len;
}

static bool endpoint_matches(const struct endpoint *wanted, const struct wire_ident *id)
{
	size_t size = sizeof(wanted->addr);

	return !wanted->port || (wanted->port == id->local_port && !memcmp(&wanted->addr, id->local_addr, size)) ||
	       (wanted->port == id->peer_port && !memcmp(&wanted->addr, id->peer_addr, size));
}

static bool addresses_match(const struct selection *s, const struct wire_ident *id)
{
	return endpoint_matches(&s->endpoint, id) && net_matches(&s->local_nets, id->local_addr) &&
	       net_matches(&s->peer_nets, id->peer_addr) &&
	       (s->ipv4 == s->ipv6 || s->ipv4 == match_net(&match_ipv4, id->local_addr));
}

static bool ports_match(const struct selection *s, const struct wire_ident *id)
{
	return port_matches(&s->local_ports, id->local_port) && port_matches(&s->peer_ports, id->peer_port) &&
	       number_matches(&s->namespaces, id->netns);
}

static bool ident_matches(const struct selection *s, const struct conn_tuple *t)
{
	if (!t->id_known)
		return !s->endpoint.port && !s->local_ports.len && !s->peer_ports.len && !s->local_nets.len &&
		       !s->peer_nets.len && !s->namespaces.len && s->ipv4 == s->ipv6;
	return addresses_match(s, &t->id) && ports_match(s, &t->id);
}

static bool owner_matches(const struct selection *s, const struct conn_tuple *t, const struct record_owner *owner)
{
	return (!s->cookie || s->cookie == t->cookie) && pid_matches(&s->pids, t) &&
	       (!s->comm || (t->from != CONN_FROM_NONE && !strncmp(s->comm, t->task.comm, sizeof(t->task.comm)))) &&
	       (!s->cgroup || match_cgroup(s->cgroup, owner ? owner->cgroup : NULL));
}

bool selection_matches_tuple(const struct selection *s, const struct conn_tuple *t, const struct record_owner *owner)
{
	return owner_matches(s, t, owner) && ident_matches(s, t);
}

/*
 * A finding holds for any address that it is not about: to hide it would say that nothing is wrong there. A listener at the
 * wildcard takes connections to each address, and at that of IPv6 those of IPv4, too.
 */
static struct filter_subject finding_subject(const struct finding_record *f, const struct record_owner *owner)
{
	const struct wire_ident *id = &f->t.id;
	bool wildcard = f->about & FINDING_LOCAL_ADDR && match_is_wildcard(id->local_addr);

	return (struct filter_subject){
		.id = id,
		.cgroup = owner ? owner->cgroup : NULL,
		.states = finding_states(f->id),
		.any_family =
			f->id == FINDING_HALF_OPEN_PILE || f->id == FINDING_RETRANSMITS || (wildcard && id->family == AF_INET6),
		.any_local = !(f->about & FINDING_LOCAL_ADDR) || wildcard,
		.any_peer = !(f->about & FINDING_PEER_ADDR),
	};
}

static bool finding_matches(const struct selection *s, const struct finding_record *f, const struct record_owner *owner)
{
	const struct filter_subject subject = finding_subject(f, owner);
	const struct wire_ident *id = &f->t.id;

	return owner_matches(s, &f->t, owner) && ports_match(s, id) &&
	       (subject.any_local || net_matches(&s->local_nets, id->local_addr)) &&
	       (subject.any_peer || net_matches(&s->peer_nets, id->peer_addr)) &&
	       (subject.any_family || s->ipv4 == s->ipv6 || s->ipv4 == (id->family == AF_INET)) &&
	       filter_matches(&s->filter, &subject);
}

bool selection_asks_cgroup(const struct selection *s)
{
	return s->cgroup || filter_asks_cgroup(&s->filter);
}

bool selection_filter_matches(const struct selection *s, const struct conn_tuple *t, const struct record_owner *owner,
			      uint32_t states)
{
	return filter_matches(&s->filter, &(struct filter_subject){.id = t->id_known ? &t->id : NULL,
								   .cgroup = owner ? owner->cgroup : NULL,
								   .states = states});
}

static uint32_t states_ever(const struct conn_record *conn)
{
	uint32_t states = 0;

	for (unsigned int i = 0; i < conn->timeline_len; i++)
		states |= 1U << conn->timeline[i].state;
	return states;
}

/* What only the connection's record knows. How a connection ended is asked of those that did. */
static bool life_matches(const struct selection *s, const struct conn_record *conn)
{
	if (conn->end_ns < conn->start_ns + s->min_duration_ns)
		return false;
	if (s->states && !(s->states & states_ever(conn)))
		return false;
	return !s->ends || !conn->final || s->ends & 1U << conn->end;
}

/* A connection that the end of the run cut off lives on. */
static uint32_t states_asked(const struct conn_record *conn)
{
	bool ended = conn->final && conn->end != CONN_END_DAEMON_STOP;

	if (ended || !conn->timeline_len)
		return states_ever(conn);
	return 1U << conn->timeline[conn->timeline_len - 1].state;
}

static uint32_t state_bit(uint8_t state)
{
	return 1U << (state == WIRE_NEW_SYN_RECV ? WIRE_SYN_RECV : state);
}

/* For a filter, which asks a record about a moment for the state of that moment. */
static uint32_t record_states(const struct record *rec)
{
	switch (rec->kind) {
	case RECORD_CONNECTION:
	case RECORD_PROGRESS:
		return states_asked(rec->conn);
	case RECORD_STATE:
		return state_bit(rec->state->new_state);
	case RECORD_RETRANSMIT:
		return state_bit(rec->retransmit->state);
	case RECORD_RESET:
		return state_bit(rec->reset->state);
	case RECORD_TIME_WAIT:
		return 1U << WIRE_TIME_WAIT;
	default:
		return 1U << WIRE_CLOSE_WAIT; /* alerts */
	}
}

/* What the kernel counted for sockets that are not tracked: namespace, local port and state are all that is known of them. */
static bool aggregate_matches(const struct selection *s, uint32_t netns, uint16_t local_port, uint8_t state)
{
	bool asks_more = s->cookie || s->endpoint.port || s->pids.len || s->comm || s->peer_ports.len || s->local_nets.len ||
			 s->peer_nets.len || s->ipv4 != s->ipv6 || s->cgroup || s->min_duration_ns || s->ends;

	return !asks_more && port_matches(&s->local_ports, local_port) && number_matches(&s->namespaces, netns) &&
	       (!s->states || s->states & state_bit(state)) &&
	       filter_matches(&s->filter, &(struct filter_subject){.local_port = local_port, .states = state_bit(state)});
}

static bool without_tuple_matches(const struct selection *s, const struct record *rec)
{
	const struct conn_retransmit_record *retransmit = rec->retransmit;
	const struct conn_reset_record *reset = rec->reset;

	if (rec->kind == RECORD_RETRANSMIT)
		return aggregate_matches(s, retransmit->netns, retransmit->local_port, retransmit->state);
	if (rec->kind == RECORD_RESET)
		return aggregate_matches(s, reset->netns, reset->local_port, reset->state);
	return true;
}

/* By the cookie alone, so that the records of a connection stay together, of this run and of the next. */
static bool sample_matches(uint32_t sample, const struct record *rec, uint64_t cookie)
{
	bool alert = rec->kind == RECORD_CLOSE_WAIT_LEAK || rec->kind == RECORD_CLOSE_WAIT_RESOLVED;

	/* Cookies are consecutive numbers: the multiplication spreads them over the upper bits (Knuth's multiplicative hash).
	 */
	return sample < 2 || alert || (cookie * 0x9e3779b97f4a7c15u >> 32) % sample == 0;
}

bool selection_matches(const struct selection *select, const struct record *rec, const struct record_owner *owner)
{
	const struct conn_tuple *tuple = record_tuple(rec);

	if (!tuple)
		return without_tuple_matches(select, rec);
	if (rec->kind == RECORD_FINDING)
		return finding_matches(select, rec->finding, owner);
	if (!sample_matches(select->sample, rec, tuple->cookie) || !selection_matches_tuple(select, tuple, owner))
		return false;
	if ((select->filter.states || select->filter.len) &&
	    !selection_filter_matches(select, tuple, owner, record_states(rec)))
		return false;
	return (rec->kind != RECORD_CONNECTION && rec->kind != RECORD_PROGRESS) || life_matches(select, rec->conn);
}

void selection_free(struct selection *select)
{
	free(select->pids.items);
	free(select->namespaces.items);
	free(select->local_ports.items);
	free(select->peer_ports.items);
	free(select->local_nets.items);
	free(select->peer_nets.items);
	filter_free(&select->filter);
}
