/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracer's hold on the parser and the opener: starts them, stops and continues them within the budget, ends the one that
 * takes too long or breaks the rules, and starts another one after a while. It never waits for one: a process that is being
 * ended may hang in a file system of a user's. One thread uses it.
 */
#pragma once

#include "budget.h"
#include "capture_ring.h"
#include "src/host/helper.h"

#include <stdbool.h>
#include <time.h>

#define CAPTURE_CPU_NS 2000000000ull  /* for one stack, */
#define CAPTURE_WALL_NS 3000000000ull /* while it was not stopped: it may wait for a disk */
#define BAN_NS 60000000000ull         /* whose files cost a helper is left out for this time */
#define ABANDONED_MAX 16              /* ended, but the kernel does not let them go: then no new ones start */

struct kept {
	pid_t pid; /* 0: none */
	clockid_t clock;
	uint64_t cpu_ns, started_ns;
	uint64_t start_at_ns, pause_ns;    /* when the next one starts, and how long the last pause was */
	uint64_t turn;                     /* what was in work as seen last, 0 nothing; */
	uint64_t work_cpu_ns, work_ran_ns; /* and what it took so far */
};

struct strike {
	uint64_t key, first_ns;
	unsigned int count;
};

struct keeper {
	struct kept kept[HELPER_STACKS];
	struct budget budget;
	uint64_t looked_ns;
	bool stopped; /* the parser, by the budget */
	pid_t abandoned[ABANDONED_MAX + HELPER_STACKS];
	const struct capture_ring *ring; /* how far the parser is */
	struct strike strikes[32];       /* of control groups */
	int ring_fd, socket[2], page_fd[HELPER_STACKS], control_fd;
	struct parser_page *parser_page;
	struct opener_page *opener_page;
	struct control_page *control;
	int events; /* the parser's pipe; -1: none */
	void (*say)(void *ctx, const char *text);
	void *ctx;
	uint64_t said_ns[HELPER_STACKS];
};

/* 0 or -errno; keeper_close() in any case. `say` takes a sentence for the user. */
int keeper_open(struct keeper *keeper, int ring_fd, void (*say)(void *ctx, const char *text), void *ctx);
void keeper_close(struct keeper *keeper);

/*
 * Starts what is missing and due, ends what takes too long; returns after which time that must happen again, in ns. `drained`:
 * what the last parser wrote is taken. `highest`: the highest stack number so far.
 */
uint64_t keeper_look(struct keeper *keeper, uint64_t now, bool drained, uint64_t highest);

/* The parser wrote what it must not, or has ended. */
void keeper_parser_lied(struct keeper *keeper, uint64_t now);
