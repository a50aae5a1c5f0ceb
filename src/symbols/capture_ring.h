/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The parser's end of the kernel's buffer of captures (a BPF ring buffer), which the parser before it may have left anyhow: all
 * captures have one size, so any position that is no multiple of it is put right.
 */
#pragma once

#include <stdint.h>

struct capture;

struct capture_ring {
	int epoll_fd;
	uint64_t *consumed; /* in bytes, of all that was ever in it */
	const uint64_t *produced;
	const char *data; /* mapped twice in a row: no capture is torn by its end */
	uint64_t size;
};

/* `fd`: of the map; it is closed. 0 or -errno. */
int capture_ring_open(struct capture_ring *ring, int fd);

/* For somebody else who only looks how far the parser is: NULL if that cannot be had. It stays mapped. */
const struct capture_ring *capture_ring_watch(int fd);

/* How many captures were taken so far, plus one; 0 if none waits. */
uint64_t capture_ring_turn(const struct capture_ring *ring);

/* Waits for at most `timeout_ms`. NULL: there is none. */
const struct capture *capture_ring_next(struct capture_ring *ring, int timeout_ms);

/* Makes room for another one in place of what capture_ring_next() gave. */
void capture_ring_done(struct capture_ring *ring);
