// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections as rows of CSV, quoted as RFC 4180 has it, with a newline alone at a line's end. The columns are keys of the
 * JSON records, a dot before what is nested; an empty cell is null or absent. Names and order only grow at the end.
 *
 * A program chooses its name, and a spreadsheet runs what begins with = + - or @: such a cell gets a ' in front, and so does
 * one that begins with ', so that a reader may take one ' away from any cell. Control characters are written as \xNN.
 */
#include "csv_cells.h"

#include "put.h"

static void put_states(struct csv *c, const struct conn_record *conn)
{
	if (!csv_cell(c, "states"))
		return;
	for (unsigned int i = 0; i < conn->timeline_len; i++) {
		buf_str(&c->b, i ? " " : "");
		buf_str(&c->b, conn_state_name(conn->timeline[i].state));
	}
}

static void put_life(struct csv *c, const struct conn_record *conn, bool is)
{
	csv_cell_time(c, "start", is && conn->start_known, conn->start_ns);
	csv_cell_time(c, "end", is && conn->final, conn->end_ns);
	csv_cell_uint(c, "duration_us", is && conn->duration_known, (conn->end_ns - conn->start_ns) / 1000);
	csv_cell_uint(c, "handshake_us", conn->handshake_known, conn->handshake_us);
	csv_cell_word(c, "closed_by", conn_side_name(conn->closed_by));
	csv_cell_word(c, "end_reason", is ? conn_end_name(conn->end) : NULL);
	csv_cell_word(c, "close_kind", conn_close_kind_name(conn->close_kind));
	csv_cell_word(c, "conn_state", conn->conn_state);
	put_states(c, conn);
	csv_cell_uint(c, "time_wait.us", conn->time_wait.entered && conn->time_wait.us_known, conn->time_wait.us);
	csv_cell_bool(c, "complete", is, conn->complete);
}

static void put_counts(struct csv *c, const struct conn_record *conn, bool is)
{
	const struct wire_stats *s = &conn->stats;
	bool known = conn->stats_known;

	csv_cell_uint(c, "tcp.bytes_sent", known && !conn->sent_unknown, s->bytes_sent);
	csv_cell_uint(c, "tcp.bytes_acked", known, conn->payload_acked);
	csv_cell_uint(c, "tcp.bytes_received", known, conn->payload_received);
	csv_cell_uint(c, "tcp.segs_out", known, s->segs_out);
	csv_cell_uint(c, "tcp.segs_in", known, s->segs_in);
	csv_cell_uint(c, "tcp.srtt_us", known && s->srtt_us, s->srtt_us);
	csv_cell_uint(c, "tcp.min_rtt_us", known && s->min_rtt_us != UINT32_MAX, s->min_rtt_us);
	csv_cell_uint(c, "tcp.unread_bytes", conn->unread_known, conn->unread_bytes);
	csv_cell_uint(c, "tcp.unsent_bytes", conn->unread_known, conn->unsent_bytes);
	csv_cell_uint(c, "retransmits.syn", is, conn->retransmits.syn);
	csv_cell_uint(c, "retransmits.synack", is, conn->retransmits.synack);
	csv_cell_uint(c, "retransmits.data", is, conn->retransmits.data);
	csv_cell_uint(c, "retransmits.fin", is, conn->retransmits.fin);
	csv_cell_uint(c, "resets.sent", is, conn->resets.sent);
	csv_cell_uint(c, "resets.received", is, conn->resets.received);
}

/* `rec` NULL: the header. A loss is a row, too, so that none is silent. */
static void put_row(struct csv *c, const struct record *rec)
{
	static const struct conn_record none;
	const struct conn_lost_record *lost = rec && rec->kind == RECORD_LOST ? rec->lost : NULL;
	const struct conn_record *conn = rec && !lost ? rec->conn : &none;
	bool is = rec && !lost;

	csv_cell_time(c, "ts", rec, rec ? rec->ts : 0);
	csv_cell_word(c, "event", rec ? record_kind_name(rec->kind) : NULL);
	csv_tuple(c, &conn->t, is ? c->in->owner : NULL, is);
	put_life(c, conn, is);
	put_counts(c, conn, is);
	csv_cell_word(c, "stage", lost ? conn_lost_stage_name(lost->stage) : NULL);
	csv_cell_uint(c, "count", lost, lost ? lost->count : 0);
	buf_char(&c->b, '\n');
}

static size_t csv_begin(const struct format_options *options, char *buf, size_t size)
{
	struct csv c = {0};

	(void)options;
	buf_init(&c.b, buf, size);
	put_row(&c, NULL);
	return (size_t)(c.b.p - c.b.start);
}

static size_t csv_format(const struct format_input *in, char *buf, size_t size)
{
	struct csv c = {.in = in};

	if (!(FORMAT_CSV_EVENTS & 1u << in->rec->kind))
		return 0;
	buf_init(&c.b, buf, size);
	put_row(&c, in->rec);
	return (size_t)(c.b.p - c.b.start);
}

const struct format format_csv = {.begin = csv_begin, .begin_once = true, .format = csv_format};
