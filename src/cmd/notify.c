// SPDX-License-Identifier: GPL-2.0-only
/*
 * The watchdog is fed by the loop, and only while no writer hangs in a call of its destination, as on a disk that does not
 * answer. An output that waits for its reader does not hang: to start the service again would not help, and would lose records.
 */
#include "notify.h"

#include "src/host/clock.h"
#include "src/io/queue.h"
#include "src/pipeline/live.h"
#include "src/pipeline/outputs.h"

#include <string.h>

#define SECOND_NS 1000000000ull
#define STATUS_NS (10 * SECOND_NS)
#define RELOAD_NS (5 * SECOND_NS) /* a file that cannot be opened is tried again later: the reload is over all the same */
#define FEEDS 4                   /* in the time of the watchdog */

void notify_open(struct notify *notify)
{
	service_open(&notify->service);
}

void notify_close(struct notify *notify)
{
	service_close(&notify->service);
}

static void say_status(struct notify *n, const char *first, uint64_t now)
{
	struct outputs_health health;
	struct pipeline_stats stats;
	uint64_t lost;

	outputs_health(n->outputs, &health);
	lost = health.lost;
	pipeline_stats(live_pipeline(n->live), &stats);
	for (unsigned int stage = 0; stage < WIRE_LOST_MAX; stage++)
		lost += stats.lost[stage];
	service_say(&n->service, "%sSTATUS=%llu events, %llu lost%s", first, (unsigned long long)stats.events,
		    (unsigned long long)lost, health.trouble ? "; an output does not take its records" : "");
	n->status_ns = now;
}

void notify_reloading(struct notify *n)
{
	if (!n->ready)
		return; /* it has not opened its files yet */
	n->reloading_ns = clock_now_ns();
	service_say_reloading(&n->service, n->reloading_ns);
}

static void end_reload(struct notify *n, uint64_t now)
{
	struct outputs_health health;

	outputs_health(n->outputs, &health);
	if (health.reopening && now < n->reloading_ns + RELOAD_NS)
		return;
	n->reloading_ns = 0;
	say_status(n, "READY=1\n", now);
}

static uint64_t longest_call_ns(const struct notify *n)
{
	uint64_t record = n->record ? queue_busy_ns(n->record) : 0;
	struct outputs_health health;

	outputs_health(n->outputs, &health);
	return health.busy_ns > record ? health.busy_ns : record;
}

static void feed_watchdog(struct notify *n, uint64_t now)
{
	if (!n->service.watchdog_ns || now < n->fed_ns + n->service.watchdog_ns / FEEDS ||
	    longest_call_ns(n) > n->service.watchdog_ns / 2)
		return;
	n->fed_ns = now;
	service_say(&n->service, "WATCHDOG=1");
}

/* record_consumer.tick */
static void tick(void *ctx, const struct record_context *context, uint64_t at)
{
	uint64_t now = clock_now_ns();
	struct notify *n = ctx;

	(void)context;
	if (!n->ready || at == UINT64_MAX)
		return;
	feed_watchdog(n, now);
	if (n->reloading_ns)
		end_reload(n, now);
	if (now >= n->status_ns + STATUS_NS)
		say_status(n, "", now);
}

/* record_consumer.take */
static void take(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct notify *n = ctx;

	(void)context;
	(void)owner;
	if (!strcmp(rec->meta->what, "ready")) {
		n->ready = true;
		say_status(n, "READY=1\n", clock_now_ns());
	} else if (!strcmp(rec->meta->what, "stop")) {
		n->ready = false;
		service_say(&n->service, "STOPPING=1\nSTATUS=Writes what is left");
	}
}

struct record_consumer notify_consumer(struct notify *notify)
{
	return (struct record_consumer){.events = 1u << RECORD_META, .ctx = notify, .take = take, .tick = tick};
}
