/* SPDX-License-Identifier: GPL-2.0-only */
/* What is read of a minisocket, from hooks and from scans. */
#pragma once

#include "bpf/sock.bpf.h"

/* A minisocket in one probe read, since each has a cost of its own. */
#define TW_MAX 256 /* what is read of it lies before that: its common part has 136 bytes, what follows some 80 */
struct tw_copy {
	__u64 words[TW_MAX / 8];
};
#define TW_GET(copy, type, field) (*(type *)((void *)(copy)->words + bpf_core_field_offset(struct inet_timewait_sock, field)))

static __always_inline void copy_tw(struct tw_copy *ret, const struct inet_timewait_sock *tw)
{
	const __u32 size = bpf_core_type_size(struct inet_timewait_sock);

	bpf_probe_read_kernel(ret, size < TW_MAX ? size : TW_MAX, tw);
}

/*
 * The kernel notes when TIME_WAIT began (Linux 6.14 on), and no restart changes that. A FIN that comes to a minisocket in
 * FIN_WAIT2 is noted only with TCP timestamps (tcp_timewait_state_process()).
 */
static __always_inline __u16 entered_ms(const struct tcp_timewait_sock *tw, const struct tw_copy *copy, __u64 now)
{
	__s32 ago;

	if (!bpf_core_field_exists(tw->tw_sk.tw_entry_stamp) || TW_GET(copy, __u8, tw_substate) != WIRE_TIME_WAIT ||
	    !BPF_CORE_READ(tw, tw_ts_recent_stamp))
		return 0;
	ago = (__u32)(now / 1000000) - TW_GET(copy, __u32, tw_entry_stamp);
	if (ago < 0)
		ago = 0;
	return ago < 0xffff ? ago + 1 : 0;
}

/* `tw` may be any pointer: it is read by probe reads. hdr is filled in already but for the cookie. */
static __always_inline void fill_tw(struct wire_minisock *w, const struct inet_timewait_sock *tw)
{
	struct tw_copy copy = {};
	unsigned long expires;

	copy_tw(&copy, tw);
	expires = TW_GET(&copy, unsigned long, tw_timer.expires);
	w->hdr.cookie = TW_GET(&copy, __u64, __tw_common.skc_cookie.counter);
	w->hdr.new_state = TW_GET(&copy, __u8, tw_substate);
	w->remaining_ns = remaining_ns(expires);
	w->snd_nxt = TW_GET(&copy, __u32, __tw_common.skc_tw_snd_nxt);
	w->rcv_nxt = TW_GET(&copy, __u32, __tw_common.skc_tw_rcv_nxt);
	w->local_port = TW_GET(&copy, __u16, __tw_common.skc_num);
	w->entered_ms = entered_ms((const void *)tw, &copy, w->hdr.ts);
	w->expires = expires;
}
