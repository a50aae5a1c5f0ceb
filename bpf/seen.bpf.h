/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which sockets iter/task_file has shown in this scan, so that iter/tcp need not show them again. One place per hash: a socket
 * whose place another one took is shown twice, which costs time and nothing else.
 */
#pragma once

#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

#include "bpf/shared.h"

struct seen {
	__u64 cookie;
	__u64 scan;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SEEN_MIN); /* a power of 2; set before load */
	__type(key, __u32);
	__type(value, struct seen);
} seen SEC(".maps");

const volatile __u32 seen_mask = SEEN_MIN - 1;
volatile __u64 seen_scan = 0; /* the number of this scan */

/* Cookies of one CPU follow each other, in batches: their lower bits are hash enough. */
static __always_inline struct seen *seen_place(__u64 cookie)
{
	__u32 at = (__u32)cookie & seen_mask;

	return bpf_map_lookup_elem(&seen, &at);
}

static __always_inline void seen_note(__u64 cookie)
{
	struct seen *place = seen_place(cookie);

	if (!place)
		return;
	place->cookie = cookie;
	place->scan = seen_scan;
}

static __always_inline bool seen_has(__u64 cookie)
{
	const struct seen *place = seen_place(cookie);

	return place && place->scan == seen_scan && place->cookie == cookie;
}
