// SPDX-License-Identifier: GPL-2.0-only
#include "capture_ring.h"

#include "bpf/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <unistd.h>

/* Each record is behind 8 bytes that begin with its length; the highest bit of that is set while it is written (Linux 5.8 on).
 */
#define HEAD_BYTES 8
#define BUSY (1u << 31)
#define RECORD_BYTES (HEAD_BYTES + (sizeof(struct capture) + 7) / 8 * 8)

/* What is mapped keeps the map's file open, so that its descriptor need not stay: who takes the parser over cannot use it. */
static int watch(int fd)
{
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0 || epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){.events = EPOLLIN}))
		return -errno;
	return epoll_fd;
}

/* The kernel maps two pages of positions and then the data, twice. */
int capture_ring_open(struct capture_ring *ring, int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	void *consumed = mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), *rest;

	if (consumed == MAP_FAILED)
		return -errno;
	rest = mmap(NULL, page + 2 * CAPTURES_BYTES, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (rest == MAP_FAILED)
		return -errno;
	*ring = (struct capture_ring){
		.epoll_fd = watch(fd),
		.consumed = consumed,
		.produced = rest,
		.data = (const char *)rest + page,
		.size = CAPTURES_BYTES,
	};
	close(fd);
	return ring->epoll_fd < 0 ? ring->epoll_fd : 0;
}

/* Behind all of them, if what is there makes no sense. */
static void set_right(struct capture_ring *ring, uint64_t produced)
{
	__atomic_store_n(ring->consumed, produced - produced % RECORD_BYTES, __ATOMIC_RELEASE);
}

const struct capture_ring *capture_ring_watch(int fd)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	uint64_t *consumed = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, 0), *produced;
	struct capture_ring *ring = malloc(sizeof(*ring));

	produced = mmap(NULL, page, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (consumed == MAP_FAILED || (void *)produced == MAP_FAILED || !ring) {
		free(ring);
		return NULL;
	}
	*ring = (struct capture_ring){.epoll_fd = -1, .consumed = consumed, .produced = produced};
	return ring;
}

uint64_t capture_ring_turn(const struct capture_ring *ring)
{
	uint64_t consumed = __atomic_load_n(ring->consumed, __ATOMIC_RELAXED);

	return consumed == __atomic_load_n(ring->produced, __ATOMIC_RELAXED) ? 0 : consumed / RECORD_BYTES + 1;
}

static const struct capture *look(struct capture_ring *ring)
{
	uint64_t consumed = __atomic_load_n(ring->consumed, __ATOMIC_RELAXED);
	uint64_t produced = __atomic_load_n(ring->produced, __ATOMIC_ACQUIRE);
	const char *record = ring->data + consumed % ring->size;
	uint32_t len;

	if (consumed == produced)
		return NULL;
	if (consumed > produced || produced - consumed > ring->size || consumed % RECORD_BYTES) {
		set_right(ring, produced);
		return NULL;
	}
	len = __atomic_load_n((const uint32_t *)record, __ATOMIC_ACQUIRE);
	if (len & BUSY)
		return NULL;
	if (len != sizeof(struct capture)) {
		set_right(ring, produced);
		return NULL;
	}
	return (const void *)(record + HEAD_BYTES);
}

const struct capture *capture_ring_next(struct capture_ring *ring, int timeout_ms)
{
	const struct capture *capture = look(ring);
	struct epoll_event event;

	if (!capture && epoll_wait(ring->epoll_fd, &event, 1, timeout_ms) > 0)
		capture = look(ring);
	return capture;
}

void capture_ring_done(struct capture_ring *ring)
{
	uint64_t consumed = __atomic_load_n(ring->consumed, __ATOMIC_RELAXED);

	__atomic_store_n(ring->consumed, consumed + RECORD_BYTES, __ATOMIC_RELEASE);
}
