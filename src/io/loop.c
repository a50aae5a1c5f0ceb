// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <errno.h>
#include <sys/epoll.h>
#include <unistd.h>

int loop_open(struct loop *loop)
{
	*loop = (struct loop){.epoll_fd = epoll_create1(EPOLL_CLOEXEC)};
	return loop->epoll_fd < 0 ? -errno : 0;
}

void loop_close(struct loop *loop)
{
	if (loop->epoll_fd >= 0)
		close(loop->epoll_fd);
}

int loop_add(struct loop *loop, int fd, loop_fn fn, void *ctx)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = loop->len};

	if (loop->len == LOOP_MAX)
		return -ENOSPC;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	loop->handlers[loop->len].fn = fn;
	loop->handlers[loop->len++].ctx = ctx;
	return 0;
}

void loop_wait(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[LOOP_MAX];
	int n = epoll_wait(loop->epoll_fd, events, LOOP_MAX, timeout_ms);

	for (int i = 0; i < n; i++)
		loop->handlers[events[i].data.u32].fn(loop->handlers[events[i].data.u32].ctx);
}
