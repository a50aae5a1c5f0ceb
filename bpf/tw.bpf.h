/* SPDX-License-Identifier: GPL-2.0-only */
/* What is read of a minisocket, from hooks and from scans. */
#pragma once

#include "bpf/sock.bpf.h"

/*
 * The kernel notes when TIME_WAIT began (Linux 6.14 on), and no restart changes that. A FIN that comes to a minisocket in
 * FIN_WAIT2 is noted only with TCP timestamps (tcp_timewait_state_process()).
 */
static __always_inline __u16 entered_ms(const struct tcp_timewait_sock *tw, __u64 now)
{
	__s32 ago;

	if (!bpf_core_field_exists(tw->tw_sk.tw_entry_stamp) || BPF_CORE_READ(tw, tw_sk.tw_substate) != WIRE_TIME_WAIT ||
	    !BPF_CORE_READ(tw, tw_ts_recent_stamp))
		return 0;
	ago = (__u32)(now / 1000000) - BPF_CORE_READ(tw, tw_sk.tw_entry_stamp);
	if (ago < 0)
		ago = 0;
	return ago < 0xffff ? ago + 1 : 0;
}

/* `tw` may be any pointer: it is read by probe reads. hdr.ts is filled in already. */
static __always_inline void fill_tw(struct wire_minisock *w, const struct inet_timewait_sock *tw)
{
	unsigned long expires = BPF_CORE_READ(tw, tw_timer.expires);

	w->hdr.new_state = BPF_CORE_READ(tw, tw_substate);
	w->remaining_ns = remaining_ns(expires);
	w->snd_nxt = BPF_CORE_READ(tw, __tw_common.skc_tw_snd_nxt);
	w->rcv_nxt = BPF_CORE_READ(tw, __tw_common.skc_tw_rcv_nxt);
	w->local_port = BPF_CORE_READ(tw, __tw_common.skc_num);
	w->entered_ms = entered_ms((const void *)tw, w->hdr.ts);
	w->expires = expires;
}
