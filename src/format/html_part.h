/* SPDX-License-Identifier: GPL-2.0-only */
/* The parts of a page, from top to bottom. */
#pragma once

#include "html_put.h"
#include "report.h"

void html_head(struct buf *b, const struct report *r);     /* what it is about, the main numbers */
void html_findings(struct buf *b, const struct report *r); /* what is wrong, and what nobody looked at */
void html_cover(struct buf *b, const struct report *r);    /* what the data cover, what was lost */
void html_diagram(struct buf *b, const struct report *r);
void html_lanes(struct buf *b, const struct report *r);
void html_examples(struct buf *b, const struct report *r); /* the table; then the ladders, as long as there is room */
void html_leaks(struct buf *b, const struct report *r);    /* a picture of the sockets that leak, if any do */
void html_close_wait(struct buf *b, const struct report *r);
void html_time_wait(struct buf *b, const struct report *r);
void html_handshakes(struct buf *b, const struct report *r);
void html_failures(struct buf *b, const struct report *r);
void html_hosts(struct buf *b, const struct report *r);

/* A histogram of durations on a logarithmic axis, HTML_HIST_HEIGHT high, at x and y of a picture. */
#define HTML_HIST_WIDTH 820
#define HTML_HIST_HEIGHT 150
void html_hist(struct buf *b, const struct report_hist *hist, double x, double y);

/* Connections that are drawn one by one, each once, in the order of the page. */
#define HTML_EXAMPLES_MAX (REPORT_LONGEST + REPORT_LEAKING + CONN_END_MAX * REPORT_FAILED)
struct html_example {
	const struct report_example *example;
	uint32_t why; /* 1 << enum report_why */
};
unsigned int html_list_examples(const struct report *r, struct html_example *ret);
void html_example_name(struct buf *b, const struct report_example *e); /* curl[7] 10.0.0.1:40000 > 10.0.0.2:443 */
