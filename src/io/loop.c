// SPDX-License-Identifier: GPL-2.0-only
#include "loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>

#define HANDLERS_MAX 32

struct loop {
	int epoll_fd;
	unsigned int len;
	struct {
		loop_fn fn;
		void *ctx;
	} handlers[HANDLERS_MAX];
};

int loop_new(struct loop **out)
{
	struct loop *loop = calloc(1, sizeof(*loop));
	int err;

	if (!loop)
		return -ENOMEM;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0) {
		err = -errno;
		free(loop);
		return err;
	}
	*out = loop;
	return 0;
}

void loop_free(struct loop *loop)
{
	if (loop)
		close(loop->epoll_fd);
	free(loop);
}

int loop_add(struct loop *loop, int fd, loop_fn fn, void *ctx)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u32 = loop->len};

	if (loop->len == HANDLERS_MAX)
		return -ENOSPC;
	if (epoll_ctl(loop->epoll_fd, EPOLL_CTL_ADD, fd, &ev))
		return -errno;
	loop->handlers[loop->len].fn = fn;
	loop->handlers[loop->len++].ctx = ctx;
	return 0;
}

void loop_wait(struct loop *loop, int timeout_ms)
{
	struct epoll_event events[HANDLERS_MAX];
	int n = epoll_wait(loop->epoll_fd, events, HANDLERS_MAX, timeout_ms);

	for (int i = 0; i < n; i++)
		loop->handlers[events[i].data.u32].fn(loop->handlers[events[i].data.u32].ctx);
}
