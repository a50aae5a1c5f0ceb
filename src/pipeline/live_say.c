// SPDX-License-Identifier: GPL-2.0-only
#include "live_say.h"

#include "src/core/record_clock.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"
#include "src/kernel/collector.h"

#include <stdio.h>
#include <string.h>

static void feed_text(struct pipeline *p, const struct wire_text *head, const char *text, size_t len)
{
	union wire_text_space buf;

	pipeline_feed(p, wire_make_text(&buf, head, text, len));
}

void live_say_meta(struct pipeline *p, uint64_t now, const char *what)
{
	feed_text(p, &(struct wire_text){.hdr = {.ts = now, .kind = WIRE_META}}, what, strlen(what));
}

bool live_say_hook(struct pipeline *p, const struct hook_state *state, uint64_t now)
{
	const struct wire_text head = {.hdr = {.ts = now, .kind = WIRE_HOOK},
				       .key = state->used         ? 1
					      : state->not_needed ? 2
								  : 0};
	const struct hook *hook = state->hook;
	char text[200];
	int len = snprintf(text, sizeof(text), "%s%c%s%c%s", hook->name, '\0', hook->type, '\0', state->why);

	feed_text(p, &head, text, len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
	return !head.key;
}

bool live_say_hooks(struct pipeline *p, const struct collector *collector, uint64_t now)
{
	bool degraded = false;
	size_t n;
	const struct hook_state *states = collector_hooks(collector, &n);

	for (size_t i = 0; i < n; i++)
		degraded |= live_say_hook(p, &states[i], now);
	return degraded;
}

void live_say_mark(struct pipeline *p, uint64_t ts, enum wire_kind kind, int64_t value)
{
	const struct wire_mark mark = wire_make_mark(kind, ts, value);

	pipeline_feed(p, &mark.hdr);
}

void live_say_clock(struct pipeline *p, uint64_t ts, int64_t *offset_ns)
{
	int64_t now_ns = clock_wall_offset_ns();
	struct {
		struct wire_mark mark;
		struct wire_clock_boot boot;
	} clock = {wire_make_mark(WIRE_CLOCK, ts, now_ns), {clock_boot_offset_ns()}};

	if (!record_clock_moved(*offset_ns, now_ns))
		return;
	*offset_ns = now_ns;
	clock.mark.hdr.len = sizeof(clock);
	pipeline_feed(p, &clock.mark.hdr);
}
