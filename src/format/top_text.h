/* SPDX-License-Identifier: GPL-2.0-only */
/* The lines of `top`: its head, and a row for each process, connection, leak and finding. */
#pragma once

#include "buf.h"
#include "src/core/finding.h"
#include "src/core/top.h"

#define TOP_TEXT_MAX 1024 /* bytes of a row */
#define TOP_HEAD_MAX 2048

struct record_owner;

/* How rows are written: columns that do not fit are left out whole. */
struct top_style {
	size_t width;
	bool ascii;
	bool owners_first; /* namespace, container and service before the states */
	bool changes;      /* there was a look before */
};

/* The whole host. */
struct top_head {
	const char *hostname;
	uint64_t by_state[WIRE_STATE_MAX], before[WIRE_STATE_MAX];
	uint64_t opened, interval_us; /* since the look before; interval_us 0: there was none */
	uint64_t lost[WIRE_LOST_MAX];
	uint64_t leaks, findings, critical;
	bool alerts;       /* else nothing is known of leaks and findings */
	bool foreign_pids; /* processes outside of this container are not seen */
};
void top_text_head(struct buf *b, const struct top_head *head, const struct top_style *style);

void top_text_titles(struct buf *b, const struct top_style *style);
void top_text_process(struct buf *b, const struct top_process *process, const struct record_owner *owner,
		      const struct top_style *style);
const char *top_text_sort(enum top_sort sort); /* the title of its column */

extern const char top_text_conn_titles[];
void top_text_conn(struct buf *b, const struct open_conn *conn, uint64_t now, const struct top_style *style);

extern const char top_text_leak_titles[];
struct top_leak;
void top_text_leak(struct buf *b, const struct top_leak *leak, uint64_t now, const struct top_style *style);
/* All that is known of it, and what to do. */
void top_text_leak_more(struct buf *b, const struct top_leak *leak, const struct record_owner *owner, bool foreign_pids);

extern const char top_text_finding_titles[];
void top_text_finding(struct buf *b, const struct finding_record *finding, uint64_t now, const struct top_style *style);

extern const char top_text_help[];
