/* SPDX-License-Identifier: GPL-2.0-only */
/* Why a socket leaks, and since when, from what a scan reads of it. */
#pragma once

#include "record_types.h"

struct leak_verdict leak_judge(const struct wire_leak *ev);

/* Who is named for this reason opened, accepted or used the socket, and does not only hold it. */
static inline bool conn_from_used(enum conn_from from)
{
	return from == CONN_FROM_CONNECT || from == CONN_FROM_ACCEPT || from == CONN_FROM_IO;
}

/* `owner`: who opened, accepted or used it; NULL is not known. If none of its holders is it, they have inherited the socket. */
void leak_judge_holders(struct leak_socket *socket, const struct leak_holder *holders, const struct process *owner);

/* `since_ns`: how long ago its process used another socket. If that was after the peer had ended this one, it says more. */
void leak_judge_use(struct leak_socket *socket, uint64_t since_ns);

/* By what stamps of a socket show: when payload was last sent or received. UINT64_MAX: not known. */
uint64_t leak_used_since_ns(const struct wire_leak *ev);

/* How long ago payload was sent last. False: not known. */
bool leak_sent_ns(const struct wire_leak *ev, uint64_t *ret_ns);

/* How long it has been in CLOSE_WAIT at least, by the kernel's time stamps. */
uint64_t leak_age_ns(const struct wire_leak *ev);
