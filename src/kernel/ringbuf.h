/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Reads the ring buffers, one per CPU, merged by time. It uses the mmap ABI of BPF_MAP_TYPE_RINGBUF (kernel/bpf/ringbuf.c),
 * since a merge reads the head of each ring and leaves it there.
 */
#pragma once

#include "src/core/wire_read.h"

struct rings;

/* `fds` are ring buffer maps of `ring_bytes` each; they stay the caller's. 0 or -errno. */
int rings_open(struct rings **out, const int *fds, unsigned int n, size_t ring_bytes);
void rings_close(struct rings *rings);

/*
 * Hands over, in time order, the events that are older than `until_ns`, and returns their number. Events still being written
 * when called, and all behind them in the same ring, wait for the next call. An event is valid during the callback.
 */
uint64_t rings_drain(struct rings *rings, uint64_t until_ns, event_fn fn, void *ctx);

/* Shows what waits in the rings, each event once and in no order, and leaves it there. */
void rings_peek(struct rings *rings, event_fn fn, void *ctx);
