/* SPDX-License-Identifier: GPL-2.0-only */
/* An event loop: descriptors, each with its handler. */
#pragma once

struct loop;

typedef void (*loop_fn)(void *ctx);

int loop_new(struct loop **out);   /* 0 or -errno */
void loop_free(struct loop *loop); /* NULL is fine; the descriptors stay the caller's */

/* `fn` is called whenever `fd` is readable. 0 or -errno; -ENOSPC: there are too many. */
int loop_add(struct loop *loop, int fd, loop_fn fn, void *ctx);

/* Waits for `timeout_ms` at the most and calls the handlers of what is readable. */
void loop_wait(struct loop *loop, int timeout_ms);
