/* SPDX-License-Identifier: GPL-2.0-only */
/* Sequence numbers live on a circle of 2^32: they are only ever compared through these. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* How far `to` lies ahead of `from`; meaningful while the true distance is below 2^32. */
static inline uint32_t seq_distance(uint32_t from, uint32_t to)
{
	return to - from;
}

/* True if `a` comes later than `b`; as in the kernel, right while they are less than 2^31 apart. */
static inline bool seq_after(uint32_t a, uint32_t b)
{
	return (int32_t)(b - a) < 0;
}

/* Bytes between `from` and `to`, 0 if `to` is not ahead. */
static inline uint32_t seq_pending(uint32_t from, uint32_t to)
{
	return seq_after(to, from) ? seq_distance(from, to) : 0;
}
