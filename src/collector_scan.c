// SPDX-License-Identifier: GPL-2.0-only
/*
 * The scan of existing sockets. Programs are attached first, so that no connection falls between the snapshot and the stream;
 * what the iterators find is merged with what happens meanwhile by the time at which each socket was read.
 *
 * iter/tcp shows the network namespace of the thread that opens it: this thread visits each namespace that a process lives in.
 */
#include "collector.h"
#include "collector_impl.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/scan.skel.h"
#include "bpf/trace.skel.h"

#define CHUNK_BYTES (64 * 1024) /* more than the kernel's own buffer for an iterator, 32 KiB */

struct scan {
	struct collector *collector;
	event_fn fn;
	void *ctx;
	uint64_t namespaces;
};

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ull + ts.tv_nsec;
}

static void scan_attach(struct collector *c, enum hook_row row, struct bpf_program *program)
{
	struct collector_hook *hook = &c->hooks[row];
	int err;

	if (!hook->available || bpf_program__fd(program) < 0)
		return;
	c->links[row] = bpf_program__attach_iter(program, NULL);
	err = libbpf_get_error(c->links[row]);
	hook->used = !err;
	if (err) {
		c->links[row] = NULL;
		snprintf(hook->why, sizeof(hook->why), "attaching failed: %s", strerror(-err));
	}
}

/* Without the iterators the tool still runs: failing here fails a hook, not the collector. */
int scan_open(struct collector *c)
{
	c->scan = scan_bpf__open();
	if (!c->scan)
		return -errno;
	bpf_program__set_autoload(c->scan->progs.scan_files, c->hooks[HOOK_SCAN_FILES].available);
	bpf_program__set_autoload(c->scan->progs.scan_tcp, c->hooks[HOOK_SCAN_TCP].available);
	if (scan_bpf__load(c->scan)) {
		unsigned int row;

		for (row = HOOK_SCAN_FILES; row <= HOOK_SCAN_TCP; row++)
			snprintf(c->hooks[row].why, sizeof(c->hooks[row].why),
				 "the kernel refused it; run with -v for its reasons");
		return 0;
	}
	scan_attach(c, HOOK_SCAN_FILES, c->scan->progs.scan_files);
	scan_attach(c, HOOK_SCAN_TCP, c->scan->progs.scan_tcp);
	return 0;
}

static void scan_event(struct scan *s, const struct wire_hdr *ev)
{
	collector_drain(s->collector, ev->ts, s->fn, s->ctx);
	s->fn(s->ctx, ev);
}

/* Reads one iterator to its end. Reads may split an event; the rest is moved to the front. */
static int scan_iterate(struct scan *s, const struct bpf_link *link)
{
	_Alignas(8) static char buf[CHUNK_BYTES];
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
			scan_event(s, ev);
			pos += ev->len;
		}
		have -= pos;
		memmove(buf, buf + pos, have);
	}
	close(fd);
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
	size_t i;

	for (i = 0; i < seen->n; i++) {
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

static int scan_namespace(struct scan *s, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err = 0;

	if (fd < 0)
		return 0; /* the process ended meanwhile */
	if (setns(fd, CLONE_NEWNET))
		err = errno == ENOENT ? 0 : -errno;
	else
		err = scan_iterate(s, s->collector->links[HOOK_SCAN_TCP]);
	close(fd);
	s->namespaces++;
	return err;
}

static int scan_namespaces(struct scan *s)
{
	int home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	struct seen seen = {0};
	struct dirent *entry;
	struct stat st;
	char path[64];
	int err = 0;
	DIR *proc;

	if (home < 0)
		return -errno;
	proc = opendir("/proc");
	while (proc && !err && (entry = readdir(proc))) {
		if (!isdigit((unsigned char)entry->d_name[0]))
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/ns/net", entry->d_name);
		if (!stat(path, &st) && seen_add(&seen, st.st_ino))
			err = scan_namespace(s, path);
	}
	if (proc)
		closedir(proc);
	if (setns(home, CLONE_NEWNET) && !err)
		err = -errno;
	close(home);
	free(seen.inodes);
	return err;
}

static void scan_mark(struct scan *s, enum wire_kind kind, int64_t value)
{
	struct wire_mark mark = {
		.hdr = {.ts = now_ns(), .len = sizeof(mark), .kind = kind},
		.value = value,
	};

	scan_event(s, &mark.hdr);
}

int collector_scan(struct collector *collector, enum wire_scan_cause cause, event_fn fn, void *ctx)
{
	struct scan s = {.collector = collector, .fn = fn, .ctx = ctx};
	int err;

	collector->trace->bss->tell_deaths = true;
	scan_mark(&s, WIRE_SCAN_BEGIN, cause);
	err = scan_iterate(&s, collector->links[HOOK_SCAN_FILES]);
	if (!err && collector->links[HOOK_SCAN_TCP])
		err = scan_namespaces(&s);
	scan_mark(&s, WIRE_SCAN_END, s.namespaces);
	collector->trace->bss->tell_deaths = false;
	return err;
}
