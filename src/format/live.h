/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The live page: one page without data, and one event for each second, which a script of the page draws. All that comes from
 * outside is a JSON string of the event, and becomes text in the page. Pure.
 */
#pragma once

#include "html.h"
#include "src/core/metrics.h"
#include "src/core/top_leaks.h"
#include "src/core/travelled.h"
#include "status.h"

#define LIVE_PAGE_MAX ((size_t)128 << 10)
#define LIVE_POLICY_MAX 512
#define LIVE_EVENT_MAX (64u << 10) /* whatever there is to show */
#define LIVE_CONNS_MAX 40u
#define LIVE_LEAKS_MAX 20u

struct report;

/* A connection that did something lately. */
struct live_conn {
	struct conn_tuple t;
	uint64_t at_ns; /* when it entered its state, or ended */
	uint8_t state;  /* if it is open */
	bool over, at_known;
	enum conn_end end; /* if it is over, as the next two */
	bool lived_known;
	uint64_t lived_us;
};

struct live_view {
	const struct record_context *context;
	uint64_t now;
	int64_t now_wall_ns, start_wall_ns;
	uint64_t events;         /* from the kernel */
	uint64_t closed, failed; /* connections that ended, and those of them that failed or were forced */
	const struct metrics_table *table;
	const struct travelled *travelled;
	const struct top_leaks *leaks; /* sorted */
	bool findings_watched;
	uint64_t findings_count;
	const struct status_finding *findings;
	size_t findings_len;
	const struct live_conn *conns; /* the newest first */
	size_t conns_len;
};

/* A server-sent event with all of it. The number of bytes; 0: it does not fit. `size` is LIVE_EVENT_MAX. */
size_t live_event(const struct live_view *view, char *buf, size_t size);

/* The page, and what it may do: for the header Content-Security-Policy. */
struct live_html {
	size_t len;
	char text[LIVE_PAGE_MAX], policy[LIVE_POLICY_MAX];
};

/* `blank` is a report that nothing was put into; it is changed. */
void live_page(const struct html_parts *parts, struct report *blank, struct live_html *ret);
