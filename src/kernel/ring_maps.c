// SPDX-License-Identifier: GPL-2.0-only
/*
 * When a map is put into another, the kernel waits until no program can see the old one any more (maybe_wait_bpf_programs()):
 * 5 to 20 ms, for each CPU's ring. So all are put in with one call, from 5.19 on, and a thread does it while the programs load.
 */
#include "ring_maps.h"

#include "src/host/thread.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

/* libbpf has bpf_map_create() since 0.7; Ubuntu 22.04 ships 0.5. */
static int ring_create(uint32_t bytes)
{
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_RINGBUF;
	attr.max_entries = bytes;
	strcpy(attr.map_name, "ring");
	fd = syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	return fd < 0 ? -errno : fd;
}

static int outer_create(unsigned int n)
{
	union bpf_attr attr;
	int inner = ring_create((uint32_t)sysconf(_SC_PAGESIZE)), fd; /* the least that the kernel takes */

	if (inner < 0)
		return inner;
	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_ARRAY_OF_MAPS;
	attr.key_size = sizeof(uint32_t);
	attr.value_size = sizeof(uint32_t);
	attr.max_entries = n;
	attr.inner_map_fd = inner;
	strcpy(attr.map_name, "rings");
	fd = syscall(__NR_bpf, BPF_MAP_CREATE, &attr, sizeof(attr));
	if (fd < 0)
		fd = -errno;
	close(inner);
	return fd;
}

static int put_each(const struct ring_maps *m)
{
	for (uint32_t cpu = 0; cpu < m->n; cpu++)
		if (bpf_map_update_elem(m->map_fd, &cpu, &m->fds[cpu], BPF_ANY))
			return -errno;
	return 0;
}

static int put_all(const struct ring_maps *m)
{
	uint32_t *keys = malloc(m->n * sizeof(*keys)), count = m->n;
	bool done;

	if (!keys)
		return -ENOMEM;
	for (uint32_t cpu = 0; cpu < m->n; cpu++)
		keys[cpu] = cpu;
	done = !bpf_map_update_batch(m->map_fd, keys, m->fds, &count, NULL) && count == m->n;
	free(keys);
	return done ? 0 : put_each(m);
}

/* A thread's function. */
static void *fill(void *ring_maps)
{
	struct ring_maps *m = ring_maps;

	for (unsigned int cpu = 0; cpu < m->n && !m->err; cpu++) {
		m->fds[cpu] = ring_create(m->bytes);
		if (m->fds[cpu] < 0)
			m->err = m->fds[cpu];
	}
	if (!m->err)
		m->err = put_all(m);
	return NULL;
}

int ring_maps_begin(struct ring_maps *m, unsigned int n, uint32_t bytes)
{
	*m = (struct ring_maps){.n = n, .bytes = bytes, .fds = malloc(n * sizeof(*m->fds)), .map_fd = -1};
	if (!m->fds)
		return -ENOMEM;
	memset(m->fds, -1, n * sizeof(*m->fds));
	m->map_fd = outer_create(n);
	if (m->map_fd < 0)
		return m->map_fd;
	m->filling = !thread_start(&m->thread, fill, m);
	if (!m->filling)
		fill(m);
	return 0;
}

int ring_maps_end(struct ring_maps *m)
{
	if (m->filling)
		pthread_join(m->thread, NULL);
	m->filling = false;
	return m->err;
}

void ring_maps_close(struct ring_maps *m)
{
	ring_maps_end(m);
	for (unsigned int cpu = 0; m->fds && cpu < m->n; cpu++)
		if (m->fds[cpu] >= 0)
			close(m->fds[cpu]);
	free(m->fds);
	if (m->map_fd >= 0)
		close(m->map_fd);
	*m = (struct ring_maps){.map_fd = -1};
}
