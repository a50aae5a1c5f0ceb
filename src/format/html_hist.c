// SPDX-License-Identifier: GPL-2.0-only
/* Bars of a factor of two, on an axis from 1 us to 11 days: the same for all, so that pictures compare. */
#include "html_part.h"

#include <math.h>

#include "put.h"

#define POWERS 40 /* 2^40 us are 12 days */
#define DECADES 12
#define BAR ((double)HTML_HIST_WIDTH / POWERS)
#define AXIS 26 /* below the bars */
#define BARS (HTML_HIST_HEIGHT - AXIS)

static void put_number(struct buf *b, const char *before, double value)
{
	buf_str(b, before);
	html_coordinate(b, value);
}

static void put_axis(struct buf *b, double x, double y)
{
	uint64_t us = 1;

	for (unsigned int i = 0; i <= DECADES; i++, us *= 10) {
		double at = x + log2((double)us) * BAR;

		put_number(b, "<line class=\"grid\" x1=\"", at);
		put_number(b, "\" x2=\"", at);
		put_number(b, "\" y1=\"", y);
		put_number(b, "\" y2=\"", y + BARS + 5);
		put_number(b, "\"/><text class=\"tick\" x=\"", at);
		put_number(b, "\" y=\"", y + BARS + 20);
		put_text_duration(b, "\">", us);
		buf_str(b, "</text>");
	}
}

static void put_bar(struct buf *b, double x, double y, double height)
{
	put_number(b, "<rect class=\"bar\" x=\"", x + 1);
	put_number(b, "\" y=\"", y + BARS - height);
	put_number(b, "\" width=\"", BAR - 2);
	put_number(b, "\" height=\"", height);
}

static void put_mark(struct buf *b, const struct report_hist *hist, double x, double y)
{
	uint64_t median = report_hist_quantile(hist, 0.5);
	double at = x + log2((double)(median ?: 1)) * BAR;

	put_number(b, "<line class=\"mark\" x1=\"", at);
	put_number(b, "\" x2=\"", at);
	put_number(b, "\" y1=\"", y - 4);
	put_number(b, "\" y2=\"", y + BARS);
	buf_str(b, "\"/>");
}

void html_hist(struct buf *b, const struct report_hist *hist, double x, double y)
{
	uint64_t counts[POWERS] = {0}, max = 1;

	for (unsigned int power = 0; power < REPORT_HIST_POWERS; power++)
		counts[power < POWERS ? power : POWERS - 1] += report_hist_power(hist, power);
	for (unsigned int i = 0; i < POWERS; i++)
		max = counts[i] > max ? counts[i] : max;
	put_axis(b, x, y);
	for (unsigned int i = 0; i < POWERS; i++) {
		double height = (BARS - 6) * (double)counts[i] / (double)max;

		if (!counts[i])
			continue;
		put_bar(b, x + i * BAR, y, height < 1.5 ? 1.5 : height);
		put_text_duration(b, "\"><title>", i ? UINT64_C(1) << i : 0);
		put_text_duration(b, " to ", UINT64_C(2) << i);
		put_text_uint(b, ": ", counts[i]);
		buf_str(b, "</title></rect>");
	}
	put_mark(b, hist, x, y);
}
