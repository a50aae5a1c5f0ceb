// SPDX-License-Identifier: GPL-2.0-only
#include "opener_protocol.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX 4 /* that a message may bring: one is kept */

bool request_valid(const struct request *r, size_t size)
{
	if (size != sizeof(*r))
		return false;
	switch (r->kind) {
	case REQUEST_MODULES:
	case REQUEST_MAP:
		return r->program.tgid != 0;
	case REQUEST_FILE:
		return r->program.tgid && r->start < r->end;
	case REQUEST_DEBUG:
		return r->build_id_len >= BUILD_ID_MIN && r->build_id_len <= BUILD_ID_MAX;
	default:
		return false;
	}
}

bool answer_valid(const struct answer *a, size_t size)
{
	if (size < offsetof(struct answer, modules) || a->error > 0 || a->modules_len > MODULES_MAX || size != answer_size(a))
		return false;
	for (uint32_t i = 0; i < a->modules_len; i++) {
		const struct module_range *m = &a->modules[i];

		if (m->low >= m->high || m->start < m->low || m->end > m->high || m->start >= m->end || m->of_system > 1 ||
		    m->name[sizeof(m->name) - 1])
			return false;
	}
	return true;
}

union control {
	struct cmsghdr head;
	char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
};

int protocol_send(int socket, const void *message, size_t size, int fd)
{
	union control control = {0};
	struct iovec iov = {(void *)message, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		control.head = (struct cmsghdr){CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(fd));
	}
	return sendmsg(socket, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static void take_fds(struct msghdr *msg, int *ret_fd)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		size_t n = c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_RIGHTS ? (c->cmsg_len - CMSG_LEN(0)) / sizeof(int)
										     : 0;

		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(fd), sizeof(fd));
			if (*ret_fd < 0)
				*ret_fd = fd;
			else
				close(fd);
		}
	}
}

long protocol_receive(int socket, void *message, size_t size, int *ret_fd)
{
	union control control;
	struct iovec iov = {message, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)};
	ssize_t len = recvmsg(socket, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	*ret_fd = -1;
	if (len < 0)
		return -errno;
	take_fds(&msg, ret_fd);
	return msg.msg_flags & MSG_TRUNC ? -EMSGSIZE : len;
}
