// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections on one time axis, a lane each, coloured by state. A bar has its begin and end in microseconds since the axis
 * begins, from which the script draws a part of it.
 */
#include "html_part.h"

#include <stdio.h>

#include "put.h"

#define LANES_OF_KIND 14
#define LANE_HEIGHT 14

struct axis {
	int64_t begin_us;
	uint64_t length_us;
};

/* Since the connection began; of what leaks, until the end of its run's records. */
static uint64_t life_us(const struct report_example *e)
{
	return (e->end.rec.end_ns - e->end.rec.start_ns) / 1000;
}

static uint64_t bar_end(const struct report_example *e, unsigned int number)
{
	const struct conn_record *c = &e->end.rec;
	const struct conn_span *span = &c->timeline[number];
	uint64_t life = life_us(e);

	if (number + 1 < c->timeline_len)
		return c->timeline[number + 1].at_us;
	if (*e->cause)
		return life;
	return span->us_known || span->ev == CONN_EV_SCAN ? span->at_us + span->us : life > span->at_us ? life : span->at_us;
}

/* States differ in height as well as in colour: CLOSE_WAIT, which should be short, is the highest. */
static void put_height(struct buf *b, unsigned int state)
{
	static const uint8_t heights[WIRE_STATE_MAX] = {
		[WIRE_SYN_SENT] = 6,  [WIRE_SYN_RECV] = 6, [WIRE_ESTABLISHED] = 10, [WIRE_FIN_WAIT1] = 6,
		[WIRE_FIN_WAIT2] = 6, [WIRE_CLOSING] = 6,  [WIRE_TIME_WAIT] = 2,    [WIRE_CLOSE_WAIT] = LANE_HEIGHT,
		[WIRE_LAST_ACK] = 10};
	unsigned int height = heights[state] ? heights[state] : 2;

	put_text_uint(b, " y=\"", (LANE_HEIGHT - height) / 2);
	put_text_uint(b, "\" height=\"", height);
}

static void put_percent(struct buf *b, const char *before, uint64_t part, uint64_t of)
{
	char text[32];

	snprintf(text, sizeof(text), "%.3f%%\"", 100.0 * (double)part / (double)of);
	buf_str(b, before);
	buf_str(b, text);
}

static void put_bar(struct buf *b, const struct axis *axis, const struct report_example *e, unsigned int number)
{
	const struct conn_span *span = &e->end.rec.timeline[number];
	uint64_t offset = (uint64_t)(e->end.start_us - axis->begin_us), from = offset + span->at_us;
	uint64_t to = offset + bar_end(e, number), least = axis->length_us / 400;
	const char *name = conn_state_name(span->state) ?: "CLOSE";

	buf_str(b, "<rect class=\"s-");
	buf_str(b, name);
	buf_str(b, span->ev == CONN_EV_EVENT ? "" : " inferred");
	put_text_uint(b, "\" data-a=\"", from);
	put_text_uint(b, "\" data-b=\"", to);
	put_percent(b, "\" x=\"", from + least > axis->length_us ? axis->length_us - least : from, axis->length_us);
	put_percent(b, " width=\"", to - from < least ? least : to - from, axis->length_us);
	put_height(b, span->state);
	buf_str(b, "\"><title>");
	buf_str(b, name);
	put_text_duration(b, " ", to - from);
	put_text_duration(b, ", from +", span->at_us);
	buf_str(b, span->ev == CONN_EV_INFERRED ? ", inferred" : span->ev == CONN_EV_SCAN ? ", found by a scan" : "");
	buf_str(b, "</title></rect>");
}

static void put_lane(struct buf *b, const struct axis *axis, const struct report_example *e, unsigned int number)
{
	put_text_uint(b, "<li class=\"lane\"><a href=\"#ladder-", number);
	put_text_uint(b, "\" data-open=\"", number);
	buf_str(b, "\"><bdi>");
	html_example_name(b, e);
	buf_str(b, "</bdi></a><svg height=\"14\" aria-hidden=\"true\">");
	for (unsigned int i = 0; i < e->end.rec.timeline_len; i++)
		put_bar(b, axis, e, i);
	buf_str(b, "</svg></li>\n");
}

static void cover(struct axis *axis, const struct html_example *list, unsigned int len)
{
	int64_t begin = INT64_MAX, end = INT64_MIN;

	for (unsigned int i = 0; i < len; i++) {
		const struct ladder_end *e = &list[i].example->end;
		int64_t to = e->start_us + (int64_t)life_us(list[i].example);

		if (!e->rec.timeline_len)
			continue;
		begin = e->start_us < begin ? e->start_us : begin;
		end = to > end ? to : end;
	}
	axis->begin_us = begin;
	axis->length_us = end > begin ? (uint64_t)(end - begin) : 1;
}

static void put_kind(struct buf *b, const struct axis *axis, const struct html_example *list, unsigned int len,
		     enum report_why why)
{
	static const char *const titles[] = {
		[REPORT_IS_LONGEST] = "Longest", [REPORT_IS_LEAKING] = "Leaking", [REPORT_HAS_FAILED] = "Failed"};
	unsigned int drawn = 0;

	for (unsigned int i = 0; i < len && drawn < LANES_OF_KIND; i++) {
		if (!(list[i].why & 1u << why) || !list[i].example->end.rec.timeline_len)
			continue;
		if (!drawn++) {
			buf_str(b, "<h3>");
			buf_str(b, titles[why]);
			buf_str(b, "</h3>\n<ul class=\"lanes\">\n");
		}
		put_lane(b, axis, list[i].example, i);
	}
	if (drawn)
		buf_str(b, "</ul>\n");
}

static void put_legend(struct buf *b)
{
	static const uint8_t states[] = {WIRE_SYN_SENT, WIRE_SYN_RECV,  WIRE_ESTABLISHED, WIRE_FIN_WAIT1, WIRE_FIN_WAIT2,
					 WIRE_CLOSING,  WIRE_TIME_WAIT, WIRE_CLOSE_WAIT,  WIRE_LAST_ACK};

	buf_str(b, "<ul class=\"legend\">");
	for (size_t i = 0; i < sizeof(states); i++) {
		buf_str(b, "<li><svg width=\"18\" height=\"14\" aria-hidden=\"true\"><rect class=\"s-");
		buf_str(b, conn_state_name(states[i]));
		buf_str(b, "\" width=\"18\"");
		put_height(b, states[i]);
		buf_str(b, "\"/></svg> ");
		buf_str(b, conn_state_name(states[i]));
		buf_str(b, "</li>");
	}
	buf_str(b, "</ul>\n");
}

void html_lanes(struct buf *b, const struct report *r)
{
	struct html_example list[HTML_EXAMPLES_MAX];
	unsigned int len = html_list_examples(r, list);
	struct axis axis;

	html_section(
		b, "lanes", "Lanes",
		"The longest, the leaking and a sample of the failed connections on one time axis. A name opens its ladder.");
	cover(&axis, list, len);
	if (axis.begin_us == INT64_MAX) {
		buf_str(b, "<p class=\"fine\">No connection with states is in the data.</p>\n");
		html_section_end(b);
		return;
	}
	put_text_uint(b, "<div id=\"lane-panel\" data-begin=\"", (uint64_t)axis.begin_us);
	put_text_uint(b, "\" data-length=\"", axis.length_us);
	buf_str(b, "\"><div class=\"tools scripted\"><button type=\"button\" data-zoom=\"in\">Zoom in</button>"
		   "<button type=\"button\" data-zoom=\"out\">Zoom out</button>"
		   "<button type=\"button\" data-zoom=\"left\" aria-label=\"Earlier\">←</button>"
		   "<button type=\"button\" data-zoom=\"right\" aria-label=\"Later\">→</button>"
		   "<button type=\"button\" data-zoom=\"all\">Whole</button>"
		   "<span class=\"note\">or drag over the lanes</span></div>\n");
	put_legend(b);
	buf_str(b, "<p class=\"lane-axis\"><span id=\"lane-from\">");
	html_time(b, axis.begin_us);
	put_text_duration(b, "</span><span id=\"lane-width\">", axis.length_us);
	buf_str(b, "</span><span id=\"lane-to\">");
	html_time(b, axis.begin_us + (int64_t)axis.length_us);
	buf_str(b, "</span></p>\n");
	put_kind(b, &axis, list, len, REPORT_IS_LEAKING);
	put_kind(b, &axis, list, len, REPORT_IS_LONGEST);
	put_kind(b, &axis, list, len, REPORT_HAS_FAILED);
	buf_str(b, "</div>\n");
	html_section_end(b);
}
