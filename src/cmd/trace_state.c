// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file is written when alerts have changed, and else every half minute: the time in it is the last one at which the run is
 * known to have lived, if it is killed.
 */
#include "trace_state.h"

#include "src/cli/error.h"
#include "src/cli/options.h"
#include "src/core/conn.h"
#include "src/host/clock.h"
#include "src/io/destination.h"
#include "src/io/lock_file.h"
#include "src/io/output_open.h"
#include "src/io/recording_header.h"
#include "src/io/run_before.h"
#include "src/io/state_layout.h"
#include "src/io/whole_file.h"
#include "src/pipeline/live.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STATE_MODE 0640
#define CHANGED_NS 2000000000ull
#define UNCHANGED_NS 30000000000ull
#define PROGRAMS 64            /* whose path was written lately */
#define PATHS_BYTES (4u << 20) /* of paths in the file, which has room for 16384 sockets besides */

struct trace_state {
	const char *path;
	const struct recording_header *header;
	struct whole_file *file;
	int lock;   /* a descriptor; below 0: there is none */
	char *data; /* of the run before: events that are checked; NULL: none */
	size_t len;
	struct wire_before before; /* len 0 in its head: not known */
	const struct live *live;
	char instance[sizeof(((struct wire_before *)0)->instance)];
	uint64_t written_ns, written_changes;
	int error; /* of the last write, which is said once */
};

/* An event_fn. */
static void take_before(void *ctx, const struct wire_hdr *ev)
{
	if (ev->kind == WIRE_BEFORE)
		((struct trace_state *)ctx)->before = *(const struct wire_before *)ev;
}

/* NULL, or what is wrong with it. */
static const char *judge(struct trace_state *s)
{
	const char *why = state_read(s->data, s->len, s->header->hostname, take_before, s);
	bool same_boot;

	if (why)
		return why;
	same_boot = !strcmp(s->before.boot_id, s->header->boot_id);
	if (same_boot && s->before.written_ns > clock_now_ns())
		return "is of a time that has not come";
	s->before.flags &= WIRE_BEFORE_ENDED;
	s->before.flags |= same_boot ? 0 : WIRE_BEFORE_OTHER_BOOT;
	return NULL;
}

/* False: it is a file of something else, given by mistake. */
static bool read_before(struct trace_state *s)
{
	int err = whole_file_read(s->file, &s->data, &s->len);
	const char *why = NULL;

	if (err == -ENOENT)
		return true;
	if (err == -EFBIG || (!err && state_is_foreign(s->data, s->len)))
		return false;
	if (err == -ELOOP)
		why = "is a symbolic link, which is not followed";
	else if (err == -EINVAL)
		why = "is no regular file";
	else if (!err)
		why = judge(s);
	if (err && !why)
		warn("cannot read the state file %s: %s; this run starts without it", s->path, output_error(-err));
	else if (why)
		warn("the state file %s %s; this run starts without it", s->path, why);
	if (!err && !why)
		return true;
	free(s->data);
	s->data = NULL;
	s->before = (struct wire_before){0};
	return true;
}

/* The file of the same name, as far as names show it: it would be replaced. */
static bool is_output(const struct options *o)
{
	bool same = o->record && !strcmp(o->record, o->state_file);

	for (size_t i = 0; i < o->outputs_len; i++)
		same |= o->outputs[i].kind == OUTPUT_FILE && !strcmp(o->outputs[i].address, o->state_file);
	return same;
}

/* Two runs would each replace what the other one knows. An exit code. */
static int lock_state(struct trace_state *s)
{
	pid_t pid = 0;

	s->lock = lock_file(s->path, &pid);
	if (s->lock >= 0)
		return EXIT_OK;
	if (s->lock == -EBUSY && pid > 0)
		return fail(EXIT_OUTPUT, "--state-file %s: the run with pid %d uses it: give each run a file of its own",
			    s->path, (int)pid);
	if (s->lock == -EBUSY)
		return fail(EXIT_OUTPUT, "--state-file %s: another run uses it: give each run a file of its own", s->path);
	warn("cannot lock %s.lock: %s; do not give another run this state file", s->path, output_error(-s->lock));
	return EXIT_OK;
}

static void free_state(struct trace_state *s)
{
	whole_file_close(s->file);
	if (s->lock >= 0)
		close(s->lock);
	free(s->data);
	free(s);
}

int trace_state_open(struct trace_state **out, const struct options *o, const struct recording_header *header)
{
	struct trace_state *s;
	int err;

	*out = NULL;
	if (!o->state_file)
		return EXIT_OK;
	if (is_output(o))
		return fail(EXIT_USAGE, "--state-file '%s' is where the output goes: give two files", o->state_file);
	s = calloc(1, sizeof(*s));
	if (!s)
		return fail(EXIT_RUNTIME, "out of memory");
	s->path = o->state_file;
	s->header = header;
	err = whole_file_open(&s->file, o->state_file, STATE_MODE);
	if (err) {
		free(s);
		return fail(EXIT_OUTPUT, "--state-file %s: cannot write a file there: %s", o->state_file, output_error(-err));
	}
	err = lock_state(s);
	if (!err && !read_before(s))
		err = fail(EXIT_OUTPUT,
			   "--state-file %s: this file is no state of tcplife-fsm, and would be replaced: name another, or "
			   "remove it",
			   o->state_file);
	if (err)
		free_state(s);
	else
		*out = s;
	return err;
}

/* Of one boot, by the clock that nobody sets. */
static uint64_t down_ns(const struct wire_before *before)
{
	uint64_t now = clock_now_ns();
	int64_t wall_ns = (int64_t)now + clock_wall_offset_ns();

	if (!(before->flags & WIRE_BEFORE_OTHER_BOOT))
		return now - before->written_ns; /* judge() has compared them */
	return wall_ns > before->written_wall_ns ? (uint64_t)(wall_ns - before->written_wall_ns) : 0;
}

static bool before_by_state(const struct trace_state *s, struct format_before *ret)
{
	if (!s || !s->before.hdr.len)
		return false;
	*ret = (struct format_before){.ended_known = true, .ended = s->before.flags & WIRE_BEFORE_ENDED};
	memcpy(ret->instance, s->before.instance, sizeof(ret->instance));
	ret->down_us = down_ns(&s->before) / 1000;
	return true;
}

/* The state knows better how long ago that was, if it is of the same run. */
bool trace_state_before(const struct trace_state *s, const struct destination *destination, struct format_before *ret)
{
	int64_t wall_ns = (int64_t)clock_now_ns() + clock_wall_offset_ns();
	struct format_before state;
	bool has_state = before_by_state(s, &state);

	if (destination->shared || !run_before(destination->fd, wall_ns, ret)) {
		if (has_state)
			*ret = state;
		return has_state;
	}
	if (has_state && ret->ended && state.ended && !strcmp(ret->instance, state.instance))
		ret->down_us = state.down_us;
	return true;
}

/* Into the stream of this run. Of another boot, control groups have other numbers. */
struct feeding {
	const struct wire_before *before;
	uint64_t now;
	event_fn fn;
	void *ctx;
};

/* An event_fn. */
static void feed(void *ctx, const struct wire_hdr *ev)
{
	const struct feeding *f = ctx;
	union {
		struct wire_hdr hdr;
		struct wire_before before;
		char bytes[WIRE_MAX_LEN];
	} copy;

	memcpy(copy.bytes, ev, ev->len);
	if (ev->kind == WIRE_BEFORE)
		copy.before.flags = f->before->flags;
	copy.hdr.ts = f->now;
	if (f->before->flags & WIRE_BEFORE_OTHER_BOOT) {
		if (wire_ident(&copy.hdr))
			((struct wire_ident *)wire_ident(&copy.hdr))->cgroup_id = 0;
		if (wire_exec(&copy.hdr))
			((struct wire_exec *)wire_exec(&copy.hdr))->cgroup_id = 0;
	}
	f->fn(f->ctx, &copy.hdr);
}

void trace_state_feed(struct trace_state *s, uint64_t now, event_fn fn, void *ctx)
{
	struct feeding feeding = {s ? &s->before : NULL, now, fn, ctx};

	if (!s || !s->data)
		return;
	state_read(s->data, s->len, s->header->hostname, feed, &feeding);
	free(s->data);
	s->data = NULL;
}

/* What is known of the processes of alerts, so that the path of one that ends is still known in the next run. */
struct keeping {
	const struct pipeline *pipeline;
	struct state_draft draft;
	size_t paths;                     /* bytes */
	struct process written[PROGRAMS]; /* the last one of each place */
};

/* An event_fn. Its program goes first, and may be written more than once. */
static void keep(void *ctx, const struct wire_hdr *ev)
{
	struct keeping *k = ctx;
	const struct process process = wire_process(ev);
	struct process *last = &k->written[process.task.tgid % PROGRAMS];
	size_t len = k->draft.len;

	if (process.task.tgid && k->paths < PATHS_BYTES && memcmp(last, &process, sizeof(process)) != 0) {
		pipeline_keep_program(k->pipeline, ev, state_draft_add, &k->draft);
		*last = process;
		k->paths += k->draft.len - len;
	}
	state_draft_add(&k->draft, ev);
}

static void write_state(struct trace_state *s, uint64_t now, bool at_stop)
{
	const struct conn_table *table = pipeline_table(live_pipeline(s->live));
	struct keeping k = {.pipeline = live_pipeline(s->live)};
	struct wire_before self = {
		.hdr = {.ts = now, .len = sizeof(self), .kind = WIRE_BEFORE},
		.written_ns = now,
		.written_wall_ns = (int64_t)now + clock_wall_offset_ns(),
		.flags = at_stop ? WIRE_BEFORE_ENDED : 0,
	};

	s->written_ns = now;
	s->written_changes = conn_table_kept_changes(table);
	memcpy(self.boot_id, s->header->boot_id, sizeof(self.boot_id));
	memcpy(self.instance, s->instance, sizeof(self.instance));
	state_draft_add(&k.draft, &self.hdr);
	conn_table_keep(table, at_stop, keep, &k);
	if (state_draft_finish(&k.draft, s->header->hostname))
		whole_file_write(s->file, k.draft.data, k.draft.len);
	else
		free(k.draft.data);
}

static void say_error(struct trace_state *s)
{
	int error = whole_file_error(s->file);

	if (error && error != s->error)
		warn("cannot write the state file %s: %s; it is tried again", s->path, output_error(error));
	s->error = error;
}

/* record_consumer.tick */
static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct trace_state *s = ctx;
	bool changed;

	if (now == UINT64_MAX) /* trace_state_stop() has written it */
		return;
	snprintf(s->instance, sizeof(s->instance), "%s", context->instance);
	changed = conn_table_kept_changes(pipeline_table(live_pipeline(s->live))) != s->written_changes;
	if (now >= s->written_ns + (changed ? CHANGED_NS : UNCHANGED_NS))
		write_state(s, now, false);
	say_error(s);
}

struct record_consumer trace_state_consumer(struct trace_state *s, const struct live *live)
{
	s->live = live;
	return (struct record_consumer){.tick = tick, .ctx = s};
}

void trace_state_stop(struct trace_state *s)
{
	if (s && s->instance[0])
		write_state(s, clock_now_ns(), true);
}

void trace_state_close(struct trace_state *s)
{
	int error;

	if (!s)
		return;
	error = whole_file_close(s->file);
	if (error && error != s->error)
		warn("cannot write the state file %s: %s: the next run may know older alerts", s->path, output_error(error));
	s->file = NULL;
	free_state(s);
}
