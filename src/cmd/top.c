// SPDX-License-Identifier: GPL-2.0-only
/*
 * Processes by the states of their connections, on the whole screen. It is a consumer of records, for leaks and findings, and
 * looks at the table itself at each interval. Where there is no terminal, or with --once, pictures are plain lines.
 */
#include "commands.h"
#include "src/format/top_text.h"
#include "src/host/clock.h"
#include "src/host/screen.h"
#include "src/host/terminal.h"
#include "src/io/loop.h"
#include "src/pipeline/live.h"
#include "src/pipeline/select.h"
#include "top_run.h"

#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COST_TIMES 20 /* pictures take a 20th of the time at the most: of a million connections one takes 0.1 s */

/* A loop_fn. */
static void on_input(void *ctx)
{
	struct top_run *t = ctx;
	bool goes_on = true;
	int key = t->screen ? screen_key(t->screen) : SCREEN_NONE;

	if (key == SCREEN_NONE && terminal_hung_up()) /* the descriptor stays readable */
		goes_on = false;
	for (; key != SCREEN_NONE && goes_on; key = screen_key(t->screen))
		goes_on = t->looks ? top_key(t, key) : key != 'q';
	if (!goes_on)
		live_stop(t->run.live);
	else if (t->screen && t->looks)
		top_draw(t);
}

/* All is attached: from here on the user reads the screen, not messages. */
static void open_screen(struct top_run *t)
{
	int err;

	if (t->options->once || !screen_is_possible())
		return;
	err = screen_open(&t->screen);
	if (err == -ENOTSUP)
		warn("terminfo does not know this terminal (TERM=%s), or it cannot move its cursor: pictures are plain lines. "
		     "Set TERM, or TERMINFO to a folder that has it",
		     getenv("TERM") ?: "");
	else if (err)
		warn("the terminal cannot be opened (%s): pictures are plain lines", strerror(-err));
	if (err)
		return;
	if (loop_add(live_loop(t->run.live), STDIN_FILENO, on_input, t)) {
		live_stop(t->run.live);
		t->failed = true;
	}
}

static void close_screen(struct top_run *t)
{
	screen_close(t->screen);
	t->screen = NULL;
}

static void take_finding(struct top_run *t, const struct record *rec, const struct record_owner *owner)
{
	if (rec->finding->what == FINDING_DOWN)
		findings_kept_drop(&t->findings, rec->finding->number);
	else if (rec->finding->what == FINDING_UP)
		findings_kept_put(&t->findings, rec, owner);
	t->failed |= t->findings.no_memory;
}

/* record_consumer.take */
static void take(void *ctx, const struct record_context *context, const struct record *rec, const struct record_owner *owner)
{
	struct top_run *t = ctx;

	(void)context;
	if (rec->kind == RECORD_FINDING)
		take_finding(t, rec, owner);
	else if (rec->kind != RECORD_META)
		top_leaks_take(&t->leaks, rec);
	else if (!strcmp(rec->meta->what, "ready"))
		open_screen(t);
	else if (!strcmp(rec->meta->what, "stop"))
		close_screen(t);
}

/* With --once the first look is what the second one is compared with. */
static void show_look(struct top_run *t)
{
	if (t->screen)
		top_draw(t);
	else if (!t->options->once || t->looks == 2)
		top_print(t);
	if (t->options->once && t->looks == 2)
		live_stop(t->run.live);
}

/* The size may have changed, which is no key of every terminal. */
static bool is_resized(struct top_run *t)
{
	size_t width, height;
	bool changed;

	screen_size(t->screen, &width, &height);
	changed = width != t->width || height != t->height;
	t->width = width;
	t->height = height;
	return changed;
}

/* record_consumer.tick */
static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct top_run *t = ctx;
	bool done = t->options->once && t->looks == 2, outdated;
	uint64_t begin, pause;

	t->context = context;
	if (now == UINT64_MAX || done)
		return;
	outdated = t->screen && screen_turn(t->screen);
	if (now >= t->next_ns && !t->paused) {
		begin = clock_cpu_ns();
		top_look(t, now);
		show_look(t);
		pause = (clock_cpu_ns() - begin) * COST_TIMES;
		t->next_ns = now + (pause > t->options->interval_ns ? pause : t->options->interval_ns);
	} else if (t->screen && t->looks && (is_resized(t) || outdated)) {
		top_draw(t);
	}
}

int command_top(const struct options *options)
{
	struct top_run *t = calloc(1, sizeof(*t));
	int exit_code;

	if (!t || top_look_init(t)) {
		free(t);
		return fail(EXIT_RUNTIME, "out of memory");
	}
	setlocale(LC_CTYPE, "");
	t->options = options;
	t->ascii = options->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	t->sort = TOP_BY_TOTAL;
	t->run.hangup_ends = true;
	t->run.consumer = (struct record_consumer){
		.events = 1u << RECORD_META | 1u << RECORD_FINDING | 1u << RECORD_CLOSE_WAIT_LEAK |
			  1u << RECORD_CLOSE_WAIT_RESOLVED,
		.select = &options->select,
		.ctx = t,
		.take = take,
		.tick = tick,
	};
	exit_code = trace_run(options, &t->run);
	close_screen(t);
	if (!exit_code && t->failed)
		exit_code = fail(EXIT_RUNTIME, "out of memory");
	top_look_free(t);
	free(t->conns);
	free(t);
	return exit_code;
}
