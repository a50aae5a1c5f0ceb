// SPDX-License-Identifier: GPL-2.0-only
#include "output_trouble.h"

#include "output_state.h"
#include "output_kinds.h"
#include "src/host/clock.h"

#include <errno.h>

#define UNDELIVERED_NS (5000 * MS)

/* Troubles without an errno. */
#define STUCK (-1)       /* the destination takes nothing */
#define UNDELIVERED (-2) /* it takes and does not deliver */
#define REFUSED (-3)     /* it takes, and the peer does not */

uint64_t output_waiting(const struct output *o)
{
	return o->stats.waiting + o->fate.waiting + o->fate.kept;
}

static void look_at_fate(struct output *o, uint64_t now)
{
	uint64_t delivered = o->fate.delivered, lost = o->fate.lost;

	o->destination->fate(o->destination, &o->fate);
	if (o->fate.delivered != delivered || !(o->fate.waiting + o->fate.kept) || !o->delivered_ns)
		o->delivered_ns = now;
	if (o->fate.delivered != delivered)
		o->refused = false;
	else if (o->fate.lost != lost)
		o->refused = true;
	if (o->fate.delivered != delivered)
		o->success_ns = now;
}

/* When all had left that was there then: no message has a time, so marks are set between them. */
static void move_mark(struct output *o, uint64_t now)
{
	uint64_t waiting = output_waiting(o);

	if (waiting && o->stats.messages < o->mark_messages + waiting)
		return;
	o->caught_up_ns = waiting ? o->mark_ns : now;
	o->mark_ns = now;
	o->mark_messages = o->stats.messages;
}

void output_look(struct output *o)
{
	uint64_t now = clock_now_ns();

	queue_stats(o->queue, &o->stats);
	if (o->destination->fate)
		look_at_fate(o, now);
	else
		o->success_ns = o->stats.wrote_ns;
	move_mark(o, now);
}

static void emit_meta(struct output *o, const struct record_context *context, const struct record_meta *meta, uint64_t now)
{
	const struct outputs_config *config = &o->all->config;
	struct record_meta whole = *meta;
	const struct record rec = {.kind = RECORD_META, .ts = now, .meta = &whole};

	whole.limits.max_connections = config->max_connections;
	whole.limits.ring_bytes = config->ring_bytes;
	whole.left_out = o->left_out;
	if (o->spec->events & 1u << RECORD_META)
		lines_take(&o->lines, context, &rec, NULL);
}

void outputs_emit_meta(struct outputs *all, const struct record_context *context, const struct record_meta *meta, uint64_t now)
{
	for (size_t i = 0; i < all->len; i++)
		emit_meta(all->items[i], context, meta, now);
}

/* Once there is room again, so that it is one record with the true begin and end; at the end in any case. */
static void emit_lost(struct output *o, const struct record_context *context, uint64_t now, bool last)
{
	struct conn_lost_record lost = {.stage = WIRE_LOST_QUEUE, .total = o->stats.dropped, .from_ns = o->drop_from_ns};
	const struct record rec = {.kind = RECORD_LOST, .ts = o->drop_ns < now ? o->drop_ns : now, .lost = &lost};

	lost.count = o->stats.dropped - o->emitted_dropped;
	if (!lost.count || (!last && queue_room(o->queue) < OUTPUT_QUEUE_BYTES / 8))
		return;
	o->emitted_dropped = o->stats.dropped;
	o->drop_from_ns = 0;
	if (o->spec->events & 1u << RECORD_LOST)
		lines_take(&o->lines, context, &rec, NULL);
}

/* What its destination took and did not deliver, now and then. When each was written is not known. */
static void emit_undelivered(struct output *o, const struct record_context *context, uint64_t now, bool last)
{
	struct conn_lost_record lost = {.stage = WIRE_LOST_WRITE, .total = o->fate.lost, .from_ns = o->undelivered_ns};
	const struct record rec = {.kind = RECORD_LOST, .ts = now, .lost = &lost};

	lost.count = o->fate.lost - o->emitted_lost;
	if (lost.count && !last && now < o->undelivered_ns + UNDELIVERED_NS)
		return;
	o->emitted_lost = o->fate.lost;
	o->undelivered_ns = now;
	if (lost.count && o->spec->events & 1u << RECORD_LOST)
		lines_take(&o->lines, context, &rec, NULL);
}

static const char *trouble_text(const struct output *o, int trouble)
{
	if ((trouble == UNDELIVERED || trouble == REFUSED || trouble == EPIPE) && *o->fate.error)
		return o->fate.error;
	if (trouble == REFUSED)
		return "its peer refuses records";
	if (trouble == UNDELIVERED)
		return "it delivers no records";
	if (trouble == EPIPE && o->stats.unread_left)
		return "the peer left, and did not read all that was written to it";
	return trouble < 0 ? "it takes no records" : output_error(trouble);
}

const char *output_trouble(const struct output *o)
{
	return o->trouble ? trouble_text(o, o->trouble) : NULL;
}

static int find_trouble(const struct output *o, uint64_t now)
{
	if (o->stats.error)
		return o->trouble; /* the totals at the end of the run report it */
	if (o->stats.failing)
		return o->stats.failing;
	if (o->stats.stuck_ns > OUTPUT_STUCK_NS)
		return STUCK;
	if (o->refused)
		return REFUSED;
	return o->destination->fate && now > o->delivered_ns + UNDELIVERED_NS ? UNDELIVERED : 0;
}

static void warn_of_trouble(struct output *o, uint64_t now)
{
	const struct outputs_config *config = &o->all->config;

	if (o->trouble && now < o->next_warn_ns)
		return;
	o->next_warn_ns = now + OUTPUT_WARN_NS;
	if (o->trouble)
		config->warn("output %s: %s; records wait, and what finds no room is counted as lost", o->spec->name,
			     trouble_text(o, o->trouble));
	else
		config->warn("output %s takes records again, %llu were lost since the start", o->spec->name,
			     (unsigned long long)(o->stats.dropped + o->fate.lost));
}

static void set_trouble(struct output *o, const struct record_context *context, int trouble, uint64_t now)
{
	struct record_output about = {.name = o->spec->name};
	struct record_meta meta = {.output = &about};

	if (!o->trouble)
		o->trouble_ns = trouble == UNDELIVERED    ? o->delivered_ns
				: now > o->stats.stuck_ns ? now - o->stats.stuck_ns
							  : 0;
	o->trouble = trouble;
	about.since_ns = o->trouble_ns;
	about.error = trouble ? trouble_text(o, trouble) : NULL;
	meta.what = !trouble ? "output_works" : trouble == STUCK || trouble == UNDELIVERED ? "output_stuck" : "output_failing";
	outputs_emit_meta(o->all, context, &meta, now);
	warn_of_trouble(o, now);
}

/* No record is lost by it: it is written again. A reader of the file meets a line that is none. */
static void say_torn(struct output *o, uint64_t now, bool last)
{
	uint64_t torn = o->destination->torn;

	if (torn == o->torn || (now < o->next_torn_ns && !last))
		return;
	o->torn = torn;
	o->next_torn_ns = now + OUTPUT_WARN_NS;
	if (torn == 1)
		o->all->config.warn("output %s has a line that was broken off, and was ended by a newline", o->spec->name);
	else
		o->all->config.warn("output %s has %llu lines that were broken off, and were ended by a newline", o->spec->name,
				    (unsigned long long)torn);
}

/* So the new file shows whose it is, and that the run writes such records there: see run_before.h. */
static void emit_renewed(struct output *o, const struct record_context *context, uint64_t now)
{
	const struct record_meta meta = {.what = "output_rotated"};
	uint64_t renewed = o->destination->renewed;

	if (renewed != o->renewed)
		emit_meta(o, context, &meta, now);
	o->renewed = renewed;
}

void output_look_after(struct output *o, const struct record_context *context, uint64_t now, bool last)
{
	int trouble;

	output_look(o);
	trouble = find_trouble(o, now);
	if (trouble != o->trouble)
		set_trouble(o, context, trouble, now);
	else if (trouble)
		warn_of_trouble(o, now);
	if (o->stats.reopen_error && o->stats.reopen_error != o->reopen_error)
		o->all->config.warn("output %s cannot be opened again (%s): records still go to the old file", o->spec->name,
				    output_error(o->stats.reopen_error));
	o->reopen_error = o->stats.reopen_error;
	say_torn(o, now, last);
	if (!last)
		emit_renewed(o, context, now);
	emit_lost(o, context, now, last);
	emit_undelivered(o, context, now, last);
}
