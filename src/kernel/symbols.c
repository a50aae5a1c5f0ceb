// SPDX-License-Identifier: GPL-2.0-only
/*
 * Addresses of kernel functions. The kernel takes 40 ms and more to write /proc/kallsyms, so that a thread reads it while the
 * start goes on.
 */
#include "symbols.h"

#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/* A function ends where the next one begins; kallsyms is not sorted throughout, so all addresses are compared. */
static void find_ends(struct symbols *symbols, const uint64_t *addrs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t s = 0; s < SYMBOLS; s++) {
			struct caller_range *r = &symbols->range[s];

			if (r->begin && addrs[i] > r->begin && (!r->end || addrs[i] < r->end))
				r->end = addrs[i];
		}
	}
}

static bool is_name(const char *at, const char *name)
{
	size_t len = strlen(name);

	return at[0] == name[0] && !strncmp(at, name, len) && (at[len] == '\n' || at[len] == '\t');
}

/*
 * "ffffffff81000000 T name", then a module, if it is one's. 0: not the address of a function. There are some 200,000 lines, and
 * the start waits for the last one: strtoull() alone would take a tenth of the time.
 */
static uint64_t parse(struct symbols *symbols, const char *line)
{
	uint64_t addr = 0;

	for (; isxdigit((unsigned char)*line); line++)
		addr = addr << 4 | (*line <= '9' ? *line - '0' : (*line | 0x20) - 'a' + 10);
	if (line[0] != ' ' || (line[1] != 't' && line[1] != 'T') || line[2] != ' ')
		return 0;
	for (size_t s = 0; s < SYMBOLS; s++) {
		if (is_name(line + 3, names[s]))
			symbols->range[s].begin = addr;
	}
	return addr;
}

/* A thread's function. */
static void *read_all(void *arg)
{
	struct symbols *symbols = arg;
	FILE *file = fopen("/proc/kallsyms", "re");
	uint64_t *addrs = NULL, addr;
	size_t n = 0, room = 0;
	char line[512];

	while (file && fgets(line, sizeof(line), file)) {
		addr = parse(symbols, line);
		if (!addr)
			continue;
		if (n == room) {
			uint64_t *more = reallocarray(addrs, room + 65536, sizeof(*addrs));

			if (!more)
				break;
			addrs = more;
			room += 65536;
		}
		addrs[n++] = addr;
	}
	find_ends(symbols, addrs, n);
	free(addrs);
	if (file)
		fclose(file);
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

/* The thread leaves signals to the rest of the program. */
void symbols_begin(struct symbols *symbols)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	symbols->reading = !pthread_create(&symbols->thread, NULL, read_all, symbols);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!symbols->reading)
		read_all(symbols);
}

void symbols_end(struct symbols *symbols)
{
	if (symbols->reading)
		pthread_join(symbols->thread, NULL);
	symbols->reading = false;
}
