// SPDX-License-Identifier: GPL-2.0-only
/* How connections ended, resets and retransmissions by cause, and whose they are. */
#include "html_part.h"

#include "put.h"

#define ROWS_SHOWN 20

/* One row of two numbers, with a bar of its share. */
static void put_share(struct buf *b, const char *name, uint64_t count, uint64_t all)
{
	if (!count)
		return;
	buf_str(b, "<tr>");
	html_cell_text(b, name);
	html_cell_count(b, count);
	put_text_uint(b,
		      "<td class=\"share\"><svg viewBox=\"0 0 100 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">"
		      "<rect class=\"bar\" width=\"",
		      all ? count * 100 / all : 0);
	buf_str(b, "\" height=\"10\"/></svg>");
	html_percent(b, count, all);
	buf_str(b, "</td></tr>\n");
}

static void put_ends(struct buf *b, const struct report *r)
{
	char *begin = b->p, *rows_at;
	static const char *const columns[] = {"End", "#Connections", "Share", NULL};

	html_table_begin(b, "ends", "Ends of connections", columns);
	rows_at = b->p;
	for (unsigned int end = 0; end < CONN_END_MAX; end++)
		put_share(b, conn_end_name(end), r->ends[end], r->cover.kinds[RECORD_CONNECTION]);
	html_table_end_if(b, begin, rows_at);
}

static void put_resets(struct buf *b, const struct report *r)
{
	char *begin = b->p, *rows_at;
	static const char *const columns[] = {"Last state", "#Sent", "#Received", NULL};

	html_table_begin(b, "resets", "Resets by the state that they met", columns);
	rows_at = b->p;
	for (unsigned int state = 0; state < WIRE_STATE_MAX; state++) {
		if (!r->resets_by_state[0][state] && !r->resets_by_state[1][state])
			continue;
		buf_str(b, "<tr>");
		html_cell_text(b, state == WIRE_CLOSE ? "not known" : conn_state_name(state) ?: "not known");
		html_cell_count(b, r->resets_by_state[0][state]);
		html_cell_count(b, r->resets_by_state[1][state]);
		buf_str(b, "</tr>\n");
	}
	html_table_end_if(b, begin, rows_at);
}

static void put_reasons(struct buf *b, const struct report *r)
{
	char *begin = b->p, *rows_at;
	static const char *const columns[] = {"Reason", "#Of connections", "#Of no connection", NULL};
	unsigned int rows[REPORT_TOP_ROWS], len = report_top_order(&r->reasons, 0, rows, ROWS_SHOWN);

	html_table_begin(b, "reasons", "Resets that were sent, by the kernel's reason", columns);
	rows_at = b->p;
	for (unsigned int i = 0; i < len + r->reasons.len; i++) {
		const struct report_row *row = i < len ? &r->reasons.rows[rows[i]] : &r->reasons.rows[i - len];

		if (i >= len && (row->values[0] || !row->values[1] || i - len >= ROWS_SHOWN))
			continue; /* it was in the order of those of connections */
		buf_str(b, "<tr>");
		html_cell_text(b, report_key_field(&row->key, 0));
		html_cell_count(b, row->values[0]);
		html_cell_count(b, row->values[1]);
		buf_str(b, "</tr>\n");
	}
	html_table_end_if(b, begin, rows_at);
}

static void put_retransmits(struct buf *b, const struct report *r)
{
	char *begin = b->p, *rows_at;
	static const char *const columns[] = {"Segment", "#Sent again", "Share", NULL};
	uint64_t all = r->again.syn + r->again.synack + r->again.data + r->again.fin;

	html_table_begin(b, "retransmits", "Retransmissions by what was sent again", columns);
	rows_at = b->p;
	put_share(b, "SYN: no answer to an attempt", r->again.syn, all);
	put_share(b, "SYN-ACK: no ACK of a handshake", r->again.synack, all);
	put_share(b, "data: loss, or a peer that is gone", r->again.data, all);
	put_share(b, "FIN: no ACK of a close", r->again.fin, all);
	html_table_end_if(b, begin, rows_at);
}

/*
 * A record of a retransmission says its trigger, that of a connection only how many there were. A run that writes both counts
 * the same segments twice, so of each run only what exceeds its own records of retransmissions is added.
 */
static uint64_t without_trigger(const struct report *r)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < r->instances_len; i++)
		if (r->instances[i].again > r->instances[i].again_records)
			sum += r->instances[i].again - r->instances[i].again_records;
	return sum;
}

static void put_triggers(struct buf *b, const struct report *r)
{
	char *begin = b->p, *rows_at;
	static const char *const columns[] = {"Trigger", "#Segments", "Share", NULL};
	uint64_t without = without_trigger(r), all = without;

	for (unsigned int i = 0; i <= WIRE_TRIGGER_TLP; i++)
		all += r->triggers[i];
	if (!all)
		return;
	html_table_begin(b, "triggers", "Retransmissions by what caused them", columns);
	rows_at = b->p;
	for (unsigned int i = 0; i <= WIRE_TRIGGER_TLP; i++)
		put_share(b, conn_trigger_name(i) ?: "not known", r->triggers[i], all);
	put_share(b, "not in the data: needs --events retransmit", without, all);
	html_table_end_if(b, begin, rows_at);
}

static void put_row(struct buf *b, const struct report *r, const struct report_row *row, unsigned int fields)
{
	buf_str(b, "<tr>");
	for (unsigned int i = r->hosts.len <= 1; i < fields; i++)
		html_cell_text(b, report_key_field(&row->key, fields == 3 && i ? 3 - i : i));
	html_cell_count(b, row->values[ROW_CONNECTIONS]);
	html_cell_count(b, row->values[ROW_FAILED]);
	html_cell_count(b, row->values[ROW_RESETS]);
	html_cell_count(b, row->values[ROW_RETRANSMITTED]);
	buf_str(b, "</tr>\n");
}

static void put_peers(struct buf *b, const struct report *r, unsigned int by, const char *id, const char *caption)
{
	static const char *const names[] = {"Host",    "Service", "Role",        "#Connections",
					    "#Failed", "#Resets", "#Sent again", NULL};
	unsigned int rows[ROWS_SHOWN], len = report_top_order(&r->peers, by, rows, ROWS_SHOWN);

	if (!len)
		return;
	html_table_begin(b, id, caption, names + (r->hosts.len <= 1));
	for (unsigned int i = 0; i < len; i++)
		put_row(b, r, &r->peers.rows[rows[i]], 3);
	html_table_end(b);
}

void html_failures(struct buf *b, const struct report *r)
{
	html_section(b, "failures", "Failures, resets, retransmissions", NULL);
	buf_str(b, "<div class=\"columns\">\n");
	put_ends(b, r);
	put_resets(b, r);
	put_reasons(b, r);
	put_retransmits(b, r);
	put_triggers(b, r);
	buf_str(b, "</div>\n");
	buf_str(b, "<div class=\"columns\">\n");
	put_peers(b, r, ROW_FAILED, "failed-services", "Services with the most failures");
	put_peers(b, r, ROW_RETRANSMITTED, "again-services", "Services with the most retransmissions");
	buf_str(b, "</div>\n");
	html_section_end(b);
}

static void put_processes(struct buf *b, const struct report *r)
{
	char *begin = b->p, *rows_at;
	static const char *const names[] = {"Host", "Process", "#Connections", "#Failed", "#Resets", "#Sent again", NULL};
	unsigned int rows[ROWS_SHOWN], len = report_top_order(&r->processes, ROW_CONNECTIONS, rows, ROWS_SHOWN);

	html_table_begin(b, "processes", "Processes", names + (r->hosts.len <= 1));
	rows_at = b->p;
	for (unsigned int i = 0; i < len; i++)
		put_row(b, r, &r->processes.rows[rows[i]], 2);
	html_table_end_if(b, begin, rows_at);
}

/* Also a single one that has no connections but losses. */
static void put_host_rows(struct buf *b, const struct report *r)
{
	static const char *const names[] = {"Host",     "#Connections", "#Failed", "#Resets", "#Sent again",
					    "#Leaking", "#Incomplete",  "#Lost",   NULL};
	unsigned int rows[64], len = report_top_order(&r->hosts, ROW_CONNECTIONS, rows, 64);

	html_table_begin(b, "host-table", "Hosts", names);
	for (unsigned int i = 0; i < len; i++) {
		const struct report_row *row = &r->hosts.rows[rows[i]];

		buf_str(b, row->values[ROW_LEAKING] ? "<tr class=\"bad\">" : "<tr>");
		html_cell_text(b, report_key_field(&row->key, 0));
		for (unsigned int value = ROW_CONNECTIONS; value <= ROW_RETRANSMITTED; value++)
			html_cell_count(b, row->values[value]);
		html_cell_count(b, row->values[ROW_LEAKING]);
		html_cell_count(b, row->values[ROW_INCOMPLETE]);
		html_cell_count(b, row->values[ROW_LOST]);
		buf_str(b, "</tr>\n");
	}
	html_table_end(b);
}

void html_hosts(struct buf *b, const struct report *r)
{
	html_section(b, "hosts", r->hosts.len > 1 ? "Hosts and processes" : "Processes", NULL);
	if (r->hosts.len > 1)
		put_host_rows(b, r);
	put_processes(b, r);
	html_section_end(b);
}
