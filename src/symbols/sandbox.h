/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the helpers of --stacks give up, for good, before they read a stranger's byte. Both: no new privileges, no core dump, no
 * file that grows, no look into them by ptrace or /proc, the end of the tracer is theirs, and where they may change it, a user
 * of their own that owns nothing. The parser keeps no capability and can open nothing. The opener keeps what it takes to open
 * another process's files, and can write nothing. A system call that is not listed ends the process.
 */
#pragma once

enum sandbox {
	SANDBOX_PARSER,
	SANDBOX_OPENER,
};

/* 0 or -errno: then the process must end. All descriptors are open and all memory is shared already. */
int sandbox_enter(enum sandbox which);
