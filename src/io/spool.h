/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A bounded queue of lines on disk: what a peer that is away will get when it is back, also from the next run. Lines leave in
 * the order in which they came. One is in the spool until all that was taken out with it has been delivered or lost, so that
 * the end of a process at any moment loses none; some are delivered a second time then. Nothing is synced: the end of the
 * machine may lose the last seconds.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct spool;

#define SPOOL_BYTES_MIN (1u << 20)

/* taken = delivered + lost + waiting, always. */
struct spool_counts {
	uint64_t taken; /* number of the last line of this run that was put in: lines have the numbers 1, 2, 3 and so on */
	uint64_t waiting, delivered, lost;
	uint64_t earlier_waiting, earlier_delivered, earlier_lost; /* lines of runs before */
	uint64_t torn; /* files that did not end with a whole line, or were no spool's */
	int error;     /* errno of the last failure; ENOSPC: full, by its bound too */
};

/* `dir` stays the caller's, who has locked it. `run`: whose lines are put in; the same one again after a restart. 0 or -errno.
 */
int spool_open(struct spool **out, int dir, uint64_t max_bytes, uint64_t run);

/* A line that is too long, or for which there is no room, is lost. One with a number that was put in already is not put in. */
void spool_put(struct spool *spool, uint64_t number, const char *line, size_t len);
void spool_flush(struct spool *spool); /* after it the end of this process does not matter to what was put in */

/* Takes a line out, which stays until the next call. 0: none now; spool_done() may bring more. */
size_t spool_next(struct spool *spool, const char **ret_line);

/* Of all lines that spool_next() gave out: nothing will happen to them any more. */
void spool_done(struct spool *spool, uint64_t delivered, uint64_t lost);

void spool_counts(const struct spool *spool, struct spool_counts *ret_counts);
void spool_close(struct spool *spool); /* lines that were given out and are not done stay in it */
