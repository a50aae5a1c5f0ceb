// SPDX-License-Identifier: GPL-2.0-only
#include "live_say.h"

#include "src/core/wire_make.h"
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

bool live_say_hooks(struct pipeline *p, const struct collector *collector, uint64_t now)
{
	struct wire_text head = {.hdr = {.ts = now, .kind = WIRE_HOOK}};
	bool degraded = false;
	char text[200];
	size_t n;
	const struct hook_state *states = collector_hooks(collector, &n);

	for (size_t i = 0; i < n; i++) {
		const struct hook *hook = states[i].hook;
		int len = snprintf(text, sizeof(text), "%s%c%s%c%s", hook->name, '\0', hook->type, '\0', states[i].why);

		head.key = states[i].used ? 1 : states[i].not_needed ? 2 : 0;
		degraded |= !head.key;
		feed_text(p, &head, text, len < (int)sizeof(text) ? (size_t)len : sizeof(text) - 1);
	}
	return degraded;
}

void live_say_mark(struct pipeline *p, uint64_t ts, enum wire_kind kind, int64_t value)
{
	const struct wire_mark mark = wire_make_mark(kind, ts, value);

	pipeline_feed(p, &mark.hdr);
}
