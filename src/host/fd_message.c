// SPDX-License-Identifier: GPL-2.0-only
#include "fd_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(FD_MESSAGE_MAX * sizeof(int))];
};

int fd_message_send(int socket, const void *message, size_t size, const struct fd_list *list, int flags)
{
	union control control = {0};
	size_t bytes = list->n * sizeof(list->fds[0]);
	struct iovec iov = {(void *)message, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (list->n) {
		control.head = (struct cmsghdr){CMSG_LEN(bytes), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), list->fds, bytes);
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(bytes);
	}
	return sendmsg(socket, &msg, flags | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* The kernel gives no more than the control buffer has room for. */
static void take_fds(struct msghdr *msg, struct fd_list *list)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
										     : 0;

		for (size_t i = 0; i < n && list->n < FD_MESSAGE_MAX; i++)
			memcpy(&list->fds[list->n++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
}

long fd_message_receive(int socket, void *message, size_t size, struct fd_list *ret_list, int flags)
{
	union control control;
	struct iovec iov = {message, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(socket, &msg, flags | MSG_CMSG_CLOEXEC);

	ret_list->n = 0;
	if (len < 0)
		return -errno;
	take_fds(&msg, ret_list);
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : len;
}

void fd_list_close(struct fd_list *list)
{
	while (list->n)
		close(list->fds[--list->n]);
}
