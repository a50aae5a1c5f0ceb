/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the lanes and the ring buffers, one of each per CPU, merged by time. It uses the mmap ABI of BPF_MAP_TYPE_RINGBUF
 * (kernel/bpf/ringbuf.c), since a merge reads the head of each ring and leaves it there.
 */
#pragma once

#include "src/core/wire_read.h"

struct rings;

struct rings_config {
	unsigned int n;      /* CPUs */
	const int *ring_fds; /* ring buffer maps; they stay the caller's, as the one of the lanes */
	size_t ring_bytes;   /* of each */
	int lanes_fd;
	size_t lane_bytes; /* of each; 0: there are none */
	uint64_t lane_key;
};

/* 0 or -errno. */
int rings_open(struct rings **out, const struct rings_config *config);
void rings_close(struct rings *rings);

/*
 * Hands over, in time order, the events that are older than `until_ns`, and returns their number. Events still being written
 * when called, and all behind them in the same ring or lane, wait for the next call. An event is valid during the callback.
 */
uint64_t rings_drain(struct rings *rings, uint64_t until_ns, event_fn fn, void *ctx);

/* The time of the oldest event that the last rings_drain() left; UINT64_MAX if it left none. */
uint64_t rings_next(const struct rings *rings);

/* Bytes that waited in the fullest ring as a rings_drain() since the last call began. */
uint64_t rings_take_peak(struct rings *rings);

/* The same as the last rings_drain() began; in *ret_highest the most since the start. */
uint64_t rings_fill(const struct rings *rings, uint64_t *ret_highest);

/* Shows what waits in the rings, each event once and in no order, and leaves it there. */
void rings_peek(struct rings *rings, event_fn fn, void *ctx);
