// SPDX-License-Identifier: GPL-2.0-only
/* Panels with a table each, some with numbers over time. */
#include "html_part.h"

#include "put.h"

#define ROWS_SHOWN 24
#define SPARK_HEIGHT 30

/* Numbers over time: an area of what was held on average, and a line of what there was at each moment. */

static double peak_of(const struct report_series *s, const struct report_axis *axis, double *ret_changes)
{
	double peak = 0, most = 0;
	int64_t now = 0;

	for (unsigned int slot = 0; slot < REPORT_SLOTS; slot++) {
		double mean = report_series_mean(s, axis, slot);

		now += s->change[slot];
		peak = mean > peak ? mean : peak;
		most = (double)now > most ? (double)now : most;
	}
	*ret_changes = most;
	return peak;
}

static void put_point(struct buf *b, unsigned int x, double y)
{
	put_text_uint(b, "L", x);
	buf_char(b, ' ');
	html_coordinate(b, y);
}

/* The axis may be longer than the data. */
static unsigned int slots_used(const struct report *r)
{
	int64_t last = r->axis.set ? (r->cover.last_us - r->axis.begin_us) / r->axis.width_us + 1 : 0;

	return last < 2 ? 2 : last > REPORT_SLOTS ? REPORT_SLOTS : (unsigned int)last;
}

static void put_area(struct buf *b, const struct report *r, const struct report_series *s, double top)
{
	unsigned int slots = slots_used(r);

	put_text_uint(b, "<path class=\"area\" d=\"M0 ", SPARK_HEIGHT);
	for (unsigned int slot = 0; slot < slots; slot++)
		put_point(b, slot, SPARK_HEIGHT - (SPARK_HEIGHT - 2) * report_series_mean(s, &r->axis, slot) / top);
	put_text_uint(b, "L", slots);
	put_text_uint(b, " ", SPARK_HEIGHT);
	buf_str(b, "Z\"/>");
}

static void put_level(struct buf *b, const struct report *r, const struct report_series *s, double top)
{
	unsigned int slots = slots_used(r);
	int64_t now = 0;

	put_text_uint(b, "<path class=\"level\" d=\"M0 ", SPARK_HEIGHT - 1);
	for (unsigned int slot = 0; slot < slots; slot++) {
		if (s->change[slot])
			put_point(b, slot, SPARK_HEIGHT - 1 - (SPARK_HEIGHT - 3) * (double)now / top);
		now += s->change[slot];
		if (s->change[slot] || slot + 1 == slots)
			put_point(b, slot + (slot + 1 == slots), SPARK_HEIGHT - 1 - (SPARK_HEIGHT - 3) * (double)now / top);
	}
	buf_str(b, "\"/>");
}

static void put_spark(struct buf *b, const struct report *r, const struct report_series *s)
{
	double changes, peak = peak_of(s, &r->axis, &changes), top = changes > peak ? changes : peak;

	put_text_uint(b, "<td class=\"spark\"><svg viewBox=\"0 0 ", slots_used(r));
	put_text_uint(b, " ", SPARK_HEIGHT);
	buf_str(b, "\" preserveAspectRatio=\"none\" aria-hidden=\"true\">");
	if (peak > 0)
		put_area(b, r, s, top);
	if (changes > 0)
		put_level(b, r, s, top);
	buf_str(b, "</svg></td>");
}

static void put_axis(struct buf *b, const struct report *r)
{
	if (!r->axis.set)
		return;
	buf_str(b, "<p class=\"note\">All curves run from ");
	html_time(b, r->axis.begin_us);
	buf_str(b, " to ");
	html_time(b, r->axis.begin_us + slots_used(r) * r->axis.width_us);
	put_text_duration(b, ", a point each ", (uint64_t)r->axis.width_us);
	buf_str(b, "; each has its own height.</p>\n");
}

static void put_rest(struct buf *b, const struct report_top *top, unsigned int shown, unsigned int all)
{
	if (shown == all && !top->displaced)
		return;
	buf_str(b, "<p class=\"note\">");
	html_count(b, shown);
	buf_str(b, " of ");
	html_count(b, all);
	buf_str(b, top->displaced ? " rows or more are shown.</p>\n" : " rows are shown.</p>\n");
}

static unsigned int rows_with(const struct report_top *top, unsigned int value)
{
	unsigned int rows = 0;

	for (unsigned int i = 0; i < top->len; i++)
		rows += top->rows[i].values[value] > 0;
	return rows;
}

/* With several hosts, whose row it is. */
static void put_host(struct buf *b, const struct report *r, const struct report_row *row)
{
	if (r->hosts.len > 1)
		html_cell_text(b, report_key_field(&row->key, 0));
}

/* `names` has "Host" first, which one host alone does not need. */
static const char *const *columns_of(const struct report *r, const char *const *names)
{
	return names + (r->hosts.len <= 1);
}

/* CLOSE_WAIT */

/* Leaks first, then by the time that was spent there. */
static unsigned int order_groups(const struct report *r, unsigned int *ret_rows)
{
	unsigned int leaking[REPORT_TOP_ROWS], by_time[REPORT_TOP_ROWS], len, len_time, all = 0;

	len = report_top_order(&r->groups, GROUP_LEAKING, leaking, REPORT_TOP_ROWS);
	len_time = report_top_order(&r->groups, GROUP_US, by_time, REPORT_TOP_ROWS);
	for (unsigned int i = 0; i < len; i++)
		ret_rows[all++] = leaking[i];
	for (unsigned int i = 0; i < len_time; i++)
		if (!r->groups.rows[by_time[i]].values[GROUP_LEAKING])
			ret_rows[all++] = by_time[i];
	return all;
}

static void put_cause(struct buf *b, const struct report_row *row)
{
	const char *name = leak_cause_name((unsigned int)row->values[GROUP_CAUSE]);

	buf_str(b, "<td>");
	buf_str(b, !row->values[GROUP_LEAKED] ? "-" : name ?: "not known");
	buf_str(b, row->values[GROUP_LEAKED] && name && !row->values[GROUP_CAUSE_CERTAIN] ? REPORT_LIKELY : "");
	buf_str(b, "</td>");
}

static void put_group(struct buf *b, const struct report *r, const struct report_row *row)
{
	uint64_t leaking = row->values[GROUP_LEAKING], spans = row->values[GROUP_SPANS];

	buf_str(b, leaking ? "<tr class=\"bad\">" : "<tr>");
	put_host(b, r, row);
	html_cell_text(b, report_key_field(&row->key, 1));
	html_cell_text(b, report_key_field(&row->key, 2));
	html_cell_count(b, leaking);
	put_cause(b, row);
	put_spark(b, r, report_top_series(&r->groups, row));
	html_cell_count(b, spans);
	html_cell_us(b, spans ? row->values[GROUP_US] / spans : 0, spans > 0);
	html_cell_us(b, row->values[GROUP_LONGEST_US], spans > 0);
	buf_str(b, "</tr>\n");
}

void html_close_wait(struct buf *b, const struct report *r)
{
	static const char *const names[] = {"Host",      "Process", "Dependency", "#Leaking", "Cause",
					    "Over time", "#Ended",  "#Mean time", "#Longest", NULL};
	unsigned int rows[REPORT_TOP_ROWS], len = order_groups(r, rows), shown = len < ROWS_SHOWN ? len : ROWS_SHOWN;

	html_section(
		b, "close-wait", "CLOSE_WAIT",
		"The peer has closed, this side has not. The red line is sockets over the threshold, by their alerts; the "
		"area is all that ended in the end, on average at a time. A dependency is the peer of a connection that the "
		"process opened, or the local port of one that it accepted.");
	if (!len)
		buf_str(b, "<p class=\"fine\">No connection stayed in CLOSE_WAIT.</p>\n");
	html_leaks(b, r);
	if (len) {
		html_table_begin(b, "close-wait-table", "CLOSE_WAIT by process and dependency", columns_of(r, names));
		for (unsigned int i = 0; i < shown; i++)
			put_group(b, r, &r->groups.rows[rows[i]]);
		html_table_end(b);
		put_rest(b, &r->groups, shown, len);
		put_axis(b, r);
	}
	html_section_end(b);
}

/* TIME_WAIT */

static void put_ports(struct buf *b, const struct report_row *row)
{
	if (!row->values[ROW_PORT_RANGE]) {
		buf_str(b, "<td class=\"n\" data-v=\"0\">-</td>");
		return;
	}
	put_text_uint(b, "<td class=\"n\" data-v=\"", row->values[ROW_PORTS_PERCENT]);
	buf_str(b, "\">");
	html_count(b, row->values[ROW_PORTS]);
	buf_str(b, " of ");
	html_count(b, row->values[ROW_PORT_RANGE]);
	buf_str(b, "</td>");
}

static void put_destination(struct buf *b, const struct report *r, const struct report_row *row)
{
	const struct report_series *series = report_top_series(&r->peers, row);
	uint64_t count = row->values[ROW_TIME_WAIT];
	double ignored, peak = peak_of(series, &r->axis, &ignored);

	buf_str(b, row->values[ROW_PORTS_PERCENT] >= 80 ? "<tr class=\"bad\">" : "<tr>");
	put_host(b, r, row);
	html_cell_text(b, report_key_field(&row->key, 2));
	html_cell_text(b, report_key_field(&row->key, 1));
	html_cell_count(b, count);
	html_cell_us(b, count ? row->values[ROW_TIME_WAIT_US] / count : 0, count > 0);
	put_spark(b, r, series);
	put_text_uint(b, "<td class=\"n\" data-v=\"", (uint64_t)peak);
	buf_str(b, "\">");
	html_fixed(b, peak);
	buf_str(b, "</td>");
	put_ports(b, row);
	buf_str(b, "</tr>\n");
}

void html_time_wait(struct buf *b, const struct report *r)
{
	static const char *const names[] = {"Host",      "Destination", "Role",          "#TIME_WAITs", "#Mean time",
					    "Over time", "#Most held",  "#Ports in use", NULL};
	unsigned int rows[ROWS_SHOWN], ports[ROWS_SHOWN], len, len_ports;

	len = report_top_order(&r->peers, ROW_TIME_WAIT, rows, ROWS_SHOWN);
	len_ports = report_top_order(&r->peers, ROW_PORTS_PERCENT, ports, ROWS_SHOWN);
	html_section(b, "time-wait", "TIME_WAIT",
		     "Who closes first waits. A client's TIME_WAIT keeps a local port from being used to the same destination. "
		     "Ports in use are known from summaries, which name destinations that use more than half of the range.");
	if (!len && !len_ports)
		buf_str(b, "<p class=\"fine\">No TIME_WAIT of known length is in the data.</p>\n");
	if (len || len_ports) {
		html_table_begin(b, "time-wait-table", "TIME_WAIT by destination", columns_of(r, names));
		for (unsigned int i = 0; i < len_ports; i++)
			put_destination(b, r, &r->peers.rows[ports[i]]);
		for (unsigned int i = 0; i < len; i++)
			if (!r->peers.rows[rows[i]].values[ROW_PORTS_PERCENT])
				put_destination(b, r, &r->peers.rows[rows[i]]);
		html_table_end(b);
		put_rest(b, &r->peers, len, rows_with(&r->peers, ROW_TIME_WAIT));
		put_axis(b, r);
	}
	html_section_end(b);
}

/* Handshakes */

static void put_handshake(struct buf *b, const char *side, const struct report_hist *hist)
{
	buf_str(b, "<h3>");
	buf_str(b, side);
	buf_str(b, "</h3>\n");
	if (!hist->count) {
		buf_str(b, "<p class=\"fine\">None has a known time.</p>\n");
		return;
	}
	put_text_uint(b, "<p class=\"quantiles\" data-count=\"", hist->count);
	put_text_uint(b, "\" data-median=\"", report_hist_quantile(hist, 0.5));
	buf_str(b, "\">");
	html_count(b, hist->count);
	put_text_duration(b, " handshakes: half within <b>", report_hist_quantile(hist, 0.5));
	put_text_duration(b, "</b>, 90 % within <b>", report_hist_quantile(hist, 0.9));
	put_text_duration(b, "</b>, 99 % within <b>", report_hist_quantile(hist, 0.99));
	put_text_duration(b, "</b>, longest ", hist->max);
	put_text_uint(b,
		      "</p>\n<div class=\"scroll\" tabindex=\"0\"><svg class=\"hist\" role=\"img\" aria-label=\"Handshake "
		      "times\" viewBox=\"0 0 ",
		      HTML_HIST_WIDTH + 80);
	put_text_uint(b, " ", HTML_HIST_HEIGHT + 6);
	buf_str(b, "\">");
	html_hist(b, hist, 40, 6);
	buf_str(b, "</svg></div>\n");
}

void html_handshakes(struct buf *b, const struct report *r)
{
	html_section(
		b, "handshakes", "Handshakes",
		"A client's runs from its SYN to the SYN-ACK, a server's from its SYN-ACK to the ACK: both are one round trip, "
		"and more where a segment was repeated or the peer was slow.");
	put_handshake(b, "Connections that this side opened", &r->handshakes[CONN_CLIENT]);
	put_handshake(b, "Connections that this side accepted", &r->handshakes[CONN_SERVER]);
	html_section_end(b);
}
