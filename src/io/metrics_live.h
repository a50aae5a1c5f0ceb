/* SPDX-License-Identifier: GPL-2.0-only */
/* What the process that serves metrics says at / and at /events. */
#pragma once

#include "http_library.h"
#include "metrics_page.h"

struct metrics_live {
	const struct http_library *lib;
	const struct metrics_page *page;
	struct metrics_asked *asked; /* by us, for the tracer */
	const struct live_html *html;
	uint32_t streams;
};

bool metrics_live_has(const char *url);

/* The answer to GET; MHD_NO: the connection is closed. *since_ns is when the client began, and then each event. */
enum MHD_Result metrics_live_answer(struct metrics_live *live, struct MHD_Connection *connection, const char *url,
				    uint64_t *since_ns);

/* Once each round: says to the tracer whether somebody wants events. */
void metrics_live_tick(struct metrics_live *live);
