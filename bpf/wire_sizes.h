/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* The sizes that recordings rely on: see wire.h, which includes this. */
#pragma once

_Static_assert(sizeof(struct wire_hdr) == 24, "wire");
_Static_assert(sizeof(struct wire_state) == 56, "wire");
_Static_assert(sizeof(struct wire_task) == 32, "wire");
_Static_assert(sizeof(struct wire_exec) == 16, "wire");
_Static_assert(sizeof(struct wire_program) == 8, "wire");
_Static_assert(sizeof(struct wire_ident) == 64, "wire");
_Static_assert(sizeof(struct wire_stats) == 72, "wire");
_Static_assert(sizeof(struct wire_proof) == 48, "wire");
_Static_assert(sizeof(struct wire_retransmit) == 40, "wire");
_Static_assert(sizeof(struct wire_reset) == 32, "wire");
_Static_assert(sizeof(struct wire_scan) == 64, "wire");
_Static_assert(sizeof(struct wire_leak) == 88, "wire");
_Static_assert(sizeof(struct wire_exit) == 40, "wire");
_Static_assert(sizeof(struct wire_minisock) == 48, "wire");
_Static_assert(sizeof(struct wire_mark) == 32, "wire");
_Static_assert(sizeof(struct wire_clock_boot) == 8, "wire");
_Static_assert(sizeof(struct wire_port_range) == 32, "wire");
_Static_assert(sizeof(struct wire_aggregate) == 56, "wire");
_Static_assert(sizeof(struct wire_lost) == 48, "wire");
_Static_assert(sizeof(struct wire_tick) == 40, "wire");
_Static_assert(sizeof(struct wire_opened) == 32, "wire");
_Static_assert(sizeof(struct wire_cgroup) == 8, "wire");
_Static_assert(sizeof(struct wire_text) == 40, "wire");
_Static_assert(sizeof(struct wire_before) == 104, "wire");
_Static_assert(sizeof(struct wire_known) == 40, "wire");
_Static_assert(sizeof(struct wire_standing) == 120, "wire");
