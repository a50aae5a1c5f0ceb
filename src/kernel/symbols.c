// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of kernel functions. The kernel takes 30 ms and more to write /proc/kallsyms, so that a thread reads it while the
 * start goes on.
 */
#include "symbols.h"

#include "src/host/thread.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define TEXT_BYTES 16384 /* the kernel gives 4096 at a time; a line has less than 700 */
#define ADDRS_MORE 65536

/* In the order of enum caller; then what is needed by itself. */
static const char *const names[] = {
	[CALLER_STATE_PROCESS] = "tcp_timewait_state_process",
	[CALLER_V4_CONNECT] = "tcp_v4_connect",
	[CALLER_V6_CONNECT] = "tcp_v6_connect",
	[CALLER_V4_RCV] = "tcp_v4_rcv",
	[CALLER_V6_RCV] = "tcp_v6_rcv",
	[CALLER_INET_PURGE] = "inet_twsk_purge",
	[CALLER_TCP_PURGE] = "tcp_twsk_purge", /* 6.1.192 and 6.10 on */
	[CALLER_ABORT] = "tcp_abort",
	[CALLER_TIMER] = "run_timer_softirq",
	[CALLER_TIMER_REMOTE] = "tmigr_handle_remote", /* for an idle processor, 6.9 on; the last call of the one before */
	[CALLER_SHUTDOWN] = "timer_shutdown_sync",
	[CALLER_DELETE] = "timer_delete_sync",
	[CALLER_DEL] = "del_timer_sync", /* the same, up to 6.14 */
	[CALLERS_MAX] = "tw_timer_handler",
};
_Static_assert(sizeof(names) / sizeof(names[0]) == SYMBOLS, "a range has no name");

struct reading {
	struct symbols *symbols;
	uint64_t *addrs; /* of all functions */
	size_t n, room;
};

/* A function ends where the next one begins; kallsyms is not sorted throughout, so all addresses are compared. */
static void find_ends(const struct reading *r)
{
	for (size_t s = 0; s < SYMBOLS; s++) {
		struct caller_range *range = &r->symbols->range[s];
		uint64_t begin = range->begin, end = UINT64_MAX;

		for (size_t i = 0; begin && i < r->n; i++) {
			if (r->addrs[i] > begin && r->addrs[i] < end)
				end = r->addrs[i];
		}
		range->end = end == UINT64_MAX ? 0 : end;
	}
}

/* `at` ends with a newline, behind a module's name if the function is one's. */
static bool is_name(const char *at, const char *name)
{
	size_t len;

	if (at[0] != name[0] || at[1] != name[1])
		return false;
	len = strlen(name);
	return !strncmp(at, name, len) && (at[len] == '\n' || at[len] == '\t');
}

/* "ffffffff81000000 T name", a newline. 0: not the address of a function. */
static uint64_t parse(struct symbols *symbols, const char *line)
{
	uint64_t addr = 0;

	for (; isxdigit((unsigned char)*line); line++)
		addr = addr << 4 | (uint64_t)(*line <= '9' ? *line - '0' : (*line | 0x20) - 'a' + 10);
	if (line[0] != ' ' || (line[1] != 't' && line[1] != 'T') || line[2] != ' ')
		return 0;
	for (size_t s = 0; s < SYMBOLS; s++) {
		if (is_name(line + 3, names[s]))
			symbols->range[s].begin = addr;
	}
	return addr;
}

static bool keep(struct reading *r, uint64_t addr)
{
	uint64_t *more;

	if (r->n == r->room) {
		more = reallocarray(r->addrs, r->room + ADDRS_MORE, sizeof(*more));
		if (!more)
			return false;
		r->addrs = more;
		r->room += ADDRS_MORE;
	}
	r->addrs[r->n++] = addr;
	return true;
}

/* The lines that are whole; how many bytes they have. */
static size_t take_lines(struct reading *r, const char *text, size_t len)
{
	const char *line = text, *end = text + len, *newline;
	uint64_t addr;

	while ((newline = memchr(line, '\n', (size_t)(end - line)))) {
		addr = parse(r->symbols, line);
		if (addr && !keep(r, addr))
			break;
		line = newline + 1;
	}
	return (size_t)(line - text);
}

/* A thread's function. The start may wait for it, and fgets() and strtoull() take too long for 120,000 lines and more. */
static void *read_all(void *arg)
{
	struct reading r = {.symbols = arg};
	int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC);
	char text[TEXT_BYTES];
	size_t len = 0, taken;
	ssize_t got;

	while (fd >= 0 && len < sizeof(text) && (got = read(fd, text + len, sizeof(text) - len)) > 0) {
		len += (size_t)got;
		taken = take_lines(&r, text, len);
		len -= taken;
		memmove(text, text + taken, len);
	}
	find_ends(&r);
	free(r.addrs);
	if (fd >= 0)
		close(fd);
	return NULL;
}

int symbols_try(void)
{
	FILE *file = fopen("/proc/kallsyms", "re");
	unsigned long long addr = 0;
	int err = file ? -EPERM : -errno;

	/* The first ones may be 0 in any case: offsets of variables that each CPU has. */
	for (int lines = 0; file && err && lines < 4096 && fscanf(file, "%llx %*[^\n]", &addr) == 1; lines++)
		err = addr ? 0 : err;
	if (file)
		fclose(file);
	return err;
}

void symbols_begin(struct symbols *symbols)
{
	symbols->reading = !thread_start(&symbols->thread, read_all, symbols);
	if (!symbols->reading)
		read_all(symbols);
}

void symbols_end(struct symbols *symbols)
{
	if (symbols->reading)
		pthread_join(symbols->thread, NULL);
	symbols->reading = false;
}
