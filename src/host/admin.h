/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The tracer's side of the process that keeps CAP_SYS_ADMIN: what the tracer needs of it after its start is asked of that
 * process. It is not started again: nobody has the right to any more. Any thread may ask; all but admin_start() take NULL, for
 * none.
 */
#pragma once

#include "netns_files.h"

#include <stdbool.h>
#include <stdint.h>

struct admin;

#define ADMIN_WHY 80

/* 0 or -errno; -EPERM without CAP_SYS_ADMIN, and for no other reason. Early, while the tracer is small. */
int admin_start(struct admin **out);
void admin_start_why(int err, char why[ADMIN_WHY]); /* what any other error means */
void admin_stop(struct admin *admin);

/* Opens `wanted` in a namespace, as netns_files_open() does. 0, or -errno if it was not entered. */
int admin_open_files(struct admin *admin, int netns, uint32_t wanted, int link, struct netns_files *ret_files);

/* The namespace of a socket, opened; or -errno. */
int admin_netns_of(struct admin *admin, int socket);

/* systemd has marked the directory as delegated; false if that is not known, too. */
bool admin_is_delegated(struct admin *admin, int dir);

uint64_t admin_cpu_ns(const struct admin *admin); /* CPU time that it took; 0: it has ended */

/* Of the main thread: since when it owes an answer, which it has 2 s for; 0: it owes none. What is asked meanwhile fails. */
uint64_t admin_late_ns(const struct admin *admin);

/* Becomes readable when the process has ended, or answers late. */
int admin_fd(const struct admin *admin);

/* True until its end is taken, also if it is late for good. An answer that came late is thrown away, and is no end. */
bool admin_has_ended(struct admin *admin);
void admin_take_end(struct admin *admin, char why[ADMIN_WHY]); /* once, of the main thread: how it ended */

#define ADMIN_ENDED                                                                                                            \
	"no other network namespace is entered from now on (%s): sockets there that no process holds appear with their next "  \
	"event. A new run enters them again"
