/* SPDX-License-Identifier: GPL-2.0-only */
/* Alerts of the run before go on: under the same ids and with the same ages. */
#pragma once

#include "alert_set.h"

int alerts_before_init(struct alerts_before *before, const struct hash_key *hash_key); /* 0 or -ENOMEM */
void alerts_before_free(struct alerts_before *before);                                 /* all zero is fine */

/* A WIRE_BEFORE, WIRE_KNOWN or WIRE_ENDED. */
void alerts_before_feed(struct conn_table *t, const struct wire_hdr *ev);

/* False: the host has restarted since. */
bool alerts_before_same_boot(const struct alerts *alerts);

/* What it knew of this life of a socket; all zero: nothing. */
const struct alert_known *alerts_before_find(const struct alerts_before *before, const struct conn_tuple *t);

/* Since when `socket`, which a leak scan has met, is in CLOSE_WAIT, if the run before knew more of that than the kernel shows.
 */
void alerts_before_age(const struct alerts_before *before, struct leak_socket *socket, uint64_t now);

/* True: a leak scan has met `socket`, whose alert goes on. */
bool alerts_before_resume(struct conn_table *t, const struct leak_socket *socket, uint64_t now);

/* A leak scan is over: alerts whose sockets are gone are resolved. */
void alerts_before_scanned(struct conn_table *t, enum wire_leak_reach reach, uint64_t now);

/* A socket leaves CLOSE_WAIT of which this run has no alert: of one that still waits for a scan, `ending` is its end. */
void alerts_before_left(struct conn_table *t, struct alert_ending *ending);
