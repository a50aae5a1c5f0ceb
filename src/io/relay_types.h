/* SPDX-License-Identifier: GPL-2.0-only */
/* What a relay is asked for, and what became of its lines. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum relay_kind { RELAY_KAFKA, RELAY_OTLP, RELAY_KINDS };

#define RELAY_ERROR_MAX 256

/*
 * written = delivered + lost + spooled + waiting, always. Lines that were neither delivered nor lost when the destination is
 * closed are lost, but for those in the spool, which the next run delivers.
 */
struct relay_counts {
	uint64_t written; /* whole lines that were given to it */
	uint64_t delivered, lost, spooled, waiting;
	uint64_t earlier_waiting, earlier_delivered, earlier_lost; /* lines of runs before, from the spool */
	uint64_t torn;                                             /* pieces of lines, in the spool or at the end; never sent */
	uint64_t restarts;
	char error[RELAY_ERROR_MAX]; /* the last one in words, anybody's bytes; "" if there was none */
};

struct relay_config {
	enum relay_kind kind;
	const char *name;    /* for messages; it and `address` stay the caller's while the destination is open */
	const char *address; /* what follows "://", without the query */
	bool tls;
	const char *secrets, *ca;  /* paths of files, or NULL */
	const char *spool;         /* a directory, which is made if its parent exists, or NULL */
	uint64_t spool_bytes;      /* at least RELAY_SPOOL_MIN */
	struct relay_counts *last; /* filled in when the destination is closed, or NULL */
};
#define RELAY_SPOOL_MIN (1u << 20)
