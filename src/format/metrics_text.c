// SPDX-License-Identifier: GPL-2.0-only
/*
 * One row for a family without labels; one function for a family with them. Names and units follow Prometheus: base units,
 * _total for counters, and a series of value 0 for whatever may count.
 */
#include "metrics_text.h"

#include "put.h"

#include <string.h>

#define PPM 1000000u

static void head(struct buf *b, const char *name, const char *type, const char *help)
{
	buf_str(b, "# HELP ");
	buf_str(b, name);
	buf_char(b, ' ');
	buf_str(b, help);
	buf_str(b, "\n# TYPE ");
	buf_str(b, name);
	buf_char(b, ' ');
	buf_str(b, type);
	buf_char(b, '\n');
}

/*
 * A quoted label value: UTF-8, in which \ and " are escaped. Foreign bytes become \xNN, and so does a backslash, so that two
 * texts never become one: Prometheus refuses all metrics if one series is there twice.
 */
static void put_value(struct buf *b, const char *text, size_t len)
{
	char safe[4 * METRICS_TOP_KEY_MAX + 8];
	struct buf s;

	buf_init(&s, safe, sizeof(safe));
	for (const char *end = text + len; text < end;) {
		const char *backslash = memchr(text, '\\', (size_t)(end - text));
		const char *stop = backslash ? backslash : end;

		put_safe(&s, text, (size_t)(stop - text), SIZE_MAX, false);
		if (backslash)
			buf_str(&s, "\\x5c");
		text = backslash ? stop + 1 : end;
	}
	buf_char(b, '"');
	for (const char *c = safe; c < s.p; c++) {
		if (*c == '"' || *c == '\\')
			buf_char(b, '\\');
		buf_char(b, *c);
	}
	buf_char(b, '"');
}

static void put_decimal(struct buf *b, uint64_t value, uint64_t scale)
{
	char digits[8];
	int n = 0;

	put_uint(b, value / scale);
	for (uint64_t rest = value % scale; rest; rest = rest * 10 % scale)
		digits[n++] = (char)('0' + rest * 10 / scale);
	if (n)
		buf_char(b, '.');
	buf_put(b, digits, (size_t)n);
}

/* name{label="text"} value */
static void row(struct buf *b, const char *name, const char *label, const char *text, uint64_t value)
{
	buf_str(b, name);
	buf_char(b, '{');
	buf_str(b, label);
	buf_char(b, '=');
	put_value(b, text, strlen(text));
	put_text_uint(b, "} ", value);
	buf_char(b, '\n');
}

static void single(struct buf *b, const char *name, uint64_t value, uint64_t scale)
{
	buf_str(b, name);
	buf_char(b, ' ');
	put_decimal(b, value, scale);
	buf_char(b, '\n');
}

/* `labels`: those before le, with a comma behind them. */
static void histogram(struct buf *b, const char *name, const char *labels, const struct metrics_histogram *h,
		      const uint64_t bounds[METRICS_BUCKETS])
{
	size_t len = strlen(labels);
	uint64_t sum = 0;

	for (unsigned int i = 0; i <= METRICS_BUCKETS; i++) {
		sum += h->counts[i];
		buf_str(b, name);
		buf_str(b, "_bucket{");
		buf_str(b, labels);
		buf_str(b, "le=\"");
		if (i < METRICS_BUCKETS)
			put_decimal(b, bounds[i], PPM);
		else
			buf_str(b, "+Inf");
		put_text_uint(b, "\"} ", sum);
		buf_char(b, '\n');
	}
	for (unsigned int i = 0; i < 2; i++) {
		buf_str(b, name);
		buf_str(b, i ? "_count" : "_sum");
		if (len) {
			buf_char(b, '{');
			buf_put(b, labels, len - 1);
			buf_char(b, '}');
		}
		buf_char(b, ' ');
		put_decimal(b, i ? sum : h->sum_us, i ? 1 : PPM);
		buf_char(b, '\n');
	}
}

/* States of a connection, in the order of its life. */
static const uint8_t states[] = {WIRE_SYN_SENT,   WIRE_SYN_RECV, WIRE_ESTABLISHED, WIRE_FIN_WAIT1, WIRE_FIN_WAIT2,
				 WIRE_CLOSE_WAIT, WIRE_LAST_ACK, WIRE_CLOSING,     WIRE_TIME_WAIT};
#define STATES (sizeof(states) / sizeof(states[0]))

static void connections(struct buf *b, const struct metrics_input *in)
{
	const struct metrics *m = in->metrics;
	char labels[48];

	head(b, "tcplife_connections", "gauge", "Connections by state.");
	for (size_t i = 0; i < STATES; i++)
		row(b, "tcplife_connections", "state", conn_state_name(states[i]), in->table->by_state[states[i]]);
	head(b, "tcplife_connections_opened_total", "counter",
	     "Connections that reached ESTABLISHED, or were found at the start.");
	single(b, "tcplife_connections_opened_total", in->table->opened, 1);
	head(b, "tcplife_connections_closed_total", "counter",
	     "Connections that ended, by reason; also those that were never established.");
	for (unsigned int i = 0; i < CONN_END_MAX; i++)
		row(b, "tcplife_connections_closed_total", "reason", conn_end_name(i), m->closed[i]);
	head(b, "tcplife_state_duration_seconds", "histogram", "Time in a state, of connections that ended.");
	for (size_t i = 0; i < STATES; i++) {
		struct buf l;

		buf_init(&l, labels, sizeof(labels) - 1);
		buf_str(&l, "state=\"");
		buf_str(&l, conn_state_name(states[i]));
		buf_str(&l, "\",");
		*l.p = '\0';
		histogram(b, "tcplife_state_duration_seconds", labels, &m->states[states[i]], metrics_state_us);
	}
	head(b, "tcplife_handshake_duration_seconds", "histogram", "From SYN to ESTABLISHED, of connections that ended.");
	histogram(b, "tcplife_handshake_duration_seconds", "", &m->handshakes, metrics_handshake_us);
}

static void reset_row(struct buf *b, bool received, const char *reason, size_t len, uint64_t value)
{
	buf_str(b, "tcplife_resets_total{direction=");
	buf_str(b, received ? "\"received\"" : "\"sent\"");
	buf_str(b, ",reason=");
	put_value(b, reason, len);
	put_text_uint(b, "} ", value);
	buf_char(b, '\n');
}

static void resets(struct buf *b, const struct metrics_top *top, const struct record_context *context)
{
	head(b, "tcplife_resets_total", "counter",
	     "Segments with RST, by direction and the kernel's reason; the 12 commonest reasons, and other.");
	for (uint32_t i = 0; i < top->len; i++) {
		const struct metrics_top_row *reset = &top->rows[i];
		char number[16];
		uint32_t reason;
		const char *name;
		struct buf n;

		if (!reset->shown)
			continue;
		memcpy(&reason, reset->key, sizeof(reason));
		name = reason && context->reason_name ? context->reason_name(context->ctx, reason) : NULL;
		buf_init(&n, number, sizeof(number) - 1);
		if (reason)
			put_uint(&n, reason);
		else
			buf_str(&n, "unknown");
		*n.p = '\0';
		name = name ? name : number;
		for (unsigned int received = 0; received < 2; received++)
			reset_row(b, received, name, strlen(name), reset->values[received]);
	}
	for (unsigned int received = 0; received < 2; received++)
		reset_row(b, received, METRICS_TOP_OTHER, strlen(METRICS_TOP_OTHER), top->others[received]);
}

static void troubles(struct buf *b, const struct metrics_input *in)
{
	static const char retransmitted[] = "tcplife_retransmitted_segments_total";
	const struct conn_retransmits *r = &in->table->retransmits;
	const struct metrics *m = in->metrics;

	head(b, retransmitted, "counter", "Segments that were sent again, by kind.");
	row(b, retransmitted, "kind", conn_segment_name(WIRE_SEG_SYN), r->syn);
	row(b, retransmitted, "kind", conn_segment_name(WIRE_SEG_SYNACK), r->synack);
	row(b, retransmitted, "kind", conn_segment_name(WIRE_SEG_DATA), r->data);
	row(b, retransmitted, "kind", conn_segment_name(WIRE_SEG_FIN), r->fin);
	resets(b, &m->reasons, in->context);
	head(b, "tcplife_close_wait_leaks", "gauge", "Sockets in CLOSE_WAIT for longer than the threshold.");
	single(b, "tcplife_close_wait_leaks", in->table->leaks_open, 1);
	head(b, "tcplife_close_wait_oldest_seconds", "gauge",
	     "Time in CLOSE_WAIT of the oldest socket there; 0: there is none.");
	single(b, "tcplife_close_wait_oldest_seconds", in->table->close_wait_oldest_us, PPM);
	head(b, "tcplife_close_wait_leaks_total", "counter", "Sockets that exceeded the threshold in CLOSE_WAIT, by cause.");
	for (unsigned int i = 0; i < LEAK_CAUSE_MAX; i++)
		row(b, "tcplife_close_wait_leaks_total", "cause", leak_cause_name(i) ?: "unknown", m->leaks[i]);
	head(b, "tcplife_close_wait_resolved_total", "counter", "Of these, those that left CLOSE_WAIT, by how.");
	for (unsigned int i = 0; i < LEAK_RESOLUTION_MAX; i++)
		row(b, "tcplife_close_wait_resolved_total", "resolution", leak_resolution_name(i), m->resolved[i]);
}

/* Of all network namespaces, read before each summary. */
static void listeners(struct buf *b, const struct metrics *m)
{
	static const struct {
		const char *name, *help;
	} rows[WIRE_NETNS_COUNTS] = {
		[WIRE_NETNS_COOKIES_SENT] = {"tcplife_syncookies_sent_total", "SYN cookies sent."},
		[WIRE_NETNS_COOKIES_RECV] = {"tcplife_syncookies_received_total", "SYN cookies that came back."},
		[WIRE_NETNS_COOKIES_FAILED] = {"tcplife_syncookies_failed_total", "SYN cookies that were wrong."},
		[WIRE_NETNS_OVERFLOWS] = {"tcplife_listen_overflows_total", "Times that an accept queue was full."},
		[WIRE_NETNS_DROPS] = {"tcplife_listen_drops_total", "Segments to listeners that were dropped."},
		[WIRE_NETNS_REQQ_DROP] = {"tcplife_request_queue_full_drops_total", "SYNs dropped for a full SYN queue."},
		[WIRE_NETNS_REQQ_COOKIES] = {"tcplife_request_queue_full_cookies_total",
					     "SYNs answered by a cookie for a full SYN queue."},
	};

	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++) {
		head(b, rows[i].name, "counter", rows[i].help);
		single(b, rows[i].name, m->netns[i], 1);
	}
	head(b, "tcplife_ephemeral_ports_used_ratio", "gauge",
	     "Part of the ports for connect() that the busiest pair of address and peer uses; 0: none uses more than half.");
	single(b, "tcplife_ephemeral_ports_used_ratio", m->ports_ppm, PPM);
}

static uint64_t ratio_ppm(uint64_t part, uint64_t whole)
{
	return whole ? (part < whole ? part : whole) * PPM / whole : 0;
}

static void output_rows(struct buf *b, const char *name, const struct metrics_self *self, size_t field)
{
	for (size_t i = 0; i < self->outputs_len; i++) {
		const struct metrics_output *o = &self->outputs[i];

		buf_str(b, name);
		put_text_uint(b, "{output=\"", i + 1);
		buf_str(b, "\",kind=\"");
		buf_str(b, o->kind);
		buf_str(b, "\"} ");
		if (field == offsetof(struct metrics_output, queued))
			put_decimal(b, ratio_ppm(o->queued, o->queue_size), PPM);
		else
			put_uint(b, *(const uint64_t *)((const char *)o + field));
		buf_char(b, '\n');
	}
}

static void losses(struct buf *b, const struct metrics_input *in)
{
	const struct metrics_self *self = in->self;
	uint64_t lost[WIRE_LOST_MAX];

	memcpy(lost, in->table->lost, sizeof(lost));
	for (size_t i = 0; i < self->outputs_len; i++) {
		lost[WIRE_LOST_QUEUE] += self->outputs[i].dropped;
		lost[WIRE_LOST_WRITE] += self->outputs[i].lost;
	}
	head(b, "tcplife_lost_total", "counter",
	     "What was lost, by stage: events (hook, ring), connections (table), records (queue, write), counts and stacks.");
	for (unsigned int i = 1; i < WIRE_LOST_MAX; i++)
		row(b, "tcplife_lost_total", "stage", conn_lost_stage_name(i), lost[i]);
	if (!self->outputs_len)
		return;
	head(b, "tcplife_output_records_total", "counter",
	     "Records that an output took; outputs are numbered as -o names them.");
	output_rows(b, "tcplife_output_records_total", self, offsetof(struct metrics_output, written));
	head(b, "tcplife_output_dropped_total", "counter", "Records that found no room in an output's queue.");
	output_rows(b, "tcplife_output_dropped_total", self, offsetof(struct metrics_output, dropped));
	head(b, "tcplife_output_lost_total", "counter", "Records that an output took and did not deliver.");
	output_rows(b, "tcplife_output_lost_total", self, offsetof(struct metrics_output, lost));
	head(b, "tcplife_output_left_out_total", "counter", "Records that the level kept from an output.");
	output_rows(b, "tcplife_output_left_out_total", self, offsetof(struct metrics_output, left_out));
	head(b, "tcplife_output_queue_used_ratio", "gauge", "Part of an output's queue that is full.");
	output_rows(b, "tcplife_output_queue_used_ratio", self, offsetof(struct metrics_output, queued));
}

static void about(struct buf *b, const struct record_context *context)
{
	const struct {
		const char *label, *value;
	} labels[] = {{"version", context->version}, {"kernel", context->kernel}, {"arch", context->arch}};

	head(b, "tcplife_build_info", "gauge", "This program and the kernel that it runs on; always 1.");
	buf_str(b, "tcplife_build_info{");
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		buf_str(b, i ? "," : "");
		buf_str(b, labels[i].label);
		buf_char(b, '=');
		put_value(b, labels[i].value ?: "unknown", strlen(labels[i].value ?: "unknown"));
	}
	buf_str(b, "} 1\n");
}

static void self(struct buf *b, const struct metrics_input *in)
{
	const struct metrics_self *s = in->self;
	const struct {
		const char *name, *type, *help;
		uint64_t value, scale;
	} rows[] = {
		{"tcplife_tracked_connections", "gauge", "Connections in the table.", in->table->tracked, 1},
		{"tcplife_tracked_connections_limit", "gauge", "As --max-connections says.", s->max_connections, 1},
		{"tcplife_table_memory_bytes", "gauge", "Memory of the table of connections.", in->table->memory_bytes, 1},
		{"tcplife_events_total", "counter", "Events that the kernel sent.", s->events, 1},
		{"tcplife_ring_size_bytes", "gauge", "Buffers for the kernel's events, all CPUs together.", s->ring_bytes, 1},
		{"tcplife_ring_used_ratio", "gauge", "The fullest of these buffers, at its fullest in the last second.",
		 ratio_ppm(s->ring_used, s->ring_size), PPM},
		{"tcplife_cpu_seconds_total", "counter", "CPU time of tcplife-fsm, without its helper processes.", s->cpu_us,
		 PPM},
		{"tcplife_helpers_cpu_seconds_total", "counter", "CPU time of the helper processes of tcplife-fsm.",
		 s->helpers_cpu_us, PPM},
		{"tcplife_resident_memory_bytes", "gauge", "Memory of tcplife-fsm, without its helper processes.", s->rss_bytes,
		 1},
		{"tcplife_level", "gauge",
		 "How much is written, by --cpu-limit and --memory-limit: 0 full, 1 standard, 2 short, 3 counts.", s->level, 1},
		{"tcplife_start_time_seconds", "gauge", "When this run began, in seconds since 1970.",
		 (uint64_t)s->start_wall_ns / 1000, PPM},
	};

	about(b, in->context);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		head(b, rows[i].name, rows[i].type, rows[i].help);
		single(b, rows[i].name, rows[i].value, rows[i].scale);
	}
}

static void live(struct buf *b, const struct metrics_live_counts *counts)
{
#define NAME(value, name) [value] = name,
	static const char *const names[METRICS_REFUSED_MAX] = {METRICS_REFUSALS(NAME)};

	if (!counts->on)
		return;
	head(b, "tcplife_live_pages", "gauge", "Live pages that are open.");
	single(b, "tcplife_live_pages", counts->pages, 1);
	head(b, "tcplife_live_page_refused_total", "counter",
	     "Requests for the live page that were refused, and pages that were cut off.");
	for (unsigned int i = 0; i < METRICS_REFUSED_MAX; i++)
		row(b, "tcplife_live_page_refused_total", "reason", names[i], counts->refused[i]);
}

static void by_row(struct buf *b, const char *name, const char *label, const char *key, size_t len)
{
	buf_str(b, name);
	buf_char(b, '{');
	buf_str(b, label);
	buf_char(b, '=');
	put_value(b, key, len);
	buf_str(b, "} ");
}

/* The commonest keys, and other. */
static void by(struct buf *b, const struct metrics *m)
{
	static const struct {
		const char *name, *help;
	} rows[METRICS_BY_VALUES] = {
		[METRICS_BY_CONNECTIONS] = {"tcplife_by_connections_total", "Connections that ended."},
		[METRICS_BY_FAILED] = {"tcplife_by_failed_connections_total", "Of these, those that were never established."},
		[METRICS_BY_RESETS] = {"tcplife_by_resets_total", "Resets of these, sent and received."},
		[METRICS_BY_RETRANSMITS] = {"tcplife_by_retransmitted_segments_total",
					    "Segments of these that were sent again."},
		[METRICS_BY_SENT] = {"tcplife_by_sent_bytes_total", "Payload of these that the peer acknowledged."},
		[METRICS_BY_RECEIVED] = {"tcplife_by_received_bytes_total", "Payload of these that was received."},
		[METRICS_BY_LIVED_US] = {"tcplife_by_connection_seconds_total", "Sum of the time that these lived."},
		[METRICS_BY_LEAKS] = {"tcplife_by_close_wait_leaks_total",
				      "Sockets that exceeded the threshold in CLOSE_WAIT."},
	};
	const char *label = metrics_by_name(m->by_what);

	for (unsigned int value = 0; label && value < METRICS_BY_VALUES; value++) {
		uint64_t scale = value == METRICS_BY_LIVED_US ? PPM : 1;

		head(b, rows[value].name, "counter", rows[value].help);
		for (uint32_t i = 0; i < m->by.len; i++) {
			if (!m->by.rows[i].shown)
				continue;
			by_row(b, rows[value].name, label, m->by.rows[i].key, m->by.rows[i].len);
			put_decimal(b, m->by.rows[i].values[value], scale);
			buf_char(b, '\n');
		}
		by_row(b, rows[value].name, label, METRICS_TOP_OTHER, strlen(METRICS_TOP_OTHER));
		put_decimal(b, m->by.others[value], scale);
		buf_char(b, '\n');
	}
}

size_t metrics_text(const struct metrics_input *in, char *text, size_t size)
{
	struct buf b;
	char *whole;

	buf_init(&b, text, size);
	connections(&b, in);
	troubles(&b, in);
	listeners(&b, in->metrics);
	losses(&b, in);
	self(&b, in);
	live(&b, &in->self->live);
	whole = b.p;
	by(&b, in->metrics);
	return (size_t)((b.overflow ? whole : b.p) - text);
}
