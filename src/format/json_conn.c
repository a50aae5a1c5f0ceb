// SPDX-License-Identifier: GPL-2.0-only
/*
 * A connection in JSON: its tuple, which all records about it share, and its whole life. Keys, their order and their meaning
 * are docs/output.md's.
 */
#include "json_common.h"
#include "src/core/record_clock.h"

#include <sys/socket.h>

static void json_program(struct json *j, const struct wire_task *task)
{
	struct buf *b = &j->b;

	/* Of another boot it is by that boot's clock. */
	jsonw_time_if(b, KEY("start"), task->start_ns != 0 && j->boot_id == j->context->boot_id,
		      record_boot_wall_ns(j->context, task->start_ns));
	json_path(j, PATH_KEYS("exe"), j->owner->exe);
	if (j->owner->exe_deleted)
		jsonw_bool(b, KEY("exe_deleted"), true);
	jsonw_uint_if(b, KEY("uid"), task->uid != UINT32_MAX, task->uid);
}

static void json_running(struct json *j, const struct record_running *r)
{
	struct buf *b = &j->b;
	bool cut = r->cmdline_cut, cut_here;

	if (r->cmdline_len) {
		if (!jsonw_bytes(b, KEY("cmdline"), &(struct jsonw_bytes){r->cmdline, r->cmdline_len, JSON_CMDLINE_MAX},
				 &cut_here))
			jsonw_hex_bytes(b, KEY("cmdline_hex"), r->cmdline,
					r->cmdline_len < JSON_HEX_MAX ? r->cmdline_len : JSON_HEX_MAX);
		if (cut || cut_here)
			jsonw_bool(b, KEY("cmdline_cut"), true);
	}
	jsonw_uint(b, KEY("age_us"), r->age_us);
	if (r->fds_known)
		jsonw_uint(b, KEY("fds_open"), r->fds_open);
	if (r->fds_limit_known)
		jsonw_uint(b, KEY("fds_limit"), r->fds_limit);
}

static void write_process(struct json *j, const struct conn_tuple *t)
{
	const struct wire_task *task = &t->task;
	size_t comm_len = strnlen(task->comm, sizeof(task->comm));
	struct buf *b = &j->b;

	jsonw_open(b, KEY("process"), '{');
	jsonw_uint(b, KEY("pid"), task->tgid);
	if (!jsonw_text(b, KEY("comm"), task->comm, comm_len, FORMAT_LINE_MAX))
		jsonw_hex_bytes(b, KEY("comm_hex"), task->comm, comm_len);
	if (j->detail != FORMAT_SHORT)
		json_program(j, task);
	jsonw_word(b, KEY("from"), conn_from_name(t->from));
	if (j->owner->running)
		json_running(j, j->owner->running);
	jsonw_close(b, '}');
}

static struct format_process_key process_key(const struct json *j, const struct conn_tuple *t)
{
	return (struct format_process_key){
		.process = t->process,
		.start_wall_ns = record_boot_wall_ns(j->context, t->task.start_ns),
		.from = (uint8_t)t->from,
		.exe_known = j->owner->exe != NULL,
		.exe_deleted = j->owner->exe_deleted,
		.detail = (uint8_t)j->detail,
	};
}

/* As write_process(), which is asked once for many lines. */
static void repeat_process(struct json *j, const struct conn_tuple *t)
{
	struct format_process *known = &j->memory->processes[t->task.tgid % 16];
	const struct format_process_key key = process_key(j, t);
	const char *exe = j->owner->exe ? j->owner->exe : "", *begin = j->b.p;
	size_t exe_size;

	if (!memcmp(&known->key, &key, sizeof(key)) && !strcmp(known->exe, exe)) {
		buf_put(&j->b, known->part.text, known->part.len);
		return;
	}
	write_process(j, t);
	exe_size = strlen(exe) + 1;
	if (exe_size > sizeof(known->exe) || !json_remember(j, &known->part, begin))
		return;
	known->key = key;
	memcpy(known->exe, exe, exe_size);
}

static void json_process(struct json *j, const struct conn_tuple *t)
{
	if (t->from == CONN_FROM_NONE)
		jsonw_null(&j->b, KEY("process"));
	else if (j->memory && !j->owner->running)
		repeat_process(j, t);
	else
		write_process(j, t);
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
		jsonw_text(b, owner->id_claimed ? KEY("claimed_id") : KEY("id"), owner->container_id, 64, 64);
	if (owner->pod_uid)
		jsonw_text(b, owner->pod_claimed ? KEY("claimed_pod_uid") : KEY("pod_uid"), owner->pod_uid, owner->pod_uid_len,
			   64);
	jsonw_close(b, '}');
}

void json_whose(struct json *j, const struct conn_tuple *t)
{
	json_process(j, t);
	if (j->detail == FORMAT_SHORT)
		return;
	json_path(j, PATH_KEYS("cgroup"), j->owner->cgroup);
	json_container(j);
}

/* Behind the boot in conn_id. */
static char *put_tuple(const struct json *j, char *p, const struct conn_tuple *t)
{
	const struct wire_ident *id = &t->id;
	bool ipv4 = t->id_known && fmt_is_ipv4(id);

	p = piece_unquote(fmt_hex(p, t->cookie));
	if (t->generation)
		p = piece_uint(p, KEY("generation"), t->generation);
	if (!t->id_known) {
		if (j->detail != FORMAT_SHORT)
			p = piece_null(p, KEY("family"));
		p = PIECE(p, "\"local_addr\":null,\"local_port\":null,\"peer_addr\":null,\"peer_port\":null,");
	} else {
		if (j->detail != FORMAT_SHORT)
			p = ipv4 ? PIECE(p, "\"family\":\"ipv4\",") : PIECE(p, "\"family\":\"ipv6\",");
		p = piece_addr(p, KEY("local_addr"), id->local_addr, ipv4);
		p = piece_uint_if(p, KEY("local_port"), id->local_port != 0, id->local_port);
		p = piece_addr(p, KEY("peer_addr"), id->peer_addr, ipv4);
		p = piece_uint_if(p, KEY("peer_port"), id->peer_port != 0, id->peer_port);
	}
	p = piece_word(p, conn_role_word(t->role));
	return piece_uint_if(p, KEY("netns"), t->id_known && id->netns, id->netns);
}

static void write_boot(struct json *j)
{
	jsonw_take(&j->b, json_put_boot(j, j->b.p, KEY("conn_id"), "."));
}

void json_tuple(struct json *j, const struct conn_tuple *t)
{
	json_repeat(j, j->memory ? &j->memory->conn_id : NULL, write_boot);
	jsonw_take(&j->b, put_tuple(j, j->b.p, t));
	json_whose(j, t);
}

static char *put_times(const struct json *j, char *p, const struct conn_record *c)
{
	p = piece_time_if(p, KEY("start"), c->start_known, json_wall(j, c->start_ns));
	if (j->detail != FORMAT_SHORT)
		p = piece_time_if(p, KEY("end"), c->final, json_wall(j, c->end_ns));
	p = piece_uint_if(p, KEY("duration_us"), c->duration_known, (c->end_ns - c->start_ns) / 1000);
	return piece_uint_if(p, KEY("handshake_us"), c->handshake_known, c->handshake_us);
}

static char *put_end(const struct json *j, char *p, const struct conn_record *c)
{
	p = piece_word(p, conn_side_word(c->closed_by));
	p = piece_word(p, conn_end_word(c->end));
	p = piece_word(p, conn_close_kind_word(c->close_kind));
	if (j->detail != FORMAT_SHORT)
		p = c->conn_state ? piece_short(p, KEY("conn_state"), c->conn_state, JSON_STRING_MAX)
				  : piece_null(p, KEY("conn_state"));
	return c->history[0] ? piece_short(p, KEY("history"), c->history, sizeof(c->history)) : piece_null(p, KEY("history"));
}

static char *put_segment(char *p, const struct conn_segment *seg)
{
	p = piece_uint_if(p, FIRST_KEY("at_us"), seg->at_known, seg->at_us);
	p = piece_word(p, seg->dir == CONN_OUT ? conn_sent_word(seg->flags) : conn_came_word(seg->flags));
	p = piece_uint_if(p, KEY("seq"), seg->seq_known, seg->seq);
	p = piece_uint_if(p, KEY("ack"), seg->ack_known, seg->ack);
	if (seg->n > 1) {
		p = piece_uint(p, KEY("n"), seg->n);
		if (seg->last_known)
			p = piece_uint(p, KEY("at_us_last"), seg->at_us_last);
	}
	return piece_word(p, conn_proof_word(seg->proof));
}

static char *put_isn(char *p, const struct conn_record *c)
{
	if (!c->isn_local_known && !c->isn_peer_known)
		return piece_null(p, KEY("isn"));
	p = piece_uint_if(p, KEY_IN("isn", "local"), c->isn_local_known, c->isn_local);
	return piece_close(piece_uint_if(p, KEY("peer"), c->isn_peer_known, c->isn_peer));
}

/* Of a list that is too long its middle is left out: how it began and how it ended says more. */
static char *put_segments(const struct json *j, char *p, const struct conn_record *c)
{
	unsigned int drop = j->drop < c->segments_len ? j->drop : c->segments_len;
	unsigned int keep = c->segments_len - drop, head = keep - keep / 2;

	p = PIECE(p, "\"segments\":[");
	for (unsigned int i = 0; i < head; i++)
		p = put_segment(p, &c->segments[i]);
	for (unsigned int i = head + drop; i < c->segments_len; i++)
		p = put_segment(p, &c->segments[i]);
	p = piece_close_list(p);
	if (drop)
		p = piece_uint(p, KEY("segments_dropped"), drop);
	return put_isn(p, c);
}

static char *put_span(char *p, const struct conn_span *span)
{
	p = piece_word(p, conn_state_word(span->state));
	p = piece_uint(p, KEY("at_us"), span->at_us);
	p = piece_uint_if(p, KEY("us"), span->us_known, span->us);
	p = piece_word(p, conn_by_word(span->by));
	return piece_word(p, conn_ev_word(span->ev));
}

/* Segments go first. */
static char *put_timeline(const struct json *j, char *p, const struct conn_record *c)
{
	unsigned int drop = j->drop > c->segments_len ? j->drop - c->segments_len : 0;
	unsigned int keep = c->timeline_len - drop, head = keep - keep / 2;

	p = PIECE(p, "\"timeline\":[");
	for (unsigned int i = 0; i < head; i++)
		p = put_span(p, &c->timeline[i]);
	for (unsigned int i = head + drop; i < c->timeline_len; i++)
		p = put_span(p, &c->timeline[i]);
	p = piece_close_list(p);
	return drop ? piece_uint(p, KEY("timeline_dropped"), drop) : p;
}

static char *put_tcp_short(const struct json *j, char *p, const struct conn_record *c)
{
	p = piece_uint_if(p, KEY_IN("tcp", "bytes_acked"), c->stats_known, c->payload_acked);
	p = piece_uint_if(p, KEY("bytes_received"), c->stats_known, c->payload_received);
	if (j->detail != FORMAT_SHORT)
		p = piece_uint_if(p, KEY("srtt_us"), c->stats_known && c->stats.srtt_us != 0, c->stats.srtt_us);
	return piece_close(p);
}

static char *put_tcp(char *p, const struct conn_record *c)
{
	const struct wire_stats *s = &c->stats;
	bool known = c->stats_known;

	p = piece_uint_if(p, KEY_IN("tcp", "bytes_sent"), known && !c->sent_unknown, s->bytes_sent);
	p = piece_uint_if(p, KEY("bytes_acked"), known, c->payload_acked);
	p = piece_uint_if(p, KEY("bytes_received"), known, c->payload_received);
	p = piece_uint_if(p, KEY("segs_out"), known, s->segs_out);
	p = piece_uint_if(p, KEY("segs_in"), known, s->segs_in);
	p = piece_uint_if(p, KEY("srtt_us"), known && s->srtt_us != 0, s->srtt_us);
	p = piece_uint_if(p, KEY("min_rtt_us"), known && s->min_rtt_us != UINT32_MAX, s->min_rtt_us);
	p = piece_uint_if(p, KEY("mss"), known && s->mss != 0, s->mss);
	p = piece_uint_if(p, KEY("unread_bytes"), c->unread_known, c->unread_bytes);
	return piece_uint_if(p, KEY("unsent_bytes"), c->unread_known, c->unsent_bytes);
}

static void write_congestion(struct json *j, const char *name)
{
	jsonw_text(&j->b, KEY("congestion"), name, name ? strnlen(name, WIRE_CA_LEN) : 0, FORMAT_LINE_MAX);
}

/* Nearly all connections of a host have the same. */
static void json_congestion(struct json *j, const char *name)
{
	const char *begin = j->b.p;

	if (!name || !j->memory) {
		write_congestion(j, name);
		return;
	}
	if (!memcmp(j->memory->congestion.name, name, WIRE_CA_LEN)) {
		buf_put(&j->b, j->memory->congestion.part.text, j->memory->congestion.part.len);
		return;
	}
	write_congestion(j, name);
	if (json_remember(j, &j->memory->congestion.part, begin))
		memcpy(j->memory->congestion.name, name, WIRE_CA_LEN);
}

static char *put_retransmits(char *p, const struct conn_retransmits *again)
{
	p = piece_uint(p, KEY_IN("retransmits", "syn"), again->syn);
	p = piece_uint(p, KEY("synack"), again->synack);
	p = piece_uint(p, KEY("data"), again->data);
	p = piece_uint(p, KEY("fin"), again->fin);
	return piece_close(piece_null(p, KEY("probe"))); /* no hook shows them */
}

void json_retransmits(struct json *j, const struct conn_retransmits *again)
{
	jsonw_take(&j->b, put_retransmits(j->b.p, again));
}

static void json_counters(struct json *j, const struct conn_record *c)
{
	const struct conn_retransmits *again = &c->retransmits;
	struct buf *b = &j->b;

	if (j->detail != FORMAT_SHORT || again->syn || again->synack || again->data || again->fin)
		json_retransmits(j, again);
	if (!c->resets.sent && !c->resets.received)
		return;
	jsonw_open(b, KEY("resets"), '{');
	jsonw_uint(b, KEY("sent"), c->resets.sent);
	jsonw_uint(b, KEY("received"), c->resets.received);
	json_reason(j, c->resets.reason);
	jsonw_close(b, '}');
}

static char *put_time_wait(const struct json *j, char *p, const struct conn_time_wait *tw)
{
	p = piece_uint_if(p, KEY_IN("time_wait", "us"), tw->us_known, tw->us);
	if (tw->fin_wait2 && j->detail != FORMAT_SHORT)
		p = piece_uint_if(p, KEY("fin_wait2_us"), tw->fin_wait2_us_known, tw->fin_wait2_us);
	if (j->detail != FORMAT_SHORT)
		p = piece_uint_if(p, KEY("restarts"), !tw->restarts_unknown, tw->restarts);
	p = piece_word(p, conn_tw_end_word(tw->end));
	return piece_word(p, conn_ev_word(tw->ev));
}

void json_time_wait(struct json *j, const struct conn_time_wait *tw)
{
	if (tw->entered)
		jsonw_take(&j->b, put_time_wait(j, j->b.p, tw));
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

static char *put_proof(const struct json *j, char *p, const struct conn_record *c)
{
	p = piece_bool(p, KEY("complete"), c->complete);
	return c->gaps || j->detail != FORMAT_SHORT ? piece_uint(p, KEY("gaps"), c->gaps) : p;
}

void json_connection(struct json *j, const struct record *rec)
{
	const struct conn_record *c = rec->conn;
	struct buf *b = &j->b;
	char *p;

	json_tuple(j, &c->t);
	p = b->p;
	if (j->detail != FORMAT_SHORT)
		p = piece_bool(p, KEY("final"), c->final);
	p = put_end(j, put_times(j, p, c), c);
	if (j->detail != FORMAT_SHORT)
		p = put_timeline(j, p, c);
	if (j->detail == FORMAT_FULL)
		p = put_segments(j, p, c);
	p = j->detail == FORMAT_FULL ? put_tcp(p, c) : put_tcp_short(j, p, c);
	jsonw_take(b, p);
	if (j->detail == FORMAT_FULL) {
		json_congestion(j, c->stats_known && c->stats.ca_name[0] ? c->stats.ca_name : NULL);
		jsonw_close(b, '}');
	}
	json_counters(j, c);
	json_time_wait(j, &c->time_wait);
	if (j->detail != FORMAT_SHORT)
		json_marks(j, c);
	jsonw_take(b, put_proof(j, b->p, c));
}
