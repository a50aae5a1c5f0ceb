// SPDX-License-Identifier: GPL-2.0-only
/* What is asked of network namespaces besides their sockets, by a thread that stands in them. */
#include "collector.h"
#include "internal.h"

#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct port_ranges {
	uint64_t ts;
	event_fn fn;
	void *ctx;
};

/* An iterate_enter_fn. */
static void emit_port_range(void *ranges, uint32_t netns)
{
	const struct port_ranges *r = ranges;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	unsigned int first, last;

	if (file && fscanf(file, "%u %u", &first, &last) == 2 && first <= last && last <= UINT16_MAX) {
		struct wire_port_range range = {
			.hdr = {.ts = r->ts, .len = sizeof(range), .kind = WIRE_PORT_RANGE},
			.netns = netns,
			.first = first,
			.last = last,
		};
		r->fn(r->ctx, &range.hdr);
	}
	if (file)
		fclose(file);
}

void collector_port_ranges(uint64_t ts, event_fn fn, void *ctx)
{
	struct port_ranges ranges = {.ts = ts, .fn = fn, .ctx = ctx};
	const struct iterate_visit visit = {.enter = emit_port_range, .ctx = &ranges};
	uint64_t namespaces;

	iterate_namespaces(&visit, &namespaces);
}

static bool has_minisocks(void)
{
	FILE *file = fopen("/proc/thread-self/net/sockstat", "re");
	unsigned long n = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "TCP: inuse %*u orphan %*u tw %lu", &n) == 1)
			break;
	}
	if (file)
		fclose(file);
	return n;
}

static void dump_minisocks(int fd, unsigned int family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = 1 << WIRE_TIME_WAIT | 1 << WIRE_FIN_WAIT2},
	};
	_Alignas(8) char answer[64 * 1024];
	struct nlmsghdr *head;
	ssize_t len;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return;
	while ((len = recv(fd, answer, sizeof(answer), 0)) > 0) {
		for (head = (void *)answer; NLMSG_OK(head, (size_t)len); head = NLMSG_NEXT(head, len)) {
			if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR)
				return;
		}
	}
}

/* A minisocket has a cookie only if its socket had one. sock_diag gives one to all that it shows; the answer is not used. */
void netns_name_minisocks(void)
{
	const struct timeval patience = {.tv_sec = 1};
	int fd;

	if (!has_minisocks())
		return;
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	dump_minisocks(fd, AF_INET);
	dump_minisocks(fd, AF_INET6);
	close(fd);
}
