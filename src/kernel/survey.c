// SPDX-License-Identifier: GPL-2.0-only
/*
 * What each network namespace has of its own, read at the start and before each summary: which ports connect() chooses from,
 * and whether in TIME_WAIT, too, what it counts, and what waits at its listeners. The events have the time of the tick that
 * follows them.
 */
#include "collector.h"
#include "internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bpf/scan.skel.h"

#define LINE_BYTES 8192 /* the names take 3,000 in Linux 6.18 */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

struct survey {
	uint64_t ts;
	bool first;
	event_fn fn;
	void *ctx;
};

/* Reads up to two numbers of a file; how many it has. */
static int read_numbers(struct netns_files *files, enum netns_file which, unsigned int *ret_first, unsigned int *ret_last)
{
	FILE *file;
	int numbers;

	if (netns_files_take(files, which, &file))
		return 0;
	numbers = fscanf(file, "%u %u", ret_first, ret_last);
	fclose(file);
	return numbers;
}

static bool read_reuse(struct netns_files *files, struct wire_port_reuse *ret_reuse)
{
	unsigned int where, stamps, none;

	if (read_numbers(files, NETNS_TW_REUSE, &where, &none) != 1 ||
	    read_numbers(files, NETNS_TIMESTAMPS, &stamps, &none) != 1)
		return false;
	*ret_reuse = (struct wire_port_reuse){.where = stamps ? where : WIRE_REUSE_OFF};
	return true;
}

static void emit_port_range(const struct survey *s, uint32_t netns, struct netns_files *files)
{
	unsigned int first, last;
	struct {
		struct wire_port_range wire;
		struct wire_port_reuse reuse;
	} range;

	if (read_numbers(files, NETNS_PORT_RANGE, &first, &last) != 2 || first > last || last > UINT16_MAX)
		return;
	range.wire = (struct wire_port_range){
		.hdr = {.ts = s->ts, .len = sizeof(range), .kind = WIRE_PORT_RANGE},
		.netns = netns,
		.first = first,
		.last = last,
	};
	if (!read_reuse(files, &range.reuse))
		range.wire.hdr.len = sizeof(range.wire);
	s->fn(s->ctx, &range.wire.hdr);
}

static const char *const count_names[] = {
	[WIRE_NETNS_COOKIES_SENT] = "SyncookiesSent",
	[WIRE_NETNS_COOKIES_RECV] = "SyncookiesRecv",
	[WIRE_NETNS_COOKIES_FAILED] = "SyncookiesFailed",
	[WIRE_NETNS_OVERFLOWS] = "ListenOverflows",
	[WIRE_NETNS_DROPS] = "ListenDrops",
	[WIRE_NETNS_REQQ_DROP] = "TCPReqQFullDrop",
	[WIRE_NETNS_REQQ_COOKIES] = "TCPReqQFullDoCookies",
};
_Static_assert(sizeof(count_names) / sizeof(count_names[0]) == WIRE_NETNS_COUNTS, "a count has no name");

/* Linux 5.14 on. */
static uint64_t netns_cookie(const struct netns_files *files)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(files->fds[NETNS_DIAG], SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) ? 0 : cookie;
}

struct counts {
	struct wire_netns wire;
	struct wire_netns_segments segments;
};

/* A line's name and value; one of the two files. */
typedef void (*count_fn)(struct counts *counts, const char *name, const char *value);

/* A count_fn, of snmp. */
static void read_segments(struct counts *counts, const char *name, const char *value)
{
	if (!strcmp(name, "OutSegs"))
		counts->segments.out = strtoull(value, NULL, 10);
	else if (!strcmp(name, "RetransSegs"))
		counts->segments.retrans = strtoull(value, NULL, 10);
}

/* A count_fn, of netstat. */
static void read_count(struct counts *counts, const char *name, const char *value)
{
	for (unsigned int i = 0; i < WIRE_NETNS_COUNTS; i++) {
		if (strcmp(name, count_names[i]) != 0)
			continue;
		counts->wire.counts[i] = strtoull(value, NULL, 10);
		counts->wire.known |= 1u << i;
	}
}

/* Two lines: the names, and the numbers in the same order. False: there are none. */
static bool read_counts(struct counts *counts, FILE *file, const char *group, count_fn fn)
{
	char names[LINE_BYTES], values[LINE_BYTES];
	char *next_name, *next_value, *name, *value;
	bool found = false;

	while (file && fgets(names, sizeof(names), file) && fgets(values, sizeof(values), file)) {
		if (strncmp(names, group, strlen(group)) != 0)
			continue;
		found = true;
		name = strtok_r(names, " \n", &next_name);
		value = strtok_r(values, " \n", &next_value);
		for (; name && value; name = strtok_r(NULL, " \n", &next_name), value = strtok_r(NULL, " \n", &next_value))
			fn(counts, name, value);
	}
	if (file)
		fclose(file);
	return found;
}

static void emit_counts(const struct survey *s, uint32_t netns, struct netns_files *files)
{
	FILE *netstat = NULL, *snmp = NULL;
	struct counts counts = {
		.wire = {.hdr = {.ts = s->ts, .len = sizeof(counts), .kind = WIRE_NETNS},
			 .netns = netns,
			 .first = s->first,
			 .cookie = netns_cookie(files)},
	};

	netns_files_take(files, NETNS_NETSTAT, &netstat);
	netns_files_take(files, NETNS_SNMP, &snmp);
	read_counts(&counts, netstat, "TcpExt:", read_count);
	if (!read_counts(&counts, snmp, "Tcp:", read_segments))
		counts.wire.hdr.len = sizeof(counts.wire);
	s->fn(s->ctx, &counts.wire.hdr);
}

/* An iterate_enter_fn. */
static bool enter(void *survey, uint32_t netns, struct netns_files *files)
{
	emit_port_range(survey, netns, files);
	emit_counts(survey, netns, files);
	return netns_sockets(files).any;
}

/* An event_fn. The rings are not drained up to the moment in which a listener was read: the tick's is early enough. */
static void emit_listener(void *survey, const struct wire_hdr *ev)
{
	const struct survey *s = survey;
	struct {
		struct wire_listener wire;
		struct wire_ident ident;
	} listener;

	if (ev->kind != WIRE_LISTENER || ev->len != sizeof(listener))
		return;
	listener = *(const __typeof__(listener) *)ev;
	listener.wire.hdr.ts = s->ts;
	s->fn(s->ctx, &listener.wire.hdr);
}

void collector_survey(struct collector *collector, uint64_t ts, bool first, event_fn fn, void *ctx)
{
	struct survey survey = {.ts = ts, .first = first, .fn = fn, .ctx = ctx};
	const struct iterate_visit visit = {
		.link = collector->links[collector->trace_n + 1],
		.first_part = true,
		.held = scan_held(collector),
		.admin = collector->admin,
		.files = NETNS_SOCKETS_FILES | 1u << NETNS_NETSTAT | 1u << NETNS_SNMP | 1u << NETNS_PORT_RANGE |
			 1u << NETNS_TW_REUSE | 1u << NETNS_TIMESTAMPS | 1u << NETNS_DIAG,
		.enter = enter,
		.fn = emit_listener,
		.ctx = &survey,
	};
	struct iterate_reach reach;

	collector->scan->bss->queues_only = true;
	iterate_namespaces(&visit, &reach);
	collector->scan->bss->queues_only = false;
}
