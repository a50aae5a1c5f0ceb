/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a relay gives up, for good, before it loads a library or reads a line: user and group (root's relay), all capabilities,
 * new privileges, core dumps, a look into it by others, new programs and processes, writing of files but in its spool, and the
 * system calls that change the machine. It keeps the network and what any user may read.
 */
#pragma once

/* `spool`: descriptor of the spool's directory, whose owner it becomes; -1: none. 0 or -errno: then the process must end. */
int relay_sandbox_enter(int spool);
