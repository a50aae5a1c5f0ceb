/* SPDX-License-Identifier: GPL-2.0-only */
/* What the sockets of a group have in common, as columns of the table of leaks. */
#pragma once

#include "buf.h"
#include "src/core/leak_group.h"

struct record_owner;

struct leak_view {
	uint32_t by; /* bits, LEAK_BY() */
	uint64_t threshold_ns;
	bool foreign_pids;                /* as in record_context */
	int64_t wall_ns;                  /* the time of day, which begins it; 0: without it */
	bool no_header;                   /* no line of column names */
	const struct leak_change *change; /* NULL: there is one view only */
	bool same;                        /* nothing to list has changed since the view before */
};

void leak_columns_head(struct buf *b, const struct leak_view *view);
void leak_columns(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		  const struct record_owner *owner);

/* name[pid], or that there is no process. Returns the columns written. */
size_t leak_put_process(struct buf *b, const struct leak_view *view, const struct conn_tuple *t);

/* "container 0123456789ab, pod UID" with (claimed) for what a user may have made up; nothing if there is neither. */
void leak_put_container(struct buf *b, const struct record_owner *owner);

/* What it opened: 192.0.2.7:5432; what it accepted: :8080. */
void leak_put_dependency(struct buf *b, const struct leak_socket *socket);
