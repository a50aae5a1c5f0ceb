// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection in JSON: its tuple, which all records about it share, and its whole life. Keys, their order and their meaning
 * are docs/output.md's.
 */
#include "json_common.h"

#include <sys/socket.h>

static void json_process(struct json *j, const struct conn_tuple *t)
{
	const struct wire_task *task = &t->task;
	size_t comm_len = strnlen(task->comm, sizeof(task->comm));
	struct buf *b = &j->b;

	if (t->from == CONN_FROM_NONE) {
		jsonw_null(b, KEY("process"));
		return;
	}
	jsonw_open(b, KEY("process"), '{');
	jsonw_uint(b, KEY("pid"), task->tgid);
	if (!jsonw_text(b, KEY("comm"), task->comm, comm_len, FORMAT_LINE_MAX))
		jsonw_hex_bytes(b, KEY("comm_hex"), task->comm, comm_len);
	jsonw_time_if(b, KEY("start"), task->start_ns != 0, (int64_t)(task->start_ns + (uint64_t)j->context->boot_offset_ns));
	json_path(j, KEY("exe"), j->owner->exe);
	if (j->owner->exe_deleted)
		jsonw_bool(b, KEY("exe_deleted"), true);
	jsonw_uint_if(b, KEY("uid"), task->uid != UINT32_MAX, task->uid);
	jsonw_word(b, KEY("from"), conn_from_name(t->from));
	jsonw_close(b, '}');
}

static void json_container(struct json *j)
{
	const struct record_owner *owner = j->owner;
	struct buf *b = &j->b;

	if (!owner->container_id && !owner->pod_uid) {
		if (!owner->container_known)
			jsonw_null(b, KEY("container"));
		return;
	}
	jsonw_open(b, KEY("container"), '{');
	if (owner->container_id)
		jsonw_text(b, KEY("id"), owner->container_id, 64, 64);
	if (owner->pod_uid)
		jsonw_text(b, KEY("pod_uid"), owner->pod_uid, owner->pod_uid_len, 64);
	jsonw_close(b, '}');
}

void json_tuple(struct json *j, const struct conn_tuple *t)
{
	const struct wire_ident *id = &t->id;
	bool known = t->id_known, ipv4 = known && fmt_is_ipv4(id);
	struct buf *b = &j->b;

	json_cookie(j, KEY("conn_id"), t->cookie);
	if (t->generation)
		jsonw_uint(b, KEY("generation"), t->generation);
	jsonw_word(b, KEY("family"), !known ? NULL : ipv4 ? "ipv4" : "ipv6");
	jsonw_addr(b, KEY("local_addr"), known ? id->local_addr : NULL, ipv4);
	jsonw_uint_if(b, KEY("local_port"), known && id->local_port, id->local_port);
	jsonw_addr(b, KEY("peer_addr"), known ? id->peer_addr : NULL, ipv4);
	jsonw_uint_if(b, KEY("peer_port"), known && id->peer_port, id->peer_port);
	jsonw_word(b, KEY("role"), conn_role_name(t->role));
	jsonw_uint_if(b, KEY("netns"), known && id->netns, id->netns);
	json_process(j, t);
	json_path(j, KEY("cgroup"), j->owner->cgroup);
	json_container(j);
}

static void json_times(struct json *j, const struct conn_record *c)
{
	struct buf *b = &j->b;

	jsonw_time_if(b, KEY("start"), c->start_known, json_wall(j, c->start_ns));
	jsonw_time_if(b, KEY("end"), c->final, json_wall(j, c->end_ns));
	jsonw_uint_if(b, KEY("duration_us"), c->duration_known, (c->end_ns - c->start_ns) / 1000);
	jsonw_uint_if(b, KEY("handshake_us"), c->handshake_known, c->handshake_us);
}

static void json_segment(struct buf *b, const struct conn_segment *seg)
{
	jsonw_open(b, KEY_NONE, '{');
	jsonw_uint_if(b, KEY("at_us"), seg->at_known, seg->at_us);
	jsonw_word(b, KEY("dir"), conn_dir_name(seg->dir));
	jsonw_word(b, KEY("flags"), conn_flags_name(seg->flags));
	jsonw_uint_if(b, KEY("seq"), seg->seq_known, seg->seq);
	jsonw_uint_if(b, KEY("ack"), seg->ack_known, seg->ack);
	if (seg->n > 1)
		jsonw_uint(b, KEY("n"), seg->n);
	jsonw_word(b, KEY("ev"), conn_proof_name(seg->proof));
	jsonw_close(b, '}');
}

static void json_segments(struct json *j, const struct conn_record *c)
{
	struct buf *b = &j->b;
	unsigned int drop = j->drop < c->segments_len ? j->drop : c->segments_len;
	unsigned int keep = c->segments_len - drop, head = keep - keep / 2;

	jsonw_open(b, KEY("segments"), '[');
	for (unsigned int i = 0; i < keep; i++)
		json_segment(b, &c->segments[i < head ? i : i + drop]);
	jsonw_close(b, ']');
	if (drop)
		jsonw_uint(b, KEY("segments_dropped"), drop);
	if (!c->isn_local_known && !c->isn_peer_known) {
		jsonw_null(b, KEY("isn"));
		return;
	}
	jsonw_open(b, KEY("isn"), '{');
	jsonw_uint_if(b, KEY("local"), c->isn_local_known, c->isn_local);
	jsonw_uint_if(b, KEY("peer"), c->isn_peer_known, c->isn_peer);
	jsonw_close(b, '}');
}

static void json_timeline(struct json *j, const struct conn_record *c)
{
	struct buf *b = &j->b;
	unsigned int drop = j->drop > c->segments_len ? j->drop - c->segments_len : 0; /* segments go first */
	unsigned int keep = c->timeline_len - drop;
	unsigned int head = keep - keep / 2; /* how it began and how it ended says more than what was between */

	jsonw_open(b, KEY("timeline"), '[');
	for (unsigned int i = 0; i < keep; i++) {
		const struct conn_span *span = &c->timeline[i < head ? i : i + drop];
		jsonw_open(b, KEY_NONE, '{');
		jsonw_word(b, KEY("state"), conn_state_name(span->state));
		jsonw_uint(b, KEY("at_us"), span->at_us);
		jsonw_uint_if(b, KEY("us"), span->us_known, span->us);
		jsonw_word(b, KEY("by"), conn_by_name(span->by));
		jsonw_word(b, KEY("ev"), conn_ev_name(span->ev));
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
	if (drop)
		jsonw_uint(b, KEY("timeline_dropped"), drop);
}

static void json_tcp(struct json *j, const struct conn_record *c)
{
	const struct wire_stats *s = &c->stats;
	bool known = c->stats_known;
	struct buf *b = &j->b;

	jsonw_open(b, KEY("tcp"), '{');
	jsonw_uint_if(b, KEY("bytes_sent"), known && !c->sent_unknown, s->bytes_sent);
	jsonw_uint_if(b, KEY("bytes_acked"), known, c->payload_acked);
	jsonw_uint_if(b, KEY("bytes_received"), known, c->payload_received);
	jsonw_uint_if(b, KEY("segs_out"), known, s->segs_out);
	jsonw_uint_if(b, KEY("segs_in"), known, s->segs_in);
	jsonw_uint_if(b, KEY("srtt_us"), known && s->srtt_us != 0, s->srtt_us);
	jsonw_uint_if(b, KEY("min_rtt_us"), known && s->min_rtt_us != UINT32_MAX, s->min_rtt_us);
	jsonw_uint_if(b, KEY("mss"), known && s->mss != 0, s->mss);
	jsonw_uint_if(b, KEY("unread_bytes"), c->unread_known, c->unread_bytes);
	jsonw_uint_if(b, KEY("unsent_bytes"), c->unread_known, c->unsent_bytes);
	jsonw_text(b, KEY("congestion"), known && s->ca_name[0] ? s->ca_name : NULL, strnlen(s->ca_name, sizeof(s->ca_name)),
		   FORMAT_LINE_MAX);
	jsonw_close(b, '}');
}

void json_retransmits(struct json *j, const struct conn_retransmits *again)
{
	struct buf *b = &j->b;

	jsonw_open(b, KEY("retransmits"), '{');
	jsonw_uint(b, KEY("syn"), again->syn);
	jsonw_uint(b, KEY("synack"), again->synack);
	jsonw_uint(b, KEY("data"), again->data);
	jsonw_uint(b, KEY("fin"), again->fin);
	jsonw_null(b, KEY("probe")); /* no hook shows them */
	jsonw_close(b, '}');
}

static void json_counters(struct json *j, const struct conn_record *c)
{
	struct buf *b = &j->b;

	json_retransmits(j, &c->retransmits);
	if (!c->resets.sent && !c->resets.received)
		return;
	jsonw_open(b, KEY("resets"), '{');
	jsonw_uint(b, KEY("sent"), c->resets.sent);
	jsonw_uint(b, KEY("received"), c->resets.received);
	json_reason(j, c->resets.reason);
	jsonw_close(b, '}');
}

void json_time_wait(struct json *j, const struct conn_time_wait *tw)
{
	struct buf *b = &j->b;

	if (!tw->entered)
		return;
	jsonw_open(b, KEY("time_wait"), '{');
	jsonw_uint_if(b, KEY("us"), tw->us_known, tw->us);
	if (tw->fin_wait2)
		jsonw_uint_if(b, KEY("fin_wait2_us"), tw->fin_wait2_us_known, tw->fin_wait2_us);
	jsonw_uint_if(b, KEY("restarts"), !tw->restarts_unknown, tw->restarts);
	jsonw_word(b, KEY("end"), conn_tw_end_name(tw->end));
	jsonw_word(b, KEY("ev"), conn_ev_name(tw->ev));
	jsonw_close(b, '}');
}

static void json_marks(struct json *j, const struct conn_record *c)
{
	const struct wire_ident *id = &c->t.id;

	if (!c->t.id_known)
		return;
	if (id->flags & WIRE_ID_MPTCP)
		jsonw_bool(&j->b, KEY("mptcp"), true);
	if (id->flags & WIRE_ID_FASTOPEN)
		jsonw_bool(&j->b, KEY("fastopen"), true);
	if (id->family == AF_INET6 && fmt_is_ipv4(id))
		jsonw_bool(&j->b, KEY("v4_mapped"), true);
}

void json_connection(struct json *j, const struct record *rec)
{
	const struct conn_record *c = rec->conn;
	struct buf *b = &j->b;
	size_t history_len = strnlen(c->history, sizeof(c->history));

	json_tuple(j, &c->t);
	jsonw_bool(b, KEY("final"), c->final);
	json_times(j, c);
	jsonw_word(b, KEY("closed_by"), conn_side_name(c->closed_by));
	jsonw_word(b, KEY("end_reason"), conn_end_name(c->end));
	jsonw_word(b, KEY("close_kind"), conn_close_kind_name(c->close_kind));
	jsonw_word(b, KEY("conn_state"), c->conn_state);
	jsonw_text(b, KEY("history"), history_len ? c->history : NULL, history_len, FORMAT_LINE_MAX);
	json_timeline(j, c);
	json_segments(j, c);
	json_tcp(j, c);
	json_counters(j, c);
	json_time_wait(j, &c->time_wait);
	json_marks(j, c);
	jsonw_bool(b, KEY("complete"), c->complete);
	jsonw_uint(b, KEY("gaps"), c->gaps);
}
