/* SPDX-License-Identifier: GPL-2.0-only */
/* Findings of a stream: looks at what leak scans and surveys bring and at what happened to connections, and emits records. */
#pragma once

#include "finding.h"
#include "table.h"
#include "wire_read.h"

/* Before records are emitted. If findings are wanted, takes part in what is emitted. 0 or -ENOMEM. */
int findings_new(struct conn_table *t);
void findings_free(struct conn_table *t);
uint64_t findings_memory(const struct conn_table *t);

/* A leak scan is over. */
void findings_scanned(struct conn_table *t, uint64_t now);

void findings_tick(struct conn_table *t, uint64_t now);

/* The run ends: a last look, and what stands. */
void findings_stop(struct conn_table *t, uint64_t now);

/* What the stream should bring. */
bool findings_want_scan(const struct conn_table *t, uint64_t now);
bool findings_want_survey(const struct conn_table *t, uint64_t now);

/* Of --state-file: a WIRE_STANDING of each that is up, and back; a number that changes when one comes up or goes. */
void findings_keep(const struct conn_table *t, event_fn fn, void *ctx);
void findings_restore(struct conn_table *t, const struct wire_standing *ev);
/* Each that is up. */
void findings_each(const struct conn_table *t, finding_fn fn, void *ctx);

uint64_t findings_changes(const struct conn_table *t);

struct findings_stats {
	uint64_t scans;    /* of sockets, that were looked at */
	uint64_t left_out; /* sockets, services and findings, for lack of room */
};
void findings_stats(const struct conn_table *t, struct findings_stats *ret_stats);
