// SPDX-License-Identifier: GPL-2.0-only
/*
 * JSON lines, schema 1.1: one object per record, as docs/output.md and docs/schema.json have it.
 *
 * No line is longer than FORMAT_LINE_MAX, whatever names and paths a record brings: texts are cut, lists are shortened from the
 * middle, and the line says so. What is not known is null, what does not apply is absent.
 */
#include "json_common.h"

#include "src/core/level.h"

#define JSON_SCHEMA_VERSION "1.1"

/* The contract's order: as a connection lives. */
static const uint8_t json_states[] = {
	WIRE_SYN_SENT,   WIRE_SYN_RECV, WIRE_ESTABLISHED, WIRE_FIN_WAIT1, WIRE_FIN_WAIT2, WIRE_TIME_WAIT,
	WIRE_CLOSE_WAIT, WIRE_LAST_ACK, WIRE_CLOSING,     WIRE_LISTEN,    WIRE_CLOSE,
};

const char *format_detail_name(unsigned int detail)
{
	static const char *const names[] = {[FORMAT_FULL] = "full", [FORMAT_STANDARD] = "standard", [FORMAT_SHORT] = "short"};

	return names[detail];
}

static void write_instance(struct json *j)
{
	jsonw_word(&j->b, KEY("schema_version"), JSON_SCHEMA_VERSION);
	jsonw_word(&j->b, KEY("instance"), j->context->instance);
}

static void write_host(struct json *j)
{
	json_text(j, KEY("host"), j->context->hostname);
}

static void json_envelope(struct json *j, const struct record *rec)
{
	char *p = j->b.p;

	p = piece_time(p, FIRST_KEY("ts"), json_wall(j, rec->ts));
	jsonw_take(&j->b, piece_word(p, record_kind_word(rec->kind)));
	json_repeat(j, j->memory ? &j->memory->instance : NULL, write_instance);
	jsonw_uint(&j->b, KEY("seq"), j->seq);
	json_repeat(j, j->memory ? &j->memory->host : NULL, write_host);
}

static void json_state(struct json *j, const struct record *rec)
{
	const struct conn_state_record *s = rec->state;
	struct buf *b = &j->b;

	json_tuple(j, s->t);
	jsonw_word(b, KEY("old_state"), conn_state_name(s->old_state));
	jsonw_word(b, KEY("new_state"), conn_state_name(s->new_state));
	jsonw_uint_if(b, KEY("prev_us"), s->prev_known, s->prev_us);
	jsonw_word(b, KEY("by"), conn_by_name(s->by));
	jsonw_word(b, KEY("ev"), conn_ev_name(s->ev));
}

/* Who it is about: a connection, or the port of a namespace where the kernel counted what has no connection. */
static void json_subject(struct json *j, const struct conn_tuple *t, uint32_t netns, uint16_t local_port)
{
	if (t) {
		json_tuple(j, t);
		return;
	}
	jsonw_uint_if(&j->b, KEY("netns"), netns != 0, netns); /* 0: all other ports */
	jsonw_uint_if(&j->b, KEY("local_port"), netns != 0, local_port);
}

static void json_count(struct json *j, uint64_t count, uint64_t interval_us)
{
	jsonw_uint(&j->b, KEY("count"), count);
	if (interval_us)
		jsonw_uint(&j->b, KEY("interval_us"), interval_us);
}

static void json_retransmit(struct json *j, const struct record *rec)
{
	const struct conn_retransmit_record *r = rec->retransmit;
	struct buf *b = &j->b;

	json_subject(j, r->t, r->netns, r->local_port);
	jsonw_word(b, KEY("state"), conn_state_name(r->state));
	jsonw_word(b, KEY("kind"), conn_segment_name(r->kind));
	jsonw_word(b, KEY("trigger"), conn_trigger_name(r->trigger));
	if (r->t) {
		jsonw_uint_if(b, KEY("tcp_seq"), r->seq_known, r->seq);
		jsonw_uint(b, KEY("len"), r->len);
	}
	json_count(j, r->count, r->interval_us);
}

static void json_reset(struct json *j, const struct record *rec)
{
	const struct conn_reset_record *r = rec->reset;
	json_subject(j, r->t, r->netns, r->local_port);
	jsonw_word(&j->b, KEY("direction"), r->direction == WIRE_SENT ? "sent" : "received");
	jsonw_word(&j->b, KEY("state"), conn_state_name(r->state));
	json_reason(j, r->reason);
	json_count(j, r->count, r->interval_us);
}

static void json_by_state(struct json *j, const uint64_t by_state[WIRE_STATE_MAX])
{
	jsonw_open(&j->b, KEY("by_state"), '{');
	for (size_t i = 0; i < sizeof(json_states); i++) {
		uint64_t count = by_state[json_states[i]];
		if (json_states[i] == WIRE_SYN_RECV)
			count += by_state[WIRE_NEW_SYN_RECV];
		jsonw_uint_named(&j->b, conn_state_name(json_states[i]), count);
	}
	jsonw_close(&j->b, '}');
}

static void json_snapshot(struct json *j, const struct record *rec)
{
	const struct conn_snapshot_record *s = rec->snapshot;
	struct buf *b = &j->b;

	jsonw_word(b, KEY("cause"), s->cause == WIRE_SCAN_STARTUP ? "startup" : s->cause == WIRE_SCAN_RESYNC ? "resync" : NULL);
	jsonw_uint(b, KEY("namespaces"), s->namespaces);
	jsonw_uint(b, KEY("sockets"), s->sockets);
	jsonw_uint(b, KEY("took_us"), s->took_us);
	json_by_state(j, s->by_state);
}

static void json_summary_time_wait(struct json *j, const struct conn_summary_record *s)
{
	struct buf *b = &j->b;

	if (!s->time_wait.on)
		return;
	jsonw_open(b, KEY("time_wait"), '{');
	jsonw_uint(b, KEY("entered"), s->time_wait.entered);
	jsonw_uint(b, KEY("alive"), s->time_wait.alive);
	jsonw_uint(b, KEY("early"), s->time_wait.early);
	jsonw_open(b, KEY("ended"), '{');
	for (enum wire_minisock_cause cause = WIRE_CAUSE_EXPIRED; cause <= WIRE_CAUSE_NETNS_GONE; cause++)
		jsonw_uint_named(b, conn_tw_end_name(cause), s->time_wait.ended[cause]);
	jsonw_uint(b, KEY("unknown"), s->time_wait.ended[WIRE_CAUSE_UNKNOWN]);
	jsonw_close(b, '}');
	jsonw_close(b, '}');
}

static void json_half_open(struct json *j, const struct conn_summary_record *s)
{
	struct buf *b = &j->b;

	if (!s->half_open_len && !s->half_open_rest)
		return;
	jsonw_open(b, KEY("half_open"), '[');
	for (unsigned int i = 0; i < s->half_open_len; i++) {
		jsonw_open(b, KEY_NONE, '{');
		jsonw_uint_if(b, KEY("netns"), s->half_open[i].netns != 0, s->half_open[i].netns);
		jsonw_uint(b, KEY("local_port"), s->half_open[i].local_port);
		jsonw_uint(b, KEY("count"), s->half_open[i].count);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
	jsonw_uint(b, KEY("half_open_rest"), s->half_open_rest);
}

static void json_ports(struct json *j, const struct conn_summary_record *s)
{
	struct buf *b = &j->b;

	if (!s->ports_len)
		return;
	jsonw_open(b, KEY("ports"), '[');
	for (unsigned int i = 0; i < s->ports_len; i++) {
		const struct conn_ports_row *row = &s->ports[i];

		jsonw_open(b, KEY_NONE, '{');
		jsonw_uint(b, KEY("netns"), row->netns);
		jsonw_addr(b, KEY("local_addr"), row->local_addr, row->ipv4);
		jsonw_addr(b, KEY("peer_addr"), row->peer_addr, row->ipv4);
		jsonw_uint(b, KEY("peer_port"), row->peer_port);
		jsonw_uint(b, KEY("in_use"), row->in_use);
		jsonw_uint(b, KEY("range"), row->range);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

static void json_summary(struct json *j, const struct record *rec)
{
	const struct conn_summary_record *s = rec->summary;
	struct buf *b = &j->b;
	bool degraded = false;

	if (s->diagnosis) {
		json_diagnosis(j, s->diagnosis);
		jsonw_uint(b, KEY("emitted"), j->seq);
		return;
	}
	if (s->leaks) {
		json_leak_totals(j, s->leaks);
		if (s->close_wait_any)
			jsonw_uint(b, KEY("close_wait_oldest_us"), s->close_wait_oldest_us);
		json_listeners(j, s);
		jsonw_uint(b, KEY("emitted"), j->seq);
		return;
	}
	jsonw_uint(b, KEY("interval_us"), s->interval_us);
	jsonw_uint(b, KEY("opened"), s->opened);
	jsonw_uint(b, KEY("closed"), s->closed);
	json_by_state(j, s->by_state);
	json_retransmits(j, &s->retransmits);
	jsonw_open(b, KEY("resets"), '{');
	jsonw_uint(b, KEY("sent"), s->resets_sent);
	jsonw_uint(b, KEY("received"), s->resets_received);
	jsonw_close(b, '}');
	json_summary_time_wait(j, s);
	json_half_open(j, s);
	json_listeners(j, s);
	json_namespaces(j, s);
	json_ports(j, s);
	if (s->close_wait_any)
		jsonw_uint(b, KEY("close_wait_oldest_us"), s->close_wait_oldest_us);
	if (s->close_wait_over_known)
		jsonw_uint(b, KEY("close_wait_over"), s->close_wait_over);
	jsonw_uint(b, KEY("events_in"), s->events_in);
	jsonw_uint(b, KEY("emitted"), j->seq);
	jsonw_open(b, KEY("lost"), '{');
	for (enum wire_lost_stage stage = WIRE_LOST_HOOK; stage < WIRE_LOST_MAX; stage++) {
		if (stage < WIRE_LOST_STACK_RING || s->lost[stage]) /* without --stacks there are none */
			jsonw_uint_named(b, conn_lost_stage_name(stage), s->lost[stage]);
		degraded |= s->lost[stage] != 0;
	}
	jsonw_close(b, '}');
	if (j->context->paths_dropped)
		jsonw_uint(b, KEY("paths_dropped"), j->context->paths_dropped);
	jsonw_uint_if(b, KEY("rss_bytes"), s->rss_bytes != 0, s->rss_bytes);
	jsonw_uint(b, KEY("cpu_us"), s->cpu_us);
	if (s->left_out)
		jsonw_uint(b, KEY("left_out"), s->left_out);
	jsonw_word(b, KEY("level"), s->level || !degraded ? record_level_name(s->level) : "degraded");
}

static void json_lost(struct json *j, const struct record *rec)
{
	const struct conn_lost_record *l = rec->lost;
	struct buf *b = &j->b;

	jsonw_word(b, KEY("stage"), conn_lost_stage_name(l->stage));
	jsonw_uint(b, KEY("count"), l->count);
	jsonw_uint(b, KEY("total"), l->total);
	jsonw_time(b, KEY("from"), json_wall(j, l->from_ns));
	jsonw_uint(b, KEY("connections_affected"), l->connections_affected);
}

static void json_hooks(struct json *j, const struct record_meta *m)
{
	struct buf *b = &j->b;
	size_t keep = m->hooks_len - j->drop;
	size_t head = keep - keep / 2;

	jsonw_open(b, KEY("hooks"), '[');
	for (size_t i = 0; i < keep; i++) {
		const struct record_hook *hook = &m->hooks[i < head ? i : i + j->drop];
		jsonw_open(b, KEY_NONE, '{');
		json_text(j, KEY("name"), hook->name);
		json_text(j, KEY("type"), hook->type);
		jsonw_bool(b, KEY("ok"), hook->ok);
		if (hook->why && hook->why[0])
			json_text(j, KEY("why"), hook->why);
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
	if (j->drop)
		jsonw_uint(b, KEY("hooks_dropped"), j->drop);
}

static void json_output(struct json *j, const struct record_output *output)
{
	json_text(j, KEY("output"), output->name);
	if (output->error)
		json_text(j, KEY("error"), output->error);
	jsonw_time(&j->b, KEY("since"), json_wall(j, output->since_ns));
}

static void json_names(struct json *j, struct jsonw_key key, const char *const *names, size_t len)
{
	jsonw_open(&j->b, key, '[');
	for (size_t i = 0; i < len; i++)
		json_text(j, KEY_NONE, names[i]);
	jsonw_close(&j->b, ']');
}

static void json_reload(struct json *j, const struct record_reload *reload)
{
	json_names(j, KEY("changed"), reload->changed, reload->changed_len);
	json_names(j, KEY("needs_restart"), reload->needs_restart, reload->needs_restart_len);
	if (reload->error)
		json_text(j, KEY("error"), reload->error);
}

static void json_step(struct json *j, const struct record_level_step *step)
{
	jsonw_open(&j->b, KEY("step"), '{');
	jsonw_word(&j->b, KEY("reason"), level_reason_name(step->reason));
	jsonw_word(&j->b, KEY("from"), record_level_name(step->from));
	jsonw_word(&j->b, KEY("to"), record_level_name(step->to));
	jsonw_uint(&j->b, KEY("measured"), step->measured);
	jsonw_uint_if(&j->b, KEY("limit"), step->limit != 0, step->limit);
	jsonw_close(&j->b, '}');
}

/* The run that wrote to this output before. */
static void json_before(struct json *j, const struct format_before *before)
{
	jsonw_open(&j->b, KEY("before"), '{');
	json_text(j, KEY("instance"), before->instance);
	if (before->ended_known)
		jsonw_bool(&j->b, KEY("ended"), before->ended);
	else
		jsonw_null(&j->b, KEY("ended"));
	jsonw_uint(&j->b, KEY("down_us"), before->down_us);
	jsonw_close(&j->b, '}');
}

static void json_meta(struct json *j, const struct record *rec)
{
	const struct record_meta *m = rec->meta;
	const struct record_context *context = j->context;

	json_text(j, KEY("what"), m->what);
	json_text(j, KEY("version"), context->version);
	json_text(j, KEY("kernel"), context->kernel);
	json_text(j, KEY("arch"), context->arch);
	json_text(j, KEY("boot_id"), context->boot_id);
	json_text(j, KEY("libbpf"), context->libbpf);
	jsonw_word(&j->b, KEY("detail"), format_detail_name(j->detail));
	jsonw_uint(&j->b, KEY("sample"), j->sample ? j->sample : 1);
	json_hooks(j, m);
	jsonw_open(&j->b, KEY("limits"), '{');
	jsonw_uint(&j->b, KEY("max_connections"), m->limits.max_connections);
	jsonw_uint(&j->b, KEY("ring_bytes"), m->limits.ring_bytes);
	jsonw_close(&j->b, '}');
	if (m->output)
		json_output(j, m->output);
	if (m->reload)
		json_reload(j, m->reload);
	if (m->step)
		json_step(j, m->step);
	if (m->left_out)
		jsonw_uint(&j->b, KEY("left_out"), m->left_out);
	if (j->before && !strcmp(m->what, "start"))
		json_before(j, j->before);
}

static void json_tw_end(struct json *j, const struct record *rec)
{
	const struct conn_time_wait_record *r = rec->time_wait;

	json_tuple(j, r->t);
	jsonw_time_if(&j->b, KEY("start"), r->start_known, json_wall(j, r->start_ns));
	json_time_wait(j, &r->time_wait);
}

/* What follows the envelope. */
static void (*const json_bodies[RECORD_MAX])(struct json *j, const struct record *rec) = {
	[RECORD_CONNECTION] = json_connection,
	[RECORD_PROGRESS] = json_connection,
	[RECORD_STATE] = json_state,
	[RECORD_RETRANSMIT] = json_retransmit,
	[RECORD_RESET] = json_reset,
	[RECORD_SNAPSHOT] = json_snapshot,
	[RECORD_SUMMARY] = json_summary,
	[RECORD_LOST] = json_lost,
	[RECORD_META] = json_meta,
	[RECORD_TIME_WAIT] = json_tw_end,
	[RECORD_CLOSE_WAIT_LEAK] = json_leak,
	[RECORD_CLOSE_WAIT_RESOLVED] = json_leak_resolved,
	[RECORD_FINDING] = json_finding,
};

/* How many entries the record's lists have. */
static size_t json_list_len(const struct record *rec)
{
	switch (rec->kind) {
	case RECORD_CONNECTION:
	case RECORD_PROGRESS:
		return rec->conn->segments_len + rec->conn->timeline_len;
	case RECORD_SUMMARY:
		return json_summary_len(rec->summary);
	case RECORD_META:
		return rec->meta->hooks_len;
	case RECORD_CLOSE_WAIT_LEAK:
		return json_holders_len(rec->leak);
	default:
		return 0;
	}
}

static size_t json_line(const struct format_input *in, char *buf, size_t max)
{
	static const struct record_owner unknown;
	bool alert = in->rec->kind == RECORD_CLOSE_WAIT_LEAK || in->rec->kind == RECORD_CLOSE_WAIT_RESOLVED ||
		     in->rec->kind == RECORD_FINDING;
	struct json j = {
		.context = in->context,
		.boot_id = format_boot_id(in->context, in->rec),
		.owner = in->owner ? in->owner : &unknown,
		.memory = format_other_boot(in->rec) ? NULL : in->memory, /* which has the ids of this boot */
		.seq = in->seq,
		.sample = in->options ? in->options->sample : 0,
		.before = in->options ? in->options->before : NULL,
		.detail = alert || !in->options ? FORMAT_FULL
						: in->options->detail, /* alerts are few, and someone acts on them */
	};
	size_t droppable = json_list_len(in->rec), len = 0;

	for (; len == 0 && j.drop <= droppable; j.drop++) {
		buf_init(&j.b, buf, max);
		json_envelope(&j, in->rec);
		json_bodies[in->rec->kind](&j, in->rec);
		jsonw_close(&j.b, '}');
		len = jsonw_end(&j.b);
	}
	return len;
}

static size_t json_format(const struct format_input *in, char *buf, size_t size)
{
	size_t max = size < FORMAT_LINE_MAX ? size : FORMAT_LINE_MAX, len;
	char space[FORMAT_LINE_MAX + JSONW_SLACK];

	if (size >= max + JSONW_SLACK)
		return json_line(in, buf, max);
	len = json_line(in, space, max);
	memcpy(buf, space, len);
	return len;
}

const struct format format_json = {.format = json_format};
