/* SPDX-License-Identifier: GPL-2.0-only */
/* What a relay does all the time: lines from the pipe, through the spool if there is one, to the transport. */
#pragma once

#include "relay_lines.h"
#include "relay_page.h"
#include "spool.h"
#include "transport.h"

struct relay_loop {
	int lines_fd;
	struct relay_page *page;
	struct transport *transport;
	struct spool *spool; /* NULL: none */

	struct relay_lines in;
	uint64_t number;          /* of the last line that was read */
	const char *held;         /* a line that waits for room in the transport */
	size_t held_len;          /* 0: none */
	size_t window_bytes;      /* what left the spool since the last spool_done() */
	uint64_t window;          /* lines of it */
	uint64_t flying;          /* lines in the transport */
	uint64_t delivered, lost; /* without a spool: of this run; with one: of this window */
	bool ended;               /* the run ends, or the pipe has no writer any more */
	uint64_t until_ns;        /* then: when to give up */
};

struct transport_outcome relay_loop_outcome(struct relay_loop *loop);
void relay_loop_start(struct relay_loop *loop); /* goes on with the counts of the relay before */
void relay_loop_run(struct relay_loop *loop);   /* until its lines have ended, or the transport is of no use */
