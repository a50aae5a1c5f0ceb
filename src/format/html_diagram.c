// SPDX-License-Identifier: GPL-2.0-only
/*
 * The state diagram of RFC 9293, section 3.3.2, with what was travelled. An arrow is as thick as its share of the commonest
 * one. Ends by force leave a state for a cross. Each state has the histogram of its durations, which the style shows below the
 * diagram while the state has the pointer or the keyboard's focus.
 */
#include "html_part.h"

#include <math.h>

#include "html_layout.h"
#include "put.h"
#include "wrap.h"

#define UNDER 9 /* a box hides where an arrow begins */
#define PANEL_MAX 2048
#define HIST_BELOW 34 /* of the panel's first line, or below its last one */

struct diagram {
	struct buf *b;
	const struct report *r;
	const struct html_layout *layout;
	uint64_t max; /* of the commonest arrow */
};

static bool is_drawn(unsigned int from, unsigned int to)
{
	for (unsigned int i = 0; i < HTML_WAYS; i++)
		if (html_wide.ways[i].from == from && html_wide.ways[i].to == to)
			return true;
	return false;
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
static void put_arrow(struct buf *b, const struct html_way *way, double width)
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
	if (count) /* the live page fills in the others */
		html_count(b, count);
	buf_str(b, "</text>");
}

static double width_of(const struct diagram *d, uint64_t count)
{
	return 1.2 + (d->layout->widest - 1.2) * (double)count / (double)d->max;
}

static void put_way(const struct diagram *d, const struct html_way *way)
{
	uint64_t count = d->r->travelled.edges[way->from][way->to];
	double at = (way->label ? way->label : 50) / 100.0;
	struct buf *b = d->b;

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
	put_arrow(b, way, count ? width_of(d, count) : 1);
	put_label(b, way->x1 + (way->x2 - way->x1) * at, way->y1 + (way->y2 - way->y1) * at + 4, count);
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

static void put_forced(const struct diagram *d, const struct html_place *place)
{
	uint64_t count = travelled_forced(&d->r->travelled, place->state);
	double x = place->x + place->out_x * d->layout->box_width / 2.0 + place->beside;
	double y = place->y + place->out_y * d->layout->box_height / 2.0;
	const struct html_way way = {.x1 = (int16_t)x,
				     .y1 = (int16_t)y,
				     .x2 = (int16_t)(x + place->out_x * d->layout->stub),
				     .y2 = (int16_t)(y + place->out_y * d->layout->stub)};
	struct buf *b = d->b;

	if (!count || (!place->out_x && !place->out_y))
		return;
	buf_str(b, "<g class=\"forced\" data-from=\"");
	buf_str(b, conn_state_name(place->state));
	put_text_uint(b, "\" data-count=\"", count);
	buf_str(b, "\"><title>Forced out of ");
	buf_str(b, conn_state_name(place->state));
	buf_str(b, ": ");
	put_causes(b, d->r, place->state);
	buf_str(b, "</title>");
	put_arrow(b, &way, width_of(d, count));
	put_number(b, "<path class=\"cross\" transform=\"translate(", way.x2 + place->out_x * 8);
	b->p--; /* the quote */
	buf_char(b, ' ');
	html_coordinate(b, way.y2 + place->out_y * 8);
	buf_str(b, ")\" d=\"M-5-5L5 5M-5 5L5-5\"/>");
	if (place->out_y)
		put_label(b, way.x2, way.y2 + d->layout->forced_below, count);
	else
		put_label(b, way.x1 + place->out_x * d->layout->forced_x, way.y1 + d->layout->forced_y, count);
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

static void put_line(const struct diagram *d, const char *class, int y, const char *text, size_t len)
{
	buf_str(d->b, "<text");
	buf_str(d->b, class);
	put_text_uint(d->b, " x=\"", (uint64_t)d->layout->panel_x);
	put_text_uint(d->b, "\" y=\"", (uint64_t)y);
	buf_str(d->b, "\">");
	buf_put(d->b, text, len);
	buf_str(d->b, "</text>");
}

/* In as many as it needs. Returns where the next one stands. */
static int put_lines(const struct diagram *d, const char *class, int y, const struct buf *text)
{
	const char *at = text->start;
	size_t left = (size_t)(text->p - at);

	while (left) {
		size_t piece = wrap_bytes(at, left, (size_t)d->layout->panel_columns);

		put_line(d, class, y, at, piece);
		y += d->layout->line;
		for (at += piece, left -= piece; left && *at == ' '; at++)
			left--;
	}
	return y;
}

static void put_panel(const struct diagram *d, unsigned int state)
{
	const struct html_layout *l = d->layout;
	char text[PANEL_MAX];
	struct buf words;
	int y;

	put_number(d->b, "<g class=\"panel\"><rect class=\"paper\" x=\"", l->left);
	put_number(d->b, " y=\"", l->panel_y - 22);
	put_number(d->b, " width=\"", l->width);
	put_number(d->b, " height=\"", l->height - l->panel_y + 22);
	buf_str(d->b, "/>");
	buf_init(&words, text, sizeof(text));
	put_durations(&words, d->r, state);
	y = put_lines(d, "", l->panel_y, &words);
	buf_init(&words, text, sizeof(text));
	put_forced_out(&words, d->r, state, "");
	y = put_lines(d, " class=\"causes\"", y, &words) - 2;
	y = y > l->panel_y + HIST_BELOW ? y : l->panel_y + HIST_BELOW;
	if (l->has_hist && d->r->states[state].count)
		html_hist(d->b, &d->r->states[state], l->panel_x, y);
	buf_str(d->b, "</g>");
}

static void put_box(const struct diagram *d, const char *class, double x, double y)
{
	buf_str(d->b, "<rect class=\"");
	buf_str(d->b, class);
	put_number(d->b, "\" x=\"", x - d->layout->box_width / 2.0);
	put_number(d->b, " y=\"", y - d->layout->box_height / 2.0);
	put_text_uint(d->b, " rx=\"6\" width=\"", (uint64_t)d->layout->box_width);
	put_text_uint(d->b, "\" height=\"", (uint64_t)d->layout->box_height);
	buf_str(d->b, "\"/>");
}

static void put_name(struct buf *b, const char *name, double x, double y)
{
	put_number(b, "<text class=\"name\" x=\"", x);
	put_number(b, " y=\"", y);
	buf_char(b, '>');
	buf_str(b, name);
	buf_str(b, "</text>");
}

static void put_state(const struct diagram *d, const struct html_place *place)
{
	const struct report_hist *hist = &d->r->states[place->state];
	const char *name = conn_state_name(place->state);
	const struct html_layout *l = d->layout;
	struct buf *b = d->b;

	buf_str(b, "<g class=\"state\" tabindex=\"0\" role=\"img\" data-state=\"");
	buf_str(b, name);
	put_text_uint(b, "\" data-count=\"", hist->count);
	put_text_uint(b, "\" data-median=\"", hist->count ? report_hist_quantile(hist, 0.5) : 0);
	buf_str(b, "\" aria-label=\"");
	put_durations(b, d->r, place->state);
	put_forced_out(b, d->r, place->state, "; ");
	buf_str(b, "\">");
	put_box(d, "box", place->x, place->y);
	buf_str(b, "<rect class=\"s-");
	buf_str(b, name);
	put_number(b, "\" x=\"", place->x - l->box_width / 2.0 + 1);
	put_number(b, " y=\"", place->y - l->box_height / 2.0 + 5);
	put_text_uint(b, " width=\"5\" height=\"", (uint64_t)l->box_height - 10);
	buf_str(b, "\"/>");
	put_name(b, name, place->x, place->y + (hist->count ? -3 : 5));
	if (hist->count) {
		put_number(b, "<text class=\"median\" x=\"", place->x);
		put_number(b, " y=\"", place->y - 3 + l->line);
		put_text_duration(b, ">median ", report_hist_quantile(hist, 0.5));
		buf_str(b, "</text>");
	}
	put_panel(d, place->state);
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
			html_cell_text(b, is_drawn(from, to) ? "as in RFC 9293" : "not in RFC 9293");
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
			sum += is_drawn(from, to) ? 0 : r->travelled.edges[from][to];
	return sum;
}

static void put_picture(struct buf *b, const struct report *r, const struct html_layout *layout)
{
	const struct diagram d = {.b = b, .r = r, .layout = layout, .max = commonest(r)};

	buf_str(b, "<svg class=\"");
	buf_str(b, layout->class);
	buf_str(b, "\" role=\"group\" aria-label=\"State diagram\" viewBox=\"");
	html_coordinate(b, layout->left);
	put_text_uint(b, " 0 ", (uint64_t)layout->width);
	put_text_uint(b, " ", (uint64_t)layout->height);
	put_text_uint(b, "\"><text class=\"hint\" x=\"", (uint64_t)layout->hint_x);
	put_text_uint(b, "\" y=\"", (uint64_t)layout->hint_y);
	buf_str(b, "\">");
	buf_str(b, layout->hint);
	buf_str(b, "</text>\n");
	for (unsigned int i = 0; i < HTML_WAYS; i++)
		put_way(&d, &layout->ways[i]);
	for (unsigned int i = 0; i < HTML_PLACES; i++)
		put_forced(&d, &layout->places[i]);
	put_box(&d, "box end", layout->end_x, layout->end_y);
	put_name(b, "CLOSE", layout->end_x, layout->end_y + 5);
	for (unsigned int i = 0; i < HTML_PLACES; i++)
		put_state(&d, &layout->places[i]);
	buf_str(b, "</svg>\n");
}

void html_diagram(struct buf *b, const struct report *r)
{
	uint64_t other = others(r);

	html_section(b, "states", "States",
		     "The diagram of RFC 9293 with the kernel's names. An arrow is as thick as it was travelled; the number on "
		     "it is how often. <span class=\"force\">Red</span> arrows are ends by force: a reset, a timeout, a kill.");
	buf_str(b, "<div class=\"scroll\">\n");
	put_picture(b, r, &html_wide); /* the style shows one of them */
	put_picture(b, r, &html_narrow);
	buf_str(b, "</div>\n");
	if (other) {
		buf_str(b, "<p>");
		html_plural(b, other, "transition");
		buf_str(b, " that the RFC does not draw: the table has them.</p>\n");
	}
	put_table(b, r);
	html_section_end(b);
}
