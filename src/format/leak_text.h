/* SPDX-License-Identifier: GPL-2.0-only */
/* Leaks for people: which sockets, whose they are, and what to do. Writes into the caller's buffer. */
#pragma once

#include "leak_columns.h"

struct record_owner;
struct record_stack;

void leak_text_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals);

/* A group's line of the table, and what stands below it: whose it is, and what to do. True: with a command. */
void leak_text_row(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		   const struct record_owner *owner);
bool leak_text_about(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		     const struct record_owner *owner);

/* How many of a group's sockets were opened where. */
struct leak_stack_count {
	const struct record_stack *stack; /* NULL: free */
	uint64_t count;                   /* 0: it is written */
};
void leak_stack_add(struct leak_stack_count *counts, size_t len, const struct record_stack *stack);

/* Writes the commonest, of `total` sockets, and sets its count to 0; false: there is none. */
bool leak_text_stack(struct buf *b, struct leak_stack_count *counts, size_t len, uint64_t total);

/* The command that ends a socket; false: there is none. */
bool leak_text_stopgap(struct buf *b, const struct leak_view *view, const struct leak_socket *socket,
		       const struct record_owner *owner);

/* What these commands do, and what not. `all`: each socket has its own. */
void leak_text_advice(struct buf *b, bool all);

void leak_text_more(struct buf *b, size_t groups, uint64_t sockets);

/* Sockets whose peer has not closed, and connections that wait for accept(): one line for each group. */
void leak_text_mirror_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals);
void leak_text_mirror(struct buf *b, const struct leak_view *view, const struct leak_group *group);
/* Listeners whose accept queue is full. */
void leak_text_full_head(struct buf *b, const struct conn_summary_record *full);
void leak_text_full(struct buf *b, const struct conn_listener_row *row);
void leak_text_full_end(struct buf *b, const struct conn_summary_record *full);
void leak_text_killed_head(struct buf *b, const struct leak_totals *totals);
void leak_text_killed(struct buf *b, const struct leak_view *view, const struct leak_group *group);
void leak_text_queue_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals);
