/* SPDX-License-Identifier: GPL-2.0-only */
/* Looks into the table from outside, at what is open now. */
#pragma once

#include "record_types.h"

struct conn_table;

struct open_conn {
	struct conn_tuple t;
	uint8_t state; /* enum wire_tcp_state */
	bool entered_known;
	uint64_t entered_ns; /* when it entered the state; else when a scan found it there */
};

typedef void (*open_conn_fn)(void *ctx, const struct open_conn *conn);

/* Each connection, TIME_WAIT included; the function must not feed the table. */
void open_conns_each(const struct conn_table *table, open_conn_fn fn, void *ctx);

/* Each listener, in LISTEN and without a peer. When it entered that is not known. */
void open_listeners_each(const struct conn_table *table, open_conn_fn fn, void *ctx);

/* Those that entered their state last, the newest first: at most OPEN_CONNS_NEWEST. Returns their number. */
#define OPEN_CONNS_NEWEST 40u
unsigned int open_conns_newest(const struct conn_table *table, struct open_conn ret[OPEN_CONNS_NEWEST]);

/* The record of the one with this cookie, as it is at `now`. False: there is none any more. */
bool open_conns_record(const struct conn_table *table, uint64_t cookie, uint64_t now, struct conn_record *ret);
