/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Answers each client of a listening stream socket with one text, made for it, and ends the connection. It waits for no client,
 * reads nothing of what they send, and serves a bounded number in a time.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define ANSWER_MAX (64u << 10) /* bytes of a text */

struct answer;

struct answer_config {
	int listen_fd;                                     /* the caller's; it does not block */
	size_t (*make)(void *ctx, char *buf, size_t size); /* the number of bytes */
	void *ctx;
};

int answer_open(struct answer **out, const struct answer_config *config); /* 0 or -errno */
void answer_close(struct answer *answer);                                 /* NULL is fine */

/* For a loop: when it is readable, answer_run() has something to do. */
int answer_fd(const struct answer *answer);
void answer_run(struct answer *answer);

/* To be called now and then: ends clients whose time is over, and lets others in. */
void answer_tick(struct answer *answer, uint64_t now);
