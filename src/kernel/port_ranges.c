// SPDX-License-Identifier: GPL-2.0-only
/* Which ports connect() chooses from, in each network namespace. */
#include "collector.h"
#include "internal.h"

#include <stdio.h>

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

void collector_port_ranges(struct collector *collector, uint64_t ts, event_fn fn, void *ctx)
{
	struct port_ranges ranges = {.ts = ts, .fn = fn, .ctx = ctx};
	const struct iterate_visit visit = {.held = scan_held(collector), .enter = emit_port_range, .ctx = &ranges};
	struct iterate_reach reach;

	iterate_namespaces(&visit, &reach);
}
