/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Processes by the states of their sockets, and how these numbers have changed since the look before. A look begins, is given
 * each connection and each listener, and ends.
 */
#pragma once

#include "open_conns.h"
#include "pool.h"

/* What has a column. States that mean the same to who looks share one. */
enum top_group {
	TOP_SYN, /* SYN_SENT, SYN_RECV */
	TOP_ESTABLISHED,
	TOP_FIN, /* our FIN is on the way or not answered: FIN_WAIT1, FIN_WAIT2, CLOSING, LAST_ACK */
	TOP_CLOSE_WAIT,
	TOP_TIME_WAIT,
	TOP_CONN_GROUPS, /* what follows is no connection, and no part of a total */
	TOP_LISTEN = TOP_CONN_GROUPS,
	TOP_GROUPS
};
enum top_group top_group(unsigned int state);

struct top_process {
	uint32_t netns; /* of the first of its sockets */
	bool several_netns;
	uint64_t digest;     /* of the process: 0 for no row */
	struct conn_tuple t; /* of the first of its sockets; from CONN_FROM_NONE: whose they are is not known */
	uint32_t now[TOP_GROUPS], before[TOP_GROUPS];
};

#define TOP_PROCESSES_MAX 16384u

/* By what rows are ordered: the most first, but pids and names from the least on. */
enum top_sort {
	TOP_BY_PID,
	TOP_BY_NAME,
	TOP_BY_GROUP, /* and so on, one for each of TOP_GROUPS */
	TOP_BY_TOTAL = TOP_BY_GROUP + TOP_GROUPS,
	TOP_BY_CHANGE,
	TOP_SORTS
};

struct top {
	struct pool processes;
	const struct top_process **order; /* of top_order() */
	uint64_t left_out;                /* sockets of processes for which there was no room, in this look */
};

int top_init(struct top *top, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void top_free(struct top *top);                                 /* all zero is fine */

void top_begin(struct top *top);
void top_add(struct top *top, const struct open_conn *conn);

/* Processes without sockets, in this look and in the one before, are forgotten. */
void top_end(struct top *top);

/* The rows in `top->order`, valid until the next look. Their number; 0 without memory, too. */
uint32_t top_order(struct top *top, enum top_sort sort, bool reverse);

uint64_t top_total(const uint32_t counts[TOP_GROUPS]); /* of its connections: listeners are none */

/* Both have the same process, or none that is known. */
bool top_same(const struct conn_tuple *one, const struct conn_tuple *other);
