/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a helper gives up for good: in this order, while it has one thread. Each returns 0 or -errno: then the process must end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* systemd's documentation leaves the ids from here to 2^31 to nobody. A helper's user is one of them, and owns nothing. */
#define CONFINE_UID 1879048192u

int confine_begin(void); /* what the others ask of capabilities is what the process has now */
int confine_limit(int resource, rlim_t value);
int confine_memory(rlim_t bytes); /* of addresses */

/* True if confine_user() would change the user: it is root's process, and the tracer will still be able to end it. */
bool confine_can_change_user(void);
int confine_user(uid_t uid); /* and group; no effect where it cannot be changed */

/* Keeps those of `keep` that it had when it began, and no others. */
int confine_capabilities(const unsigned int *keep, size_t n);
bool confine_can(unsigned int capability);

/* No look into it by ptrace or /proc, and no new privileges. */
int confine_finish(void);

/*
 * The same for the calling thread alone: it keeps those of `keep` that it has. What it starts has no more. A thread that must
 * not fail because of this goes on with what it had. 0 or -errno.
 */
int confine_thread(const unsigned int *keep, size_t n);

/* Of the calling thread: takes one out of use, or back into it, without giving it up. */
int confine_use(unsigned int capability, bool use);
