// SPDX-License-Identifier: GPL-2.0-only
#include "outputs.h"

#include "output_kinds.h"
#include "output_trouble.h"
#include "src/core/record_clock.h"
#include "src/format/metrics_text.h"
#include "src/format/status.h"
#include "src/host/clock.h"
#include "src/io/destination.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FLUSH_NS (100 * MS)     /* to anything but a terminal */
#define END_STUCK_NS (300 * MS) /* so long OUTPUT_BLOCK waits at the end for an output that takes nothing */
#define BLOCK_SLEEP_NS (2 * MS) /* between two tries of OUTPUT_BLOCK */

_Static_assert(OUTPUTS_MAX <= STATUS_OUTPUTS_MAX, "the status names each output");

/* What is not written at LEVEL_COUNTS: what is about one connection, and no alert. */
#define SINGLE                                                                                                                 \
	(1u << RECORD_CONNECTION | 1u << RECORD_PROGRESS | 1u << RECORD_STATE | 1u << RECORD_RETRANSMIT | 1u << RECORD_RESET | \
	 1u << RECORD_TIME_WAIT)

struct outputs *outputs_new(const struct outputs_config *config)
{
	struct outputs *all = calloc(1, sizeof(*all));

	if (all)
		all->config = *config;
	return all;
}

/* Lines */

static void say_stuck(struct output *o, uint64_t now)
{
	if (now < o->next_warn_ns)
		return;
	o->next_warn_ns = now + OUTPUT_WARN_NS;
	o->all->config.warn("output %s takes no records, and --on-full is block: the run waits for it", o->spec->name);
}

/* Some kinds of records have no row of CSV at any level. */
static bool has_line(const struct output *o, enum record_kind kind)
{
	return o->lines.config.format != &format_csv || FORMAT_CSV_EVENTS & 1u << kind;
}

/* False when nobody waits any longer: the output has failed for good, or the run ends and nothing is taken. */
static bool wait_for_room(struct output *o, const char *line, size_t len, bool urgent)
{
	const struct outputs_config *config = &o->all->config;

	for (;;) {
		bool goes_on = config->goes_on(config->ctx);

		queue_stats(o->queue, &o->stats);
		if (o->stats.error || (!goes_on && o->stats.stuck_ns > END_STUCK_NS))
			return false;
		if (o->stats.stuck_ns > OUTPUT_STUCK_NS)
			say_stuck(o, clock_now_ns());
		nanosleep(&(struct timespec){.tv_nsec = BLOCK_SLEEP_NS}, NULL);
		if (queue_try(o->queue, line, len, urgent))
			return true;
	}
}

static bool put(struct output *o, const char *line, size_t len, bool urgent)
{
	const struct outputs_config *config = &o->all->config;

	if (queue_try(o->queue, line, len, urgent))
		return true;
	if (o->spec->on_full == OUTPUT_BLOCK && wait_for_room(o, line, len, urgent))
		return true;
	if (!queue_drop(o->queue))
		return false; /* it has failed for good, and this is counted as lost */
	if (o->spec->on_full == OUTPUT_EXIT && !o->full)
		config->full(config->ctx, o->spec->name);
	o->full = true;
	o->drop_ns = clock_now_ns();
	if (!o->drop_from_ns)
		o->drop_from_ns = o->drop_ns;
	return false;
}

/* A line_fn. */
static bool put_line(void *ctx, const char *line, size_t len)
{
	return put(ctx, line, len, false);
}

/* The same for what must get through when other lines do not. */
static bool put_urgent(void *ctx, const char *line, size_t len)
{
	return put(ctx, line, len, true);
}

/* Its own losses are no event of the stream: other outputs have others. */
static void take_summary(struct output *o, const struct record_context *context, const struct record *rec)
{
	struct conn_summary_record summary = *rec->summary;
	struct record copy = *rec;

	output_look(o);
	summary.lost[WIRE_LOST_QUEUE] += o->stats.dropped - o->summed_dropped;
	summary.lost[WIRE_LOST_WRITE] += o->fate.lost - o->summed_lost;
	summary.left_out = o->left_out - o->summed_left_out;
	summary.level = o->all->level;
	o->summed_dropped = o->stats.dropped;
	o->summed_lost = o->fate.lost;
	o->summed_left_out = o->left_out;
	copy.summary = &summary;
	lines_take(&o->lines, context, &copy, NULL);
}

static void take_meta(struct output *o, const struct record_context *context, const struct record *rec)
{
	struct record_meta meta = *rec->meta;
	struct record copy = *rec;

	meta.left_out = o->left_out;
	copy.meta = &meta;
	lines_take(&o->lines, context, &copy, NULL);
}

/* record_consumer.take */
static void take(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct output *o = ctx;

	if (rec->kind == RECORD_SUMMARY)
		take_summary(o, context, rec);
	else if (rec->kind == RECORD_META)
		take_meta(o, context, rec);
	else if (o->all->level == LEVEL_COUNTS && SINGLE & 1u << rec->kind)
		o->left_out += has_line(o, rec->kind);
	else
		lines_take(&o->lines, context, rec, owner);
}

/* record_consumer.tick of the first output: for all. */
static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct outputs *all = ((struct output *)ctx)->all;
	bool last = now == UINT64_MAX;

	for (size_t i = 0; i < all->len; i++)
		output_look_after(all->items[i], context, last ? clock_now_ns() : now, last);
}

/* Level */

static void set_detail(struct output *o)
{
	enum format_detail most = o->all->level < LEVEL_COUNTS ? (enum format_detail)o->all->level : FORMAT_SHORT;

	o->lines.config.options.detail = o->detail > most ? o->detail : most;
}

void outputs_set_level(struct outputs *all, enum record_level level)
{
	all->level = level;
	for (size_t i = 0; i < all->len; i++)
		set_detail(all->items[i]);
}

enum record_level outputs_level(const struct outputs *all)
{
	return all->level;
}

/* From begin to end */

int outputs_add(struct outputs *all, const struct output_spec *spec, struct destination *destination,
		const struct format_before *before)
{
	struct output *o = all->len < OUTPUTS_MAX ? calloc(1, sizeof(*o)) : NULL;
	bool is_tty = isatty(destination->fd);
	int err;

	if (!o) {
		destination_close(destination);
		return -ENOMEM;
	}
	o->destination = destination;
	destination->last = &o->fate;
	err = queue_open(&o->queue, destination, OUTPUT_QUEUE_BYTES, is_tty ? 0 : FLUSH_NS);
	if (err) {
		free(o);
		return err;
	}
	o->spec = spec;
	o->all = all;
	o->caught_up_ns = o->mark_ns = clock_now_ns();
	o->select = *all->config.select;
	o->select.sample = spec->sample;
	o->lines.config = (struct lines_config){
		.format = output_format_of(spec, all->config.json),
		.options = all->config.format,
		.put = put_line,
		.put_urgent = put_urgent,
		.ctx = o,
	};
	o->detail = spec->detail;
	set_detail(o);
	o->lines.config.options.sample = spec->sample;
	o->lines.config.options.before = before;
	all->items[all->len++] = o;
	return 0;
}

size_t outputs_consumers(struct outputs *all, struct record_consumer *consumers)
{
	for (size_t i = 0; i < all->len; i++) {
		struct output *o = all->items[i];

		consumers[i] = (struct record_consumer){
			.events = o->spec->events, .select = &o->select, .ctx = o, .take = take, .tick = i ? NULL : tick};
	}
	return all->len;
}

void outputs_begin(struct outputs *all)
{
	for (size_t i = 0; i < all->len; i++)
		all->items[i]->has_header = lines_begin(&all->items[i]->lines, all->items[i]->destination->fd);
}

void outputs_reload(struct outputs *all, const struct selection *select, const struct output_spec *const specs[OUTPUTS_MAX])
{
	for (size_t i = 0; i < all->len; i++) {
		struct output *o = all->items[i];
		struct format_options *options = &o->lines.config.options;

		o->select = *select;
		o->select.sample = options->sample = specs[i] ? specs[i]->sample : options->sample;
		o->detail = specs[i] ? specs[i]->detail : o->detail;
		set_detail(o);
	}
}

void outputs_metrics(const struct outputs *all, struct metrics_self *self)
{
	for (size_t i = 0; i < all->len && i < METRICS_OUTPUTS_MAX; i++) {
		const struct output *o = all->items[i];
		size_t room = queue_room(o->queue);

		self->outputs[self->outputs_len++] = (struct metrics_output){
			.kind = output_kind_name(o->spec->kind),
			.written = o->stats.messages,
			.dropped = o->stats.dropped,
			.lost = o->stats.lost + o->fate.lost,
			.left_out = o->left_out,
			.queued = room < OUTPUT_QUEUE_ROOM ? OUTPUT_QUEUE_ROOM - room : 0,
			.queue_size = OUTPUT_QUEUE_ROOM,
		};
	}
}

/* The reader asks how long ago the last success was, so that is by the clock of now, whoever set it since. */
static void fill_status(const struct output *o, const struct record_context *context, struct status_output *ret)
{
	uint64_t now = clock_now_ns(), waiting = output_waiting(o), written = o->stats.messages - o->stats.waiting;

	*ret = (struct status_output){
		.name = o->spec->name,
		.kind = output_kind_name(o->spec->kind),
		.delivered = o->destination->fate ? o->fate.delivered : written - (o->has_header && written),
		.waiting = waiting,
		.lag_us = waiting && now > o->caught_up_ns ? (now - o->caught_up_ns) / 1000 : 0,
		.success_wall_ns = o->success_ns ? record_clock_add(o->success_ns, record_clock_offset(context)) : 0,
		.dropped = o->stats.dropped,
		.lost = o->stats.lost + o->fate.lost,
		.earlier_waiting = o->fate.earlier_waiting,
		.error = output_trouble(o),
		.failing_wall_ns = record_wall_ns(context, o->trouble_ns),
	};
}

size_t outputs_status(const struct outputs *all, const struct record_context *context, struct status_output *ret)
{
	for (size_t i = 0; i < all->len; i++)
		fill_status(all->items[i], context, &ret[i]);
	return all->len;
}

void outputs_reopen(struct outputs *all)
{
	for (size_t i = 0; i < all->len; i++)
		queue_reopen(all->items[i]->queue);
}

void outputs_health(const struct outputs *all, struct outputs_health *ret)
{
	*ret = (struct outputs_health){0};
	for (size_t i = 0; i < all->len; i++) {
		const struct output *o = all->items[i];
		uint64_t busy = queue_busy_ns(o->queue);

		ret->busy_ns = busy > ret->busy_ns ? busy : ret->busy_ns;
		ret->lost += o->stats.dropped + o->stats.lost + o->fate.lost;
		ret->trouble |= o->trouble != 0;
		ret->reopening |= queue_reopening(o->queue);
	}
}

size_t outputs_len(const struct outputs *all)
{
	return all->len;
}

int outputs_error_fd(const struct outputs *all, size_t i)
{
	return queue_error_fd(all->items[i]->queue);
}

bool outputs_put(struct outputs *all, const char *text, size_t len)
{
	return put(all->items[0], text, len, false);
}

static void close_output(struct output *o, uint64_t wait_ns, struct output_result *ret)
{
	uint64_t lost_before = o->fate.lost, written;
	struct queue_stats stats;

	queue_close(o->queue, wait_ns, &stats);
	written = stats.messages - stats.lost;
	if (o->has_header && written)
		written--;
	else if (o->has_header)
		stats.lost--;
	*ret = (struct output_result){.name = o->spec->name,
				      .dropped = stats.dropped,
				      .lost = stats.lost + o->fate.lost,
				      .left_out = o->left_out,
				      .lost_at_end = stats.lost + o->fate.lost - lost_before,
				      .kept = o->fate.kept,
				      .earlier_kept = o->fate.earlier_waiting,
				      .earlier_delivered = o->fate.earlier_delivered,
				      .earlier_lost = o->fate.earlier_lost,
				      .error = stats.error};
	memcpy(ret->why, o->fate.error, sizeof(ret->why));
	ret->written = written > o->fate.lost + o->fate.kept ? written - o->fate.lost - o->fate.kept : 0;
}

size_t outputs_close(struct outputs *all, uint64_t wait_ns, struct output_result ret[OUTPUTS_MAX])
{
	size_t len = all ? all->len : 0;

	for (size_t i = 0; i < len; i++)
		queue_end(all->items[i]->queue);
	for (size_t i = 0; i < len; i++) {
		close_output(all->items[i], wait_ns, &ret[i]);
		free(all->items[i]);
	}
	free(all);
	return len;
}
