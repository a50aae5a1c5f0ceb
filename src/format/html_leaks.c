// SPDX-License-Identifier: GPL-2.0-only
/*
 * Sockets that leak, a bar each from when its peer closed until the records of its run end, with who holds it as which
 * descriptor. The picture has its own title, since it is also shown without the page.
 */
#include "html_part.h"

#include <string.h>

#include "put.h"
#include "utf8.h"

#define WIDTH 940
#define EDGE 16
#define LABEL_CHARACTERS 52
#define BARS 366 /* their left edge */
#define BARS_WIDTH 500
#define TOP 78
#define ROW 20
#define BAR_HEIGHT 12
#define AXIS_HEIGHT 48
#define LANES_MAX 20
#define TICKS 4

struct leaks {
	const struct report *report;
	const struct report_example *lanes[REPORT_LEAKING]; /* the oldest first */
	unsigned int len, shown;
	int64_t begin_us;
	double length_us;
};

/* When its peer closed: its last state begins there. */
static int64_t begin_of(const struct report_example *e)
{
	const struct conn_record *c = &e->end.rec;

	return e->end.start_us + (int64_t)(c->timeline_len ? c->timeline[c->timeline_len - 1].at_us : 0);
}

static double x_of(const struct leaks *leaks, int64_t us)
{
	return BARS + BARS_WIDTH * (double)(us - leaks->begin_us) / leaks->length_us;
}

static void put_text_at(struct buf *b, const char *class, unsigned int x, unsigned int y)
{
	buf_str(b, "<text class=\"");
	buf_str(b, class);
	put_text_uint(b, "\" x=\"", x);
	put_text_uint(b, "\" y=\"", y);
	buf_str(b, "\">");
}

static void sort(struct leaks *leaks, const struct report *r)
{
	for (unsigned int i = 0; i < r->leaking.len; i++) {
		const struct report_example *e = &r->leaking.items[i];
		unsigned int at = leaks->len++;

		for (; at && begin_of(leaks->lanes[at - 1]) > begin_of(e); at--)
			leaks->lanes[at] = leaks->lanes[at - 1];
		leaks->lanes[at] = e;
	}
	leaks->shown = leaks->len < LANES_MAX ? leaks->len : LANES_MAX;
}

static void put_who(struct buf *b, const struct report_example *e)
{
	const struct conn_tuple *t = &e->end.rec.t;

	if (t->from == CONN_FROM_NONE)
		buf_str(b, "held by nobody known");
	else
		put_process(b, t, WIRE_COMM_LEN, false);
	if (*e->holder) {
		buf_char(b, ' ');
		buf_str(b, e->holder);
	}
}

static bool same_process(const struct report_row *a, const struct report_row *b)
{
	return !strcmp(report_key_field(&a->key, 0), report_key_field(&b->key, 0)) &&
	       !strcmp(report_key_field(&a->key, 1), report_key_field(&b->key, 1));
}

/* Whose most of them are: few have a bar of their own. */
static void put_most(struct buf *b, const struct report *r)
{
	const struct report_row *rows = r->groups.rows, *most = NULL;
	uint64_t count = 0;

	for (unsigned int i = 0; i < r->groups.len; i++) {
		uint64_t sum = 0;

		for (unsigned int k = 0; k < r->groups.len && rows[i].values[GROUP_LEAKING]; k++)
			sum += same_process(&rows[i], &rows[k]) ? rows[k].values[GROUP_LEAKING] : 0;
		if (sum > count) {
			count = sum;
			most = &rows[i];
		}
	}
	if (!most || report_leaking(r) == 1)
		return;
	buf_str(b, ", ");
	if (count == report_leaking(r))
		buf_str(b, "all");
	else
		html_count(b, count);
	buf_str(b, " of ");
	html_text(b, report_key_field(&most->key, 1));
	if (r->hosts.len > 1) {
		buf_str(b, " on ");
		html_text(b, report_key_field(&most->key, 0));
	}
}

static void put_title(struct buf *b, const struct leaks *leaks)
{
	const struct report_example *oldest = leaks->lanes[0];
	const struct conn_tuple *t = &oldest->end.rec.t;
	struct label who;

	put_text_at(b, "title", EDGE, 24);
	html_plural(b, report_leaking(leaks->report), "socket");
	buf_str(b, report_leaking(leaks->report) == 1 ? " leaks in CLOSE_WAIT" : " leak in CLOSE_WAIT");
	put_most(b, leaks->report);
	buf_str(b, "</text>");
	label_init(&who);
	put_who(&who.b, oldest);
	put_text_at(b, "", EDGE, 44);
	buf_str(b, "The oldest: ");
	html_bytes(b, who.text, label_len(&who));
	if (t->role == CONN_SERVER) {
		put_text_uint(b, ", accepted at port ", t->id.local_port);
	} else {
		buf_str(b, ", opened to ");
		put_endpoint(b, &t->id, false, '-');
	}
	buf_str(b, ", cause ");
	html_text(b, *oldest->cause ? oldest->cause : "not known");
	buf_str(b, "</text>");
	put_text_at(b, "soft", EDGE, 62);
	html_text(b, oldest->hint);
	buf_str(b, "</text>\n");
}

/* What has room of a text; all of it, or one character less for a mark that it goes on. */
static size_t fit(const char *text, size_t len)
{
	size_t at = 0, before_last = 0;
	uint32_t code;

	for (unsigned int i = 0; at < len && i < LABEL_CHARACTERS; i++) {
		before_last = at;
		at += utf8_decode(text + at, len - at, &code) ?: 1;
	}
	return at < len ? before_last : len;
}

/* host process[pid] fd N from PEER; what is too long is cut, and stands whole in the title of the lane. */
static void put_label(struct buf *b, const struct leaks *leaks, const struct report_example *e, bool cut)
{
	const struct conn_tuple *t = &e->end.rec.t;
	struct label label;
	size_t len, shown;

	label_init(&label);
	if (leaks->report->hosts.len > 1) {
		buf_str(&label.b, e->host);
		buf_char(&label.b, ' ');
	}
	put_who(&label.b, e);
	buf_str(&label.b, t->role == CONN_SERVER ? " from " : " to ");
	put_endpoint(&label.b, &t->id, false, '-');
	len = label_len(&label);
	shown = cut ? fit(label.text, len) : len;
	html_bytes(b, label.text, shown);
	buf_str(b, shown < len ? "…" : "");
}

static void put_lane(struct buf *b, const struct leaks *leaks, unsigned int number)
{
	const struct report_example *e = leaks->lanes[number];
	double x = x_of(leaks, begin_of(e)), end = x_of(leaks, ladder_end_us(&e->end));
	unsigned int y = TOP + number * ROW;
	uint64_t age = (uint64_t)(ladder_end_us(&e->end) - begin_of(e));

	buf_str(b, "<g class=\"leak\"><title>");
	put_label(b, leaks, e, false);
	buf_str(b, "</title>");
	put_text_at(b, "", EDGE, y + 14);
	put_label(b, leaks, e, true);
	buf_str(b, "</text><rect class=\"s-CLOSE_WAIT\" x=\"");
	html_coordinate(b, x);
	put_text_uint(b, "\" y=\"", y + (ROW - BAR_HEIGHT) / 2);
	buf_str(b, "\" width=\"");
	html_coordinate(b, end - x);
	put_text_uint(b, "\" height=\"", BAR_HEIGHT);
	buf_str(b, "\"/>");
	put_text_at(b, "", BARS + BARS_WIDTH + 6, y + 14);
	put_text_duration(b, e->end.age_is_lower_bound ? "&gt;" : "", age);
	buf_str(b, "</text></g>\n");
}

static void put_axis(struct buf *b, const struct leaks *leaks)
{
	unsigned int bottom = TOP + leaks->shown * ROW;

	for (unsigned int tick = 0; tick <= TICKS; tick++) {
		unsigned int x = BARS + tick * BARS_WIDTH / TICKS;

		put_text_uint(b, "<line class=\"grid\" x1=\"", x);
		put_text_uint(b, "\" x2=\"", x);
		put_text_uint(b, "\" y1=\"", TOP);
		put_text_uint(b, "\" y2=\"", bottom + 4);
		buf_str(b, "\"/>");
		put_text_at(b, "tick", x, bottom + 18);
		put_text_duration(b, "+", (uint64_t)(leaks->length_us * tick / TICKS));
		buf_str(b, "</text>");
	}
	put_text_at(b, "soft", BARS, bottom + 36);
	html_time(b, leaks->begin_us);
	buf_str(b, "</text>");
	put_text_at(b, "soft end", BARS + BARS_WIDTH, bottom + 36);
	html_time(b, leaks->report->cover.last_us);
	buf_str(b, "</text>\n");
}

void html_leaks(struct buf *b, const struct report *r)
{
	struct leaks leaks = {.report = r};

	sort(&leaks, r);
	if (!leaks.len || !report_leaking(r))
		return;
	leaks.begin_us = begin_of(leaks.lanes[0]);
	leaks.length_us = r->cover.last_us > leaks.begin_us ? (double)(r->cover.last_us - leaks.begin_us) : 1;
	put_text_uint(b,
		      "<div class=\"scroll\" tabindex=\"0\"><svg class=\"leaks\" role=\"img\" aria-label=\"Sockets that leak\" "
		      "viewBox=\"0 0 ",
		      WIDTH);
	put_text_uint(b, " ", TOP + leaks.shown * ROW + AXIS_HEIGHT);
	buf_str(b, "\">\n");
	put_title(b, &leaks);
	put_axis(b, &leaks);
	for (unsigned int i = 0; i < leaks.shown; i++)
		put_lane(b, &leaks, i);
	buf_str(b, "</svg></div>\n");
	if (leaks.shown < report_leaking(r)) {
		buf_str(b, "<p class=\"note\">");
		html_count(b, leaks.shown);
		buf_str(b, " of ");
		html_plural(b, report_leaking(r), "socket");
		buf_str(b, " are drawn, the oldest of those that have a record of their own.</p>\n");
	}
}
