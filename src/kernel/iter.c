// SPDX-License-Identifier: GPL-2.0-only
/*
 * Reads BPF iterators. iter/tcp shows the network namespace of the thread that opens it: each namespace that a process lives
 * in, or that a mount or a descriptor keeps alive, is entered for that, by the process that keeps the right to (admin.h), or by
 * this thread where there is none.
 */
#include "internal.h"

#include "privileges.h"
#include "src/host/admin.h"
#include "src/host/self.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#define CHUNK_BYTES (64 * 1024) /* more than the kernel's own buffer for an iterator, 32 KiB */

/*
 * EAGAIN says that the kernel read very many objects and the program wrote nothing; and, with `first_part`, that the program
 * returned 1 and what it wrote before has been read.
 */
static int read_iterator(int fd, bool first_part, event_fn fn, iterate_pause_fn pause, void *ctx)
{
	_Alignas(8) char buf[CHUNK_BYTES];
	size_t have = 0, pos;
	ssize_t n;
	int err = 0;

	while ((n = read(fd, buf + have, sizeof(buf) - have)) != 0) {
		if (n < 0) {
			err = errno == EINTR || errno == EAGAIN ? 0 : -errno;
			if (err || (errno == EAGAIN && first_part))
				break;
			n = 0;
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
		if (pause)
			pause(ctx);
	}
	return err;
}

int iterate(const struct bpf_link *link, event_fn fn, iterate_pause_fn pause, void *ctx)
{
	int fd = link ? bpf_iter_create(bpf_link__fd(link)) : -1, err;

	if (!link)
		return 0;
	if (fd < 0)
		return -errno;
	err = read_iterator(fd, false, fn, pause, ctx);
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

static bool seen_has(const struct seen *seen, ino_t inode)
{
	for (size_t i = 0; i < seen->n; i++) {
		if (seen->inodes[i] == inode)
			return true;
	}
	return false;
}

static bool seen_add(struct seen *seen, ino_t inode)
{
	ino_t *grown;

	if (seen_has(seen, inode))
		return false;
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

/* A walk over all namespaces. */
struct walk {
	const struct iterate_visit *visit;
	struct seen seen;
	struct iterate_reach reach;
	unsigned int shown, refused; /* paths, most of them of processes */
	ino_t home;
	bool away; /* from home: without CAP_SYS_ADMIN a thread can enter no namespace, but it is in one */
};

/* 0, or -errno: the namespace was not entered. */
static int open_files(struct walk *w, int fd, ino_t inode, struct netns_files *ret_files)
{
	const struct iterate_visit *visit = w->visit;
	uint32_t wanted = visit->files | (visit->link ? 1u << NETNS_ITERATOR : 0);
	int link = visit->link ? bpf_link__fd(visit->link) : -1;

	if (inode != w->home && visit->admin)
		return admin_open_files(visit->admin, fd, wanted, link, ret_files);
	if (w->away || inode != w->home) {
		if (setns(fd, CLONE_NEWNET))
			return -errno;
		w->away = true;
	}
	netns_files_open(wanted, link, ret_files);
	return 0;
}

static int visit_files(struct walk *w, ino_t inode, struct netns_files *files)
{
	const struct iterate_visit *visit = w->visit;
	int fd = files->fds[NETNS_ITERATOR];

	w->reach.entered++;
	if ((visit->enter && !visit->enter(visit->ctx, inode, files)) || !visit->link)
		return 0;
	return fd < 0 ? fd : read_iterator(fd, visit->first_part, visit->fn, visit->pause, visit->ctx);
}

/* Takes over `fd`: a namespace that was not seen before, or the error of opening it. One that ended meanwhile is not missed. */
static int iterate_in(struct walk *w, int fd)
{
	bool gone = fd == -ENOENT || fd == -ESRCH || fd == -EBADF;
	struct netns_files files;
	struct stat ns;
	int err = 0;

	if (fd < 0 && self_no_descriptor(fd)) /* a descriptor may have the number of that error */
		return fd;
	if (fd < 0) {
		w->reach.missed += !gone;
		return 0;
	}
	if (!fstat(fd, &ns) && seen_add(&w->seen, ns.st_ino)) {
		if (open_files(w, fd, ns.st_ino, &files)) {
			w->reach.missed++;
		} else {
			err = visit_files(w, ns.st_ino, &files);
			netns_files_close(&files);
		}
	}
	close(fd);
	if (w->visit->pause)
		w->visit->pause(w->visit->ctx);
	return err;
}

/* The kernel says EACCES also of a process that has just ended. */
static bool is_hidden(const char *path)
{
	struct stat st;

	return (errno == EACCES || errno == EPERM) && (!lstat(path, &st) || (errno != ENOENT && errno != ESRCH));
}

/* What stat() saw may have ended before open(), and the path be another file: only what was opened counts as seen. */
static int visit_path(struct walk *w, const char *path)
{
	struct stat st;

	if (stat(path, &st)) {
		w->refused += is_hidden(path);
		return 0;
	}
	w->shown++;
	if (seen_has(&w->seen, st.st_ino))
		return 0;
	return iterate_in(w, netns_open(path));
}

static int visit_processes(struct walk *w)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	char path[64];
	int err = proc ? 0 : -errno;

	while (proc && !err && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/ns/net", entry->d_name);
		err = visit_path(w, path);
	}
	if (proc)
		closedir(proc);
	return err;
}

/* Kept by a mount (`ip netns add`) a namespace lives on without a process. A path with spaces in it is passed over. */
static int visit_mounts(struct walk *w)
{
	FILE *mounts = fopen("/proc/thread-self/mountinfo", "re");
	char line[4096], root[64], path[PATH_MAX];
	int err = mounts ? 0 : -errno;

	while (mounts && !err && fgets(line, sizeof(line), mounts)) {
		if (strstr(line, " - nsfs ") && sscanf(line, "%*s %*s %*s %63s %4095s", root, path) == 2 &&
		    !strncmp(root, "net:", 4))
			err = visit_path(w, path);
	}
	if (mounts)
		fclose(mounts);
	return err;
}

/* What is left: only descriptors keep it alive, of nsfs or of sockets. */
static int visit_held(struct walk *w)
{
	struct namespace_holder holder;
	uint32_t netns = 0, *before = NULL;
	int err = 0;

	while (!err && !bpf_map_get_next_key(w->visit->held, before, &netns)) {
		before = &netns;
		if (!bpf_map_lookup_elem(w->visit->held, &netns, &holder) && !seen_has(&w->seen, netns))
			err = iterate_in(w, netns_open_held(w->visit->admin, netns, &holder));
	}
	return err;
}

int iterate_namespaces(const struct iterate_visit *visit, struct iterate_reach *ret_reach)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct walk w = {.visit = visit};
	struct stat st;
	int err;

	*ret_reach = (struct iterate_reach){0};
	if (home < 0)
		return -errno;
	w.home = fstat(home, &st) ? 0 : st.st_ino;
	err = visit_processes(&w) ?: visit_mounts(&w) ?: visit_held(&w);
	if (w.away && setns(home, CLONE_NEWNET) && !err)
		err = -errno;
	close(home);
	/* A security module that protects a few processes hides no namespace, one that hides most processes does. */
	w.reach.hidden = w.refused && (w.refused > w.shown || privileges_missing(CAP_SYS_PTRACE));
	*ret_reach = w.reach;
	free(w.seen.inodes);
	return err;
}

bool iterate_met_all(const struct iterate_reach *reach)
{
	return !reach->missed && !reach->hidden;
}

void iterate_warn(const struct iterate_reach *reach, warn_fn warn)
{
	const char *admin = privileges_missing(CAP_SYS_ADMIN), *ptrace = privileges_missing(CAP_SYS_PTRACE);

	if (reach->missed)
		warn("%llu of the network namespaces could not be entered%s%s%s: sockets there that no process holds are not "
		     "found%s",
		     (unsigned long long)reach->missed, admin ? " (" : "", admin ?: "", admin ? " is missing)" : "",
		     reach->nameless ? ", nor are some that processes hold" : "");
	if (reach->hidden)
		warn("network namespaces of other users' processes could not be found%s%s%s: sockets there that no process "
		     "holds are not found either",
		     ptrace ? " (" : "", ptrace ?: "", ptrace ? " is missing)" : "");
}
