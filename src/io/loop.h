/* SPDX-License-Identifier: GPL-2.0-only */
/* An event loop: descriptors, each with its handler. */
#pragma once

typedef void (*loop_fn)(void *ctx);

#define LOOP_MAX 32 /* descriptors */

struct loop {
	int epoll_fd;
	unsigned int len;
	struct {
		loop_fn fn;
		void *ctx;
	} handlers[LOOP_MAX];
};

int loop_open(struct loop *loop);   /* 0 or -errno */
void loop_close(struct loop *loop); /* the descriptors stay the caller's */

/* `fn` is called whenever `fd` is readable. 0 or -errno; -ENOSPC: there are too many. */
int loop_add(struct loop *loop, int fd, loop_fn fn, void *ctx);

/* Waits for `timeout_ms` at the most and calls the handlers of what is readable. */
void loop_wait(struct loop *loop, int timeout_ms);
