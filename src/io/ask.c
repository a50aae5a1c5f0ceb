// SPDX-License-Identifier: GPL-2.0-only
#include "ask.h"

#include "unix_socket.h"
#include "wait.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define BUSY_NS 10000000ull /* between two tries where others wait already */

static int connect_until(const char *path, uint64_t deadline)
{
	struct stat peer;
	int fd;

	while ((fd = unix_connect(path, SOCK_STREAM, &peer)) == -EAGAIN && wait_now() < deadline)
		wait_poll(NULL, 0, wait_later(wait_now(), BUSY_NS));
	return fd == -EAGAIN ? -ETIMEDOUT : fd;
}

/* 0 at the end of the connection. */
static int read_until(int fd, size_t max, uint64_t deadline, struct ask_answer *ret)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	ssize_t n;

	for (;;) {
		if (wait_poll(&pfd, 1, deadline) <= 0 && wait_now() >= deadline)
			return -ETIMEDOUT;
		n = recv(fd, ret->text + ret->len, max + 1 - ret->len, MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return -errno;
		if (!n)
			return 0;
		ret->len += n > 0 ? (size_t)n : 0;
		if (ret->len > max)
			return -EFBIG;
	}
}

int ask(const char *path, size_t max, uint64_t wait_ns, struct ask_answer *ret)
{
	uint64_t deadline = wait_later(wait_now(), wait_ns);
	int fd = connect_until(path, deadline), err;
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	*ret = (struct ask_answer){0};
	if (fd < 0)
		return fd;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len))
		ret->pid = peer.pid;
	ret->text = malloc(max + 1);
	err = ret->text ? read_until(fd, max, deadline, ret) : -ENOMEM;
	close(fd);
	return err;
}
