/* SPDX-License-Identifier: GPL-2.0-only */
/* Messages of a SOCK_SEQPACKET socket that bring descriptors with them. */
#pragma once

#include <stddef.h>

#define FD_MESSAGE_MAX 16 /* descriptors of one message */

struct fd_list {
	size_t n;
	int fds[FD_MESSAGE_MAX];
};

/* Does not wait if `flags` say so (MSG_DONTWAIT). 0 or -errno. */
int fd_message_send(int socket, const void *message, size_t size, const struct fd_list *list, int flags);

/*
 * One message: its size, 0 at the end of the stream, or -errno; -EMSGSIZE if it is longer than `size`. What came with it is in
 * *ret_list, whatever is returned; some are missing if this process has no room for them.
 */
long fd_message_receive(int socket, void *message, size_t size, struct fd_list *ret_list, int flags);

void fd_list_close(struct fd_list *list);
