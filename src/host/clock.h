/* SPDX-License-Identifier: GPL-2.0-only */
/* The only reader of clocks outside the BPF programs. */
#pragma once

#include <stdint.h>

uint64_t clock_now_ns(void);        /* CLOCK_MONOTONIC, as bpf_ktime_get_ns() */
int64_t clock_wall_offset_ns(void); /* CLOCK_REALTIME - CLOCK_MONOTONIC */
int64_t clock_boot_offset_ns(void); /* CLOCK_REALTIME - CLOCK_BOOTTIME */
uint64_t clock_cpu_ns(void);        /* what this thread has run so far */
uint64_t clock_process_ns(void);    /* what all threads of this process have run */
uint64_t clock_tick_ns(void);       /* a jiffy: 1 s / CONFIG_HZ */
