/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaks for people: which sockets, whose they are, and what to do. Writes into the caller's buffer. */
#pragma once

#include "buf.h"
#include "src/core/leak_group.h"

struct record_owner;
struct record_stack;

/* One or two sentences: what the process did, and where to look in its code. */
const char *leak_hint(const struct leak_socket *socket, bool foreign_pids);

struct leak_view {
	enum leak_by by;
	uint64_t threshold_ns;
	bool foreign_pids; /* as in record_context */
	uint64_t watch_ns; /* since the view before; 0: there is none */
	int64_t wall_ns;   /* the time of day, which begins it; 0: without it */
	bool no_header;    /* no line of column names */
};

void leak_text_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals);
void leak_text_group(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		     const struct record_owner *owner);
/* How many of a group's sockets were opened where. */
struct leak_stack_count {
	const struct record_stack *stack; /* NULL: free */
	uint64_t count;                   /* 0: it is written */
};
void leak_stack_add(struct leak_stack_count *counts, size_t len, const struct record_stack *stack);

/* Writes the commonest and sets its count to 0; false: there is none. */
bool leak_text_stack(struct buf *b, struct leak_stack_count *counts, size_t len);

void leak_text_more(struct buf *b, size_t groups, uint64_t sockets);

/* Sockets whose peer has not closed, and connections that wait for accept(): one line for each group. */
void leak_text_mirror_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals);
void leak_text_mirror(struct buf *b, const struct leak_view *view, const struct leak_group *group);
void leak_text_queue_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals);
