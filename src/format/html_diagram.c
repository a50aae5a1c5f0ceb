// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state diagram of RFC 9293, section 3.3.2, with what was travelled. An arrow is as thick as its share of the commonest
 * one. Ends by force leave a state for a cross. Each state has the histogram of its durations, which the style shows below the
 * diagram while the state has the pointer or the keyboard's focus.
 */
#include "html_part.h"

#include <math.h>

#include "put.h"

#define LEFT (-40)
#define WIDTH 940
#define HEIGHT 860
#define BOX_WIDTH 142
#define BOX_HEIGHT 46
#define PANEL_Y 706 /* of the histogram */
#define WIDEST 11.0
#define STUB 44
#define UNDER 9 /* a box hides where an arrow begins */

static const struct place {
	uint8_t state;
	int16_t x, y;        /* of the middle */
	int8_t out_x, out_y; /* where the cross of its forced ends stands */
} places[] = {
	{WIRE_CLOSE, 450, 36, 0, 0},       {WIRE_LISTEN, 210, 110, 0, 0},      {WIRE_SYN_RECV, 210, 214, -1, 0},
	{WIRE_SYN_SENT, 690, 162, 1, 0},   {WIRE_ESTABLISHED, 450, 300, 0, 1}, {WIRE_FIN_WAIT1, 210, 396, -1, 0},
	{WIRE_CLOSE_WAIT, 690, 396, 1, 0}, {WIRE_FIN_WAIT2, 120, 506, -1, 0},  {WIRE_CLOSING, 370, 506, 1, 0},
	{WIRE_LAST_ACK, 690, 506, 1, 0},   {WIRE_TIME_WAIT, 210, 616, -1, 0},
};
#define PLACES (sizeof(places) / sizeof(places[0]))
#define CLOSED_END_X 690
#define CLOSED_END_Y 616

/* From border to border. */
static const struct way {
	uint8_t from, to;
	int16_t x1, y1, x2, y2;
} ways[] = {
	{WIRE_CLOSE, WIRE_LISTEN, 379, 44, 262, 87},
	{WIRE_CLOSE, WIRE_SYN_SENT, 521, 48, 652, 139},
	{WIRE_LISTEN, WIRE_SYN_RECV, 210, 133, 210, 191},
	{WIRE_SYN_SENT, WIRE_SYN_RECV, 619, 170, 281, 206},
	{WIRE_SYN_SENT, WIRE_ESTABLISHED, 652, 185, 509, 277},
	{WIRE_SYN_RECV, WIRE_ESTABLISHED, 268, 237, 391, 277},
	{WIRE_SYN_RECV, WIRE_FIN_WAIT1, 190, 237, 190, 373},
	{WIRE_ESTABLISHED, WIRE_FIN_WAIT1, 391, 323, 268, 373},
	{WIRE_ESTABLISHED, WIRE_CLOSE_WAIT, 509, 323, 632, 373},
	{WIRE_FIN_WAIT1, WIRE_FIN_WAIT2, 184, 419, 134, 483},
	{WIRE_FIN_WAIT1, WIRE_CLOSING, 252, 419, 334, 483},
	{WIRE_FIN_WAIT1, WIRE_TIME_WAIT, 218, 419, 218, 593},
	{WIRE_FIN_WAIT2, WIRE_TIME_WAIT, 134, 529, 184, 593},
	{WIRE_CLOSING, WIRE_TIME_WAIT, 334, 529, 252, 593},
	{WIRE_CLOSE_WAIT, WIRE_LAST_ACK, 690, 419, 690, 483},
	{WIRE_LAST_ACK, WIRE_CLOSE, 690, 529, 690, 593},
	{WIRE_TIME_WAIT, WIRE_CLOSE, 281, 616, 619, 616},
};
#define WAYS (sizeof(ways) / sizeof(ways[0]))

static const struct way *find_way(unsigned int from, unsigned int to)
{
	for (const struct way *way = ways; way < ways + WAYS; way++)
		if (way->from == from && way->to == to)
			return way;
	return NULL;
}

static uint64_t commonest(const struct report *r)
{
	uint64_t max = 1, forced;

	for (unsigned int from = 0; from < WIRE_STATE_MAX; from++) {
		for (unsigned int to = 0; to < WIRE_STATE_MAX; to++)
			max = r->travelled.edges[from][to] > max ? r->travelled.edges[from][to] : max;
		forced = travelled_forced(&r->travelled, from);
		max = forced > max ? forced : max;
	}
	return max;
}

static void put_number(struct buf *b, const char *before, double value)
{
	buf_str(b, before);
	html_coordinate(b, value);
	buf_char(b, '"');
}

/* An arrow with a head that fits its width. */
static void put_arrow(struct buf *b, const struct way *way, double width)
{
	double dx = way->x2 - way->x1, dy = way->y2 - way->y1, length = sqrt(dx * dx + dy * dy);
	double head = 7 + width * 0.7, half = 3.5 + width * 0.7, ux = dx / length, uy = dy / length;
	double bx = way->x2 - ux * head, by = way->y2 - uy * head;

	put_number(b, "<line x1=\"", way->x1 - ux * UNDER);
	put_number(b, " y1=\"", way->y1 - uy * UNDER);
	put_number(b, " x2=\"", bx);
	put_number(b, " y2=\"", by);
	put_number(b, " stroke-width=\"", width);
	buf_str(b, "/><path d=\"M");
	html_coordinate(b, way->x2);
	buf_char(b, ' ');
	html_coordinate(b, way->y2);
	buf_char(b, 'L');
	html_coordinate(b, bx - uy * half);
	buf_char(b, ' ');
	html_coordinate(b, by + ux * half);
	buf_char(b, 'L');
	html_coordinate(b, bx + uy * half);
	buf_char(b, ' ');
	html_coordinate(b, by - ux * half);
	buf_str(b, "Z\"/>");
}

static void put_label(struct buf *b, double x, double y, uint64_t count)
{
	put_number(b, "<text class=\"count\" x=\"", x);
	put_number(b, " y=\"", y);
	buf_char(b, '>');
	html_count(b, count);
	buf_str(b, "</text>");
}

static void put_way(struct buf *b, const struct report *r, const struct way *way, uint64_t max)
{
	uint64_t count = r->travelled.edges[way->from][way->to];

	buf_str(b, count ? "<g class=\"way\" data-from=\"" : "<g class=\"way unused\" data-from=\"");
	buf_str(b, conn_state_name(way->from));
	buf_str(b, "\" data-to=\"");
	buf_str(b, conn_state_name(way->to));
	put_text_uint(b, "\" data-count=\"", count);
	buf_str(b, "\"><title>");
	buf_str(b, conn_state_name(way->from));
	buf_str(b, " to ");
	buf_str(b, conn_state_name(way->to));
	put_text_uint(b, ": ", count);
	buf_str(b, "</title>");
	put_arrow(b, way, count ? 1.2 + (WIDEST - 1.2) * (double)count / (double)max : 1);
	if (count)
		put_label(b, (way->x1 + way->x2) / 2.0, (way->y1 + way->y2) / 2.0 + 4, count);
	buf_str(b, "</g>\n");
}

/* "3 refused, 1 timeout" */
static void put_causes(struct buf *b, const struct report *r, unsigned int state)
{
	const char *before = "";

	for (unsigned int i = 0; i < CONN_END_MAX; i++) {
		if (!r->travelled.forced[state][i])
			continue;
		put_text_uint(b, before, r->travelled.forced[state][i]);
		buf_char(b, ' ');
		buf_str(b, conn_end_name(i));
		before = ", ";
	}
	for (unsigned int i = 0; i < WIRE_CAUSE_MAX; i++) {
		if (!r->travelled.forced_time_wait[state][i])
			continue;
		put_text_uint(b, before, r->travelled.forced_time_wait[state][i]);
		buf_char(b, ' ');
		buf_str(b, conn_tw_end_name(i) ?: "unknown");
		before = ", ";
	}
}

static void put_forced(struct buf *b, const struct report *r, const struct place *place, uint64_t max)
{
	uint64_t count = travelled_forced(&r->travelled, place->state);
	double x = place->x + place->out_x * BOX_WIDTH / 2.0, y = place->y + place->out_y * BOX_HEIGHT / 2.0;
	const struct way way = {.x1 = (int16_t)x,
				.y1 = (int16_t)y,
				.x2 = (int16_t)(x + place->out_x * STUB),
				.y2 = (int16_t)(y + place->out_y * STUB)};

	if (!count || (!place->out_x && !place->out_y))
		return;
	buf_str(b, "<g class=\"forced\" data-from=\"");
	buf_str(b, conn_state_name(place->state));
	put_text_uint(b, "\" data-count=\"", count);
	buf_str(b, "\"><title>Forced out of ");
	buf_str(b, conn_state_name(place->state));
	buf_str(b, ": ");
	put_causes(b, r, place->state);
	buf_str(b, "</title>");
	put_arrow(b, &way, 1.2 + (WIDEST - 1.2) * (double)count / (double)max);
	put_number(b, "<path class=\"cross\" transform=\"translate(", way.x2 + place->out_x * 8);
	b->p--; /* the quote */
	buf_char(b, ' ');
	html_coordinate(b, way.y2 + place->out_y * 8);
	buf_str(b, ")\" d=\"M-5-5L5 5M-5 5L5-5\"/>");
	if (place->out_y)
		put_label(b, way.x2, way.y2 + 30, count);
	else
		put_label(b, way.x1 + place->out_x * 26, way.y1 - 12, count);
	buf_str(b, "</g>\n");
}

static void put_durations(struct buf *b, const struct report *r, unsigned int state)
{
	const struct report_hist *hist = &r->states[state];

	buf_str(b, conn_state_name(state));
	buf_str(b, ": ");
	html_plural(b, hist->count, "time");
	if (hist->count) {
		put_text_duration(b, ", median ", report_hist_quantile(hist, 0.5));
		put_text_duration(b, ", 90 % within ", report_hist_quantile(hist, 0.9));
		put_text_duration(b, ", 99 % within ", report_hist_quantile(hist, 0.99));
		put_text_duration(b, ", longest ", hist->max);
	}
	if (r->us_unknown[state]) {
		buf_str(b, "; not known how long: ");
		html_count(b, r->us_unknown[state]);
	}
	if (r->travelled.left_open[state]) {
		buf_str(b, "; still there at its end: ");
		html_count(b, r->travelled.left_open[state]);
	}
}

static void put_forced_out(struct buf *b, const struct report *r, unsigned int state, const char *before)
{
	if (!travelled_forced(&r->travelled, state))
		return;
	buf_str(b, before);
	buf_str(b, "forced out: ");
	put_causes(b, r, state);
}

static void put_panel(struct buf *b, const struct report *r, unsigned int state)
{
	buf_str(b, "<g class=\"panel\"><rect class=\"paper\" x=\"-40\" y=\"650\" width=\"940\" height=\"210\"/>");
	buf_str(b, "<text x=\"40\" y=\"672\">");
	put_durations(b, r, state);
	put_forced_out(b, r, state, "</text><text class=\"causes\" x=\"40\" y=\"690\">");
	buf_str(b, "</text>");
	if (r->states[state].count)
		html_hist(b, &r->states[state], 40, PANEL_Y);
	buf_str(b, "</g>");
}

static void put_box(struct buf *b, const char *class, double x, double y)
{
	buf_str(b, "<rect class=\"");
	buf_str(b, class);
	put_number(b, "\" x=\"", x - BOX_WIDTH / 2.0);
	put_number(b, " y=\"", y - BOX_HEIGHT / 2.0);
	put_text_uint(b, " rx=\"6\" width=\"", BOX_WIDTH);
	put_text_uint(b, "\" height=\"", BOX_HEIGHT);
	buf_str(b, "\"/>");
}

static void put_name(struct buf *b, const char *name, double x, double y)
{
	put_number(b, "<text class=\"name\" x=\"", x);
	put_number(b, " y=\"", y);
	buf_char(b, '>');
	buf_str(b, name);
	buf_str(b, "</text>");
}

static void put_state(struct buf *b, const struct report *r, const struct place *place)
{
	const char *name = conn_state_name(place->state);
	const struct report_hist *hist = &r->states[place->state];

	buf_str(b, "<g class=\"state\" tabindex=\"0\" role=\"img\" data-state=\"");
	buf_str(b, name);
	put_text_uint(b, "\" data-count=\"", hist->count);
	put_text_uint(b, "\" data-median=\"", hist->count ? report_hist_quantile(hist, 0.5) : 0);
	buf_str(b, "\" aria-label=\"");
	put_durations(b, r, place->state);
	put_forced_out(b, r, place->state, "; ");
	buf_str(b, "\">");
	put_box(b, "box", place->x, place->y);
	buf_str(b, "<rect class=\"s-");
	buf_str(b, name);
	put_number(b, "\" x=\"", place->x - BOX_WIDTH / 2.0 + 1);
	put_number(b, " y=\"", place->y - BOX_HEIGHT / 2.0 + 5);
	put_text_uint(b, " width=\"5\" height=\"", BOX_HEIGHT - 10);
	buf_str(b, "\"/>");
	put_name(b, name, place->x, place->y + (hist->count ? -3 : 5));
	if (hist->count) {
		put_number(b, "<text class=\"median\" x=\"", place->x);
		put_number(b, " y=\"", place->y + 15);
		put_text_duration(b, ">median ", report_hist_quantile(hist, 0.5));
		buf_str(b, "</text>");
	}
	put_panel(b, r, place->state);
	buf_str(b, "</g>\n");
}

/* Transitions that the RFC does not draw, and all of them for who does not see pictures. */
static void put_table(struct buf *b, const struct report *r)
{
	static const char *const columns[] = {"From", "To", "#Count", "How", NULL};

	buf_str(b, "<details><summary>The same as a table</summary>");
	html_table_begin(b, "transitions", "Transitions", columns);
	for (unsigned int from = 0; from < WIRE_STATE_MAX; from++) {
		for (unsigned int to = 0; to < WIRE_STATE_MAX; to++) {
			if (!r->travelled.edges[from][to])
				continue;
			buf_str(b, "<tr>");
			html_cell_text(b, conn_state_name(from) ?: "-");
			html_cell_text(b, conn_state_name(to) ?: "-");
			html_cell_count(b, r->travelled.edges[from][to]);
			html_cell_text(b, find_way(from, to) ? "as in RFC 9293" : "not in RFC 9293");
			buf_str(b, "</tr>\n");
		}
		if (!travelled_forced(&r->travelled, from))
			continue;
		buf_str(b, "<tr>");
		html_cell_text(b, conn_state_name(from) ?: "-");
		html_cell_text(b, conn_state_name(WIRE_CLOSE));
		html_cell_count(b, travelled_forced(&r->travelled, from));
		buf_str(b, "<td>forced: ");
		put_causes(b, r, from);
		buf_str(b, "</td></tr>\n");
	}
	html_table_end(b);
	buf_str(b, "</details>\n");
}

static uint64_t others(const struct report *r)
{
	uint64_t sum = 0;

	for (unsigned int from = 0; from < WIRE_STATE_MAX; from++)
		for (unsigned int to = 0; to < WIRE_STATE_MAX; to++)
			sum += find_way(from, to) ? 0 : r->travelled.edges[from][to];
	return sum;
}

static void put_picture(struct buf *b, const struct report *r)
{
	uint64_t max = commonest(r);

	buf_str(b, "<div class=\"scroll\"><svg class=\"fsm\" role=\"group\" aria-label=\"State diagram\" viewBox=\"");
	html_coordinate(b, LEFT);
	put_text_uint(b, " 0 ", WIDTH);
	put_text_uint(b, " ", HEIGHT);
	buf_str(b, "\"><text class=\"hint\" x=\"450\" y=\"740\">Point at a state, or reach it with the Tab key: its durations "
		   "appear here.</text>\n");
	for (const struct way *way = ways; way < ways + WAYS; way++)
		put_way(b, r, way, max);
	for (const struct place *place = places; place < places + PLACES; place++)
		put_forced(b, r, place, max);
	put_box(b, "box end", CLOSED_END_X, CLOSED_END_Y);
	put_name(b, "CLOSE", CLOSED_END_X, CLOSED_END_Y + 5);
	for (const struct place *place = places; place < places + PLACES; place++)
		put_state(b, r, place);
	buf_str(b, "</svg></div>\n");
}

void html_diagram(struct buf *b, const struct report *r)
{
	uint64_t other = others(r);

	html_section(b, "states", "States",
		     "The diagram of RFC 9293 with the kernel's names. An arrow is as thick as it was travelled; the number on "
		     "it is how often. <span class=\"force\">Red</span> arrows are ends by force: a reset, a timeout, a kill.");
	put_picture(b, r);
	if (other) {
		buf_str(b, "<p>");
		html_plural(b, other, "transition");
		buf_str(b, " that the RFC does not draw: the table has them.</p>\n");
	}
	put_table(b, r);
	html_section_end(b);
}
