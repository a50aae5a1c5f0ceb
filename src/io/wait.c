// SPDX-License-Identifier: GPL-2.0-only
#include "wait.h"

#include <time.h>
#include <unistd.h>

#define SECOND_NS 1000000000u

uint64_t wait_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * SECOND_NS + (uint64_t)ts.tv_nsec;
}

uint64_t wait_later(uint64_t now, uint64_t ns)
{
	return ns < WAIT_FOREVER - now ? now + ns : WAIT_FOREVER;
}

int wait_poll(struct pollfd *fds, nfds_t n, uint64_t deadline)
{
	uint64_t now = wait_now(), left = deadline > now ? deadline - now : 0;
	struct timespec timeout = {.tv_sec = (time_t)(left / SECOND_NS), .tv_nsec = (long)(left % SECOND_NS)};

	return ppoll(fds, n, deadline == WAIT_FOREVER ? NULL : &timeout, NULL);
}

void wait_signal(int event_fd)
{
	uint64_t one = 1;

	/* It fails only if the counter is full: then the descriptor is readable. */
	(void)!write(event_fd, &one, sizeof(one));
}

void wait_drain(int event_fd)
{
	uint64_t count;

	(void)!read(event_fd, &count, sizeof(count));
}
