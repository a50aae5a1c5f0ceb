/* SPDX-License-Identifier: GPL-2.0-only */
/* Waiting in a thread: for descriptors, until a time of CLOCK_MONOTONIC. */
#pragma once

#include <poll.h>
#include <stdint.h>

#define WAIT_FOREVER UINT64_MAX

uint64_t wait_now(void);                        /* in ns, as all times here */
uint64_t wait_later(uint64_t now, uint64_t ns); /* WAIT_FOREVER if it has no end */

/* Waits for one of the descriptors until `deadline`: as poll(), 0 when it has passed. */
int wait_poll(struct pollfd *fds, nfds_t n, uint64_t deadline);

/* An eventfd: makes it readable, and unreadable. */
void wait_signal(int event_fd);
void wait_drain(int event_fd);
