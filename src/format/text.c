// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table for people: a row per connection, at most 120 columns wide for IPv4. A long address makes its row longer. Bytes
 * that a process chose reach the terminal only if they print. Opt-in records (state, retransmit, reset, time_wait) have the
 * row's first columns and then a word that begins with +. Losses, missing hooks and full accept queues are lines that begin
 * with #.
 */
#include "text.h"

#include <string.h>
#include <time.h>

#include "fmt.h"
#include "finding_text.h"
#include "put.h"
#include "stack_hint.h"
#include "units.h"

#include "src/core/record_clock.h"

#define FRAMES_SHOWN 4 /* of a stack */

static const char *const text_end_words[] = {
	[CONN_END_UNKNOWN] = NULL,          [CONN_END_FIN] = "fin",         [CONN_END_RST_SENT] = "rst-out",
	[CONN_END_RST_RECEIVED] = "rst-in", [CONN_END_REFUSED] = "refused", [CONN_END_TIMEOUT] = "timeout",
	[CONN_END_UNREACHABLE] = "unreach", [CONN_END_ABORTED] = "aborted", [CONN_END_NETNS_GONE] = "netns",
	[CONN_END_DAEMON_STOP] = "stop",    [CONN_END_NO_PORT] = "no-port",
};
_Static_assert(sizeof(text_end_words) / sizeof(text_end_words[0]) == CONN_END_MAX, "an end has no word");

const char *format_text_end(enum conn_end end)
{
	return text_end_words[end];
}

static const char text_state_letters[WIRE_STATE_MAX] = {
	[WIRE_SYN_SENT] = 'S',   [WIRE_SYN_RECV] = 'R',  [WIRE_NEW_SYN_RECV] = 'R', [WIRE_ESTABLISHED] = 'E',
	[WIRE_FIN_WAIT1] = '1',  [WIRE_FIN_WAIT2] = '2', [WIRE_CLOSING] = 'C',      [WIRE_TIME_WAIT] = 'T',
	[WIRE_CLOSE_WAIT] = 'W', [WIRE_LAST_ACK] = 'L',
};
static const char text_role_letters[CONN_ROLE_MAX] = "-csx";
static const char text_side_letters[CONN_SIDE_MAX] = "-lpb";

#define TEXT_LEGEND_STATES                                                                                                     \
	"S syn_sent, R syn_recv, E established, 1 2 fin_wait, C closing, T time_wait, W close_wait, L last_ack, ! incomplete"

const char format_text_legend[] =
	"R: c client, s server, x both opened. B: closed first by l local, p peer, b both. END: fin, rst-out, rst-in, refused, "
	"timeout, unreach(able), aborted, no-port, netns (gone), stop (the tool ended), open, - not known. LIFE: > at least. "
	"STATES: " TEXT_LEGEND_STATES ".";

/* The hour and minute change rarely, so they are cached. */
static char *text_local_time(char *p, int64_t wall_ns)
{
	static _Thread_local struct {
		int64_t minute;
		char text[6];
	} cache = {.minute = -1};
	int64_t sec = wall_ns > 0 ? wall_ns / 1000000000 : 0;

	if (sec / 60 != cache.minute) {
		time_t at = (time_t)sec;
		struct tm tm;
		localtime_r(&at, &tm);
		cache.minute = sec / 60;
		memcpy(cache.text,
		       (char[]){(char)('0' + tm.tm_hour / 10), (char)('0' + tm.tm_hour % 10), ':', (char)('0' + tm.tm_min / 10),
				(char)('0' + tm.tm_min % 10), ':'},
		       sizeof(cache.text));
	}
	memcpy(p, cache.text, sizeof(cache.text));
	p += sizeof(cache.text);
	*p++ = (char)('0' + sec % 60 / 10);
	*p++ = (char)('0' + sec % 10);
	return p;
}

static void text_time(struct text *t, uint64_t ts)
{
	int64_t wall = record_wall_ns(t->context, ts);
	char text[FMT_TIME_LEN];
	char *end = t->options->full_time ? fmt_time(text, wall) : text_local_time(text, wall);

	text_cell(t, TEXT_TIME, text, (size_t)(end - text));
}

static void text_address(struct text *t, enum text_column column, const struct conn_tuple *tuple)
{
	char text[FMT_ADDR_MAX + FMT_UINT_MAX + 3];
	struct buf b;

	buf_init(&b, text, sizeof(text));
	if (tuple->id_known)
		put_endpoint(&b, &tuple->id, column == TEXT_LOCAL, '-');
	else
		buf_char(&b, '-');
	text_cell(t, column, text, (size_t)(b.p - text));
}

static void text_process(struct text *t, const struct conn_tuple *tuple)
{
	char pid[FMT_UINT_MAX];

	if (tuple->from == CONN_FROM_NONE) {
		text_word(t, TEXT_PID, NULL);
		text_word(t, TEXT_COMM, NULL);
		return;
	}
	text_cell(t, TEXT_PID, pid, (size_t)(fmt_uint(pid, tuple->task.tgid) - pid));
	text_name(t, TEXT_COMM, tuple->task.comm, strnlen(tuple->task.comm, WIRE_COMM_LEN));
}

static void text_subject(struct text *t, const struct record *rec, const struct conn_tuple *tuple)
{
	text_time(t, rec->ts);
	text_process(t, tuple);
	text_letter(t, TEXT_ROLE, text_role_letters[tuple->role], conn_role_name(tuple->role));
	text_address(t, TEXT_LOCAL, tuple);
	text_address(t, TEXT_PEER, tuple);
}

/* CLOSE, where each connection begins and ends, is left out. */
static void text_states(struct text *t, const struct conn_record *c)
{
	bool any = false;

	for (unsigned int i = 0; i < c->timeline_len; i++) {
		uint8_t state = c->timeline[i].state;
		char letter = state < WIRE_STATE_MAX ? text_state_letters[state] : 0;
		if (!letter)
			continue;
		if (!t->options->wide) {
			buf_char(&t->b, letter);
		} else {
			if (any)
				buf_char(&t->b, '>');
			buf_str(&t->b, conn_state_name(state));
		}
		any = true;
	}
	if (!any)
		buf_char(&t->b, '-');
	if (!c->complete)
		buf_char(&t->b, '!');
}

static void text_connection(struct text *t, const struct record *rec)
{
	const struct conn_record *c = rec->conn;
	const char *end = t->options->wide && c->end != CONN_END_UNKNOWN ? conn_end_name(c->end) : text_end_words[c->end];
	uint64_t retransmits = c->retransmits.syn + c->retransmits.synack + c->retransmits.data + c->retransmits.fin;

	text_subject(t, rec, &c->t);
	text_letter(t, TEXT_BY, text_side_letters[c->closed_by], conn_side_name(c->closed_by));
	text_word(t, TEXT_END, c->final ? end : "open");
	text_duration(t, TEXT_HANDSHAKE, c->handshake_known, "", c->handshake_us);
	text_duration(t, TEXT_LIFE, true, c->duration_known ? "" : ">", (c->end_ns - c->start_ns) / 1000);
	text_scaled(t, TEXT_TX, c->stats_known, units_size, c->payload_acked);
	text_scaled(t, TEXT_RX, c->stats_known, units_size, c->payload_received);
	text_scaled(t, TEXT_RETRANSMITS, true, units_count, retransmits);
	text_states(t, c);
}

static void text_state(struct text *t, const struct record *rec)
{
	const struct conn_state_record *s = rec->state;
	text_subject(t, rec, s->t);
	text_phrase(t, "+state ", conn_state_name(s->old_state));
	text_phrase(t, ">", conn_state_name(s->new_state));
	if (s->prev_known)
		put_text_duration(&t->b, " after ", s->prev_us);
	text_phrase(t, " by ", conn_by_name(s->by));
}

/* The columns of what has no connection: a local port that was counted for. */
static void text_port(struct text *t, uint64_t ts, uint32_t netns, uint16_t local_port)
{
	char text[FMT_UINT_MAX + 2] = "*:";

	text_time(t, ts);
	text_word(t, TEXT_PID, NULL);
	text_word(t, TEXT_COMM, NULL);
	text_word(t, TEXT_ROLE, NULL);
	text_cell(t, TEXT_LOCAL, text, netns ? (size_t)(fmt_uint(text + 2, local_port) - text) : 1);
	text_word(t, TEXT_PEER, NULL);
}

static void text_times(struct text *t, uint64_t count, uint64_t interval_us)
{
	if (count != 1)
		put_text_uint(&t->b, " x", count);
	if (interval_us)
		put_text_duration(&t->b, " in ", interval_us);
}

static void text_retransmit(struct text *t, const struct record *rec)
{
	const struct conn_retransmit_record *r = rec->retransmit;
	if (r->t)
		text_subject(t, rec, r->t);
	else
		text_port(t, rec->ts, r->netns, r->local_port);
	text_phrase(t, "+retransmit ", conn_segment_name(r->kind));
	text_phrase(t, " by ", conn_trigger_name(r->trigger));
	text_phrase(t, " in ", conn_state_name(r->state));
	text_times(t, r->count, r->interval_us);
	if (!r->t && r->netns)
		put_text_uint(&t->b, " netns ", r->netns);
	else if (!r->t)
		buf_str(&t->b, " at all other ports");
}

static void text_reset(struct text *t, const struct record *rec)
{
	const struct conn_reset_record *r = rec->reset;
	const struct record_context *context = t->context;

	if (r->t)
		text_subject(t, rec, r->t);
	else
		text_port(t, rec->ts, r->netns, r->local_port);
	text_phrase(t, "+reset ", r->direction == WIRE_SENT ? "sent" : "received");
	text_phrase(t, " in ", conn_state_name(r->state));
	text_times(t, r->count, r->interval_us);
	if (!r->t && r->netns)
		put_text_uint(&t->b, " netns ", r->netns);
	else if (!r->t)
		buf_str(&t->b, " at all other ports");
	if (r->reason && context->reason_name)
		text_phrase(t, ": ", context->reason_name(context->ctx, r->reason));
}

/* What is not known is left out: a minisocket that died in FIN_WAIT2 had no TIME_WAIT to measure. */
static void text_time_wait(struct text *t, const struct record *rec)
{
	const struct conn_time_wait *tw = &rec->time_wait->time_wait;

	text_subject(t, rec, rec->time_wait->t);
	text_phrase(t, "+time_wait ", tw->end == WIRE_CAUSE_UNKNOWN ? "ended" : conn_tw_end_name(tw->end));
	if (tw->us_known)
		put_text_duration(&t->b, " after ", tw->us);
	if (tw->fin_wait2_us_known)
		put_text_duration(&t->b, " in FIN_WAIT2 ", tw->fin_wait2_us);
	if (tw->restarts)
		put_text_uint(&t->b, " restarts ", tw->restarts);
	if (tw->ev != CONN_EV_EVENT)
		text_phrase(t, " by ", tw->ev == CONN_EV_SCAN ? "scan" : "inference");
}

/* The innermost frames in one line, from the programmer's own on; JSON has them all. */
static void text_stack(struct text *t, const struct record_stack *stack)
{
	const char *frame = stack->frames, *before = stack->accepted ? " by accept() in " : " by connect() in ";
	size_t len;

	for (int line = 0; line < stack_own_line(stack); line++)
		frame = strchr(frame, '\n') + 1;
	for (unsigned int i = 0; i < FRAMES_SHOWN && *frame; i++, frame += len + (frame[len] == '\n')) {
		len = strcspn(frame, "\n");
		buf_str(&t->b, before);
		put_safe(&t->b, frame, len, SIZE_MAX, true);
		before = " < ";
	}
}

static void text_leak(struct text *t, const struct record *rec)
{
	const struct record_stack *stack = t->owner ? t->owner->stack : NULL;
	const struct leak_record *l = rec->leak;
	const struct leak_socket *socket = l->socket;
	const struct leak_holder *holder;

	text_subject(t, rec, &socket->t);
	text_phrase(t, "+close_wait_leak", l->resumed ? " resumed" : "");
	text_phrase(t, " ", leak_cause_name(socket->verdict.cause));
	put_text_duration(&t->b, socket->age_is_lower_bound ? " for >" : " for ", socket->age_ns / 1000);
	leak_for_each_holder (holder, l->holders, socket) {
		if (holder->task.tgid != socket->t.task.tgid)
			continue;
		put_text_uint(&t->b, " fd ", (uint64_t)holder->fd);
		break;
	}
	if (socket->opener.tgid) {
		buf_str(&t->b, " opened by ");
		put_safe(&t->b, socket->opener.comm, strnlen(socket->opener.comm, sizeof(socket->opener.comm)), SIZE_MAX, true);
		put_text_uint(&t->b, "[", socket->opener.tgid);
		buf_str(&t->b, socket->opener_ended ? "] (ended)" : "]");
	}
	if (l->count > 1)
		put_text_uint(&t->b, " sockets ", l->count);
	if (stack && socket->verdict.cause != LEAK_NEVER_ACCEPTED)
		text_stack(t, stack);
}

static void text_leak_resolved(struct text *t, const struct record *rec)
{
	const struct leak_resolved_record *r = rec->leak_resolved;
	text_subject(t, rec, r->t);
	text_phrase(t, "+close_wait_resolved ", leak_resolution_name(r->resolution));
	put_text_duration(&t->b, r->age_is_lower_bound ? " after >" : " after ", r->in_state_ns / 1000);
	if (r->count > 1)
		put_text_uint(&t->b, " sockets ", r->count);
}

static void text_finding(struct text *t, const struct record *rec)
{
	text_phrase(t, "# finding ", finding_id_name(rec->finding->id));
	text_phrase(t, " ", finding_what_name(rec->finding->what));
	buf_str(&t->b, ": ");
	finding_message(&t->b, rec->finding);
	if (rec->finding->t.from == CONN_FROM_NONE)
		return;
	buf_char(&t->b, ' ');
	put_process(&t->b, &rec->finding->t, SIZE_MAX, true);
}

const char *text_lost_unit(enum wire_lost_stage stage)
{
	if (stage == WIRE_LOST_QUEUE || stage == WIRE_LOST_WRITE)
		return "records";
	if (stage == WIRE_LOST_RATELIMIT)
		return "counts or stacks";
	return stage >= WIRE_LOST_STACK_RING ? "stacks" : "events";
}

static void text_lost(struct text *t, const struct record *rec)
{
	const struct conn_lost_record *l = rec->lost;
	const char *unit = text_lost_unit(l->stage);

	put_text_uint(&t->b, "# lost ", l->count);
	text_phrase(t, " ", unit);
	text_phrase(t, " in ", conn_lost_stage_name(l->stage));
	if (!strcmp(unit, "events"))
		put_text_uint(&t->b, ", connections that may be affected: ", l->connections_affected);
}

static void text_meta(struct text *t, const struct record *rec)
{
	const struct record_meta *m = rec->meta;
	const char *before = " without ";

	if (m->output) {
		text_phrase(t, "# output ", m->output->name);
		text_phrase(t, ": ", m->output->error ?: "takes records again");
		return;
	}
	if (m->reload && m->reload->error)
		text_phrase(t, "# the configuration is wrong, and the old settings stay: ", m->reload->error);
	if (strcmp(m->what, "degraded") != 0)
		return;
	buf_str(&t->b, "# degraded:");
	for (size_t i = 0; i < m->hooks_len; i++) {
		if (m->hooks[i].ok || m->hooks[i].not_needed)
			continue;
		text_phrase(t, before, m->hooks[i].name);
		text_phrase(t, ": ", m->hooks[i].why);
		before = "; ";
	}
}

/* Snapshots have no place in a table. */
static void (*const text_rows[RECORD_MAX])(struct text *t, const struct record *rec) = {
	[RECORD_CONNECTION] = text_connection,
	[RECORD_PROGRESS] = text_connection,
	[RECORD_STATE] = text_state,
	[RECORD_RETRANSMIT] = text_retransmit,
	[RECORD_RESET] = text_reset,
	[RECORD_TIME_WAIT] = text_time_wait,
	[RECORD_LOST] = text_lost,
	[RECORD_SUMMARY] = text_summary,
	[RECORD_META] = text_meta,
	[RECORD_CLOSE_WAIT_LEAK] = text_leak,
	[RECORD_CLOSE_WAIT_RESOLVED] = text_leak_resolved,
	[RECORD_FINDING] = text_finding,
};

/* Room for the newline is kept: what does not fit is cut, but it stays a line. */
static size_t text_line_end(struct buf *b)
{
	if (b->p == b->start)
		return 0;
	*b->p++ = '\n';
	return (size_t)(b->p - b->start);
}

static size_t text_format(const struct format_input *in, char *buf, size_t size)
{
	struct text t = {.context = in->context, .options = in->options, .owner = in->owner};

	buf_init(&t.b, buf, size - 1);
	if (text_rows[in->rec->kind])
		text_rows[in->rec->kind](&t, in->rec);
	return text_line_end(&t.b);
}

static size_t text_begin(const struct format_options *options, char *buf, size_t size)
{
	struct text t = {.options = options};

	buf_init(&t.b, buf, size - 1);
	for (enum text_column i = 0; i < TEXT_STATES; i++)
		text_word(&t, i, text_title(options, i));
	buf_str(&t.b, text_title(options, TEXT_STATES));
	if (!options->wide)
		buf_str(&t.b, "\n# " TEXT_LEGEND_STATES);
	return text_line_end(&t.b);
}

const struct format format_text = {
	.begin = text_begin,
	.format = text_format,
};
