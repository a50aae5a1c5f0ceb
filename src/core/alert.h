/* SPDX-License-Identifier: GPL-2.0-only */
/* Alerts: sockets that stay in CLOSE_WAIT beyond the threshold, as they age and as they end, few records for many sockets. */
#pragma once

#include "leak.h"
#include "table.h"

int alerts_new(struct alerts **out, const struct conn_config *config);
void alerts_free(struct alerts *alerts); /* NULL is fine */
uint64_t alerts_memory(const struct alerts *alerts);
uint64_t alerts_open(const struct alerts *alerts);

/* `since_ns`, or when an alerted socket older than the tool entered CLOSE_WAIT, if that is earlier. */
uint64_t alerts_oldest_ns(const struct alerts *alerts, uint64_t since_ns);

/* What the last leak scan has found. */
const struct leak_set *alerts_found(const struct alerts *alerts);

/* An event of a leak scan, or WIRE_EXIT. */
void alerts_scan(struct conn_table *t, const struct wire_hdr *ev);

/* Before WIRE_LEAK_END: who opened, accepted or used a socket of the scan and does not hold it, each once or more often. */
void alerts_openers(const struct conn_table *t, opener_fn fn, void *ctx);

/* True if a socket has aged, so that a leak scan should find out who holds it. */
bool alerts_want_scan(const struct conn_table *t, uint64_t now);

/* `c` leaves CLOSE_WAIT by `ev`; NULL: its end was not seen. */
void alerts_left(struct conn_table *t, const struct conn *c, const struct wire_state *ev);

/* Emits counts that are due; at the stop all. An alert that is open then has no end: the leak goes on. */
void alerts_tick(struct conn_table *t);
void alerts_stop(struct conn_table *t);
