// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads BPF iterators. iter/tcp shows the network namespace of the thread that opens it: this thread enters each namespace that
 * a process lives in, or that a mount or a descriptor keeps alive.
 */
#include "internal.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define CHUNK_BYTES (64 * 1024) /* more than the kernel's own buffer for an iterator, 32 KiB */

int iterate(const struct bpf_link *link, event_fn fn, void *ctx)
{
	_Alignas(8) char buf[CHUNK_BYTES];
	size_t have = 0, pos;
	ssize_t n;
	int fd, err = 0;

	if (!link)
		return 0;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0)
		return -errno;
	while ((n = read(fd, buf + have, sizeof(buf) - have)) != 0) {
		if (n < 0) {
			if (errno == EINTR || errno == EAGAIN)
				continue;
			err = -errno;
			break;
		}
		have += n;
		for (pos = 0; have - pos >= sizeof(struct wire_hdr);) {
			const struct wire_hdr *ev = (const void *)(buf + pos);

			if (have - pos < ev->len)
				break;
			fn(ctx, ev);
			pos += ev->len;
		}
		have -= pos; /* a read may end inside an event */
		memmove(buf, buf + pos, have);
	}
	close(fd);
	return err;
}

int attach_iterator(const struct bpf_program *program, struct bpf_link **ret_link)
{
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int err = libbpf_get_error(link);

	*ret_link = err ? NULL : link;
	return err;
}

/* The namespaces seen so far, as inode numbers; a host has few, so that a linear search will do. */
struct seen {
	ino_t *inodes;
	size_t n, room;
};

static bool seen_add(struct seen *seen, ino_t inode)
{
	ino_t *grown;

	for (size_t i = 0; i < seen->n; i++) {
		if (seen->inodes[i] == inode)
			return false;
	}
	if (seen->n == seen->room) {
		grown = realloc(seen->inodes, (seen->room + 64) * sizeof(*grown));
		if (!grown)
			return false;
		seen->inodes = grown;
		seen->room += 64;
	}
	seen->inodes[seen->n++] = inode;
	return true;
}

/* Closes `fd`, a namespace; -1: its process ended meanwhile. */
static int iterate_in(int fd, uint32_t netns, const struct iterate_visit *visit)
{
	int err;

	if (fd < 0)
		return 0;
	if (setns(fd, CLONE_NEWNET)) {
		err = errno == ENOENT ? 0 : -errno;
	} else {
		if (visit->enter)
			visit->enter(visit->ctx, netns);
		err = iterate(visit->link, visit->fn, visit->ctx);
	}
	close(fd);
	return err;
}

static int visit_once(const char *path, struct seen *seen, const struct iterate_visit *visit)
{
	struct stat st;

	if (stat(path, &st) || !seen_add(seen, st.st_ino))
		return 0;
	return iterate_in(open(path, O_RDONLY | O_CLOEXEC), st.st_ino, visit);
}

static int visit_processes(struct seen *seen, const struct iterate_visit *visit)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[64];
	int err = 0;

	while (proc && !err && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/ns/net", entry->d_name);
		err = visit_once(path, seen, visit);
	}
	if (proc)
		closedir(proc);
	return err;
}

/* Kept by a mount (`ip netns add`) a namespace lives on without a process. A path with spaces in it is passed over. */
static int visit_mounts(struct seen *seen, const struct iterate_visit *visit)
{
	FILE *mounts = fopen("/proc/thread-self/mountinfo", "re");
	char line[4096], root[64], path[PATH_MAX];
	int err = 0;

	while (mounts && !err && fgets(line, sizeof(line), mounts)) {
		if (strstr(line, " - nsfs ") && sscanf(line, "%*s %*s %*s %63s %4095s", root, path) == 2 &&
		    !strncmp(root, "net:", 4))
			err = visit_once(path, seen, visit);
	}
	if (mounts)
		fclose(mounts);
	return err;
}

/* What is left: only descriptors keep it alive, of nsfs or of sockets. */
static int visit_held(struct seen *seen, const struct iterate_visit *visit, uint64_t *ret_missed)
{
	struct namespace_holder holder;
	uint32_t netns = 0, *before = NULL;
	int fd, err = 0;

	while (!err && !bpf_map_get_next_key(visit->held, before, &netns)) {
		before = &netns;
		if (bpf_map_lookup_elem(visit->held, &netns, &holder) || !seen_add(seen, netns))
			continue;
		fd = netns_open_held(netns, &holder);
		err = iterate_in(fd, netns, visit);
		if (fd >= 0)
			continue;
		seen->n--;
		*ret_missed += fd != -ENOENT && fd != -ESRCH && fd != -EBADF; /* else it ended meanwhile */
	}
	return err;
}

int iterate_namespaces(const struct iterate_visit *visit, struct iterate_reach *ret_reach)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct seen seen = {0};
	int err;

	*ret_reach = (struct iterate_reach){0};
	if (home < 0)
		return -errno;
	err = visit_processes(&seen, visit) ?: visit_mounts(&seen, visit) ?: visit_held(&seen, visit, &ret_reach->missed);
	if (setns(home, CLONE_NEWNET) && !err)
		err = -errno;
	close(home);
	ret_reach->entered = seen.n;
	free(seen.inodes);
	return err;
}
