// SPDX-License-Identifier: GPL-2.0-only
/* CLOSE_WAIT now: one scan, or one every --watch, which gives up what it does not need. Nothing is attached to the kernel. */
#include "commands.h"
#include "leaks_lines.h"
#include "leaks_look.h"
#include "leaks_text.h"
#include "src/core/queues.h"
#include "src/core/record_clock.h"
#include "src/host/admin.h"
#include "src/host/clock.h"
#include "src/host/self.h"
#include "src/kernel/collector.h"
#include "src/kernel/exec_probe.h"
#include "src/kernel/leak_scan.h"
#include "src/kernel/privileges.h"
#include "src/pipeline/pipeline.h"
#include "src/pipeline/select.h"
#include "src/symbols/symbolizer.h"

#include <errno.h>
#include <string.h>

#define SOCKETS_MAX (1u << 24)

/* An event_fn. */
static void take_opening(void *ctx, const struct wire_hdr *ev)
{
	stack_table_feed(&((struct leaks *)ctx)->stack_table, ev);
}

/* An event_fn. */
static void take_in(void *ctx, const struct wire_hdr *ev)
{
	struct leaks *l = ctx;

	leak_set_feed(&l->set, ev);
	if (ev->kind == WIRE_LEAK_END)
		l->scanned_ns = ev->ts;
}

/* A look that repeats is left out if its scan failed: compared with it, leaks would go and come that are there all the time. */
static void scan_sockets(struct leaks *l)
{
	int err;

	l->before_ns = l->scanned_ns;
	err = leak_scan_run(l->scan, take_in, l);
	l->scan_failed = err;
	l->left_out = err && l->before_ns;
	if (err)
		warn("not all sockets could be scanned%s: %s", l->left_out ? ", so this look is left out" : "",
		     self_error(err));
	if (l->left_out)
		l->scanned_ns = l->before_ns;
}

/* It may look for days: a look has the time of day of its own moment. */
static void look_at_clock(struct leaks *l)
{
	const struct record_clock_step now = {
		.from_ns = clock_now_ns(),
		.offset_ns = clock_wall_offset_ns(),
		.boot_offset_ns = clock_boot_offset_ns(),
	};

	if (record_clock_moved(record_clock_offset(&l->context), now.offset_ns))
		record_clock_set(&l->context, now);
}

static void check_admin(struct leaks *l)
{
	char why[ADMIN_WHY];

	if (!admin_has_ended(l->admin))
		return;
	admin_take_end(l->admin, why);
	warn(ADMIN_ENDED, why);
}

static int scan(struct leaks *l, struct leak_totals *ret_totals)
{
	uint64_t threshold_ns = l->options->threshold_ns;
	const struct leak_choice close_wait = {1u << WIRE_CLOSE_WAIT, true, false, threshold_ns, leaks_selects, l};
	const struct leak_choice fin_wait2 = {1u << WIRE_FIN_WAIT2, true, false, threshold_ns, leaks_selects, l};
	const struct leak_choice killed = {1u << WIRE_CLOSE, false, false, threshold_ns, leaks_selects, l};
	const struct leak_choice queue = {UINT32_MAX, true, true, threshold_ns, leaks_selects, l};
	int err;

	look_at_clock(l);
	leak_who_refresh(l->who);
	if (l->stacks)
		symbolizer_drain(l->stacks, clock_now_ns(), false, take_opening, l);
	scan_sockets(l);
	check_admin(l);
	if (l->left_out)
		return EXIT_OK;
	leak_scan_warn_missed(l->scan, warn);
	if (l->set.lost)
		warn("%llu sockets or descriptors were left out: there was no room for them", (unsigned long long)l->set.lost);
	*ret_totals = leak_set_totals(&l->set, threshold_ns, leaks_selects, l);
	err = leak_groups_fill(&l->groups, &l->set, &close_wait) ?: leak_groups_fill(&l->mirror, &l->set, &fin_wait2)
		?: leak_groups_fill(&l->queue, &l->set, &queue) ?: leak_groups_fill(&l->killed, &l->set, &killed);
	if (!err && l->options->watch_ns) {
		err = leak_looks_take(&l->looks, &l->set, &close_wait);
		ret_totals->change = &l->looks.change;
	}
	return err ? fail(EXIT_RUNTIME, "out of memory") : EXIT_OK;
}

/* True when it is time for the next look, false when --duration or the user ends the run. */
static bool next_look(struct leaks *l, uint64_t end_ns)
{
	uint64_t due_ns = clock_now_ns() + l->options->watch_ns;
	bool last = end_ns && end_ns < due_ns;

	return leaks_out_wait(&l->out, last ? end_ns : due_ns) && !last;
}

static int run(struct leaks *l)
{
	const struct options *o = l->options;
	uint64_t end_ns = o->duration_ns ? clock_now_ns() + o->duration_ns : 0;
	struct leak_totals totals = {0};
	int exit_code;

	do {
		exit_code = scan(l, &totals);
		if (exit_code)
			return exit_code;
		if (l->left_out)
			continue;
		if (o->json || o->csv)
			leaks_write_lines(l, &totals);
		else
			leaks_write_text(l, &totals);
		leak_who_warn(l->who);
		leaks_out_flush(&l->out);
		if (l->out.error)
			return fail_output(o->output, l->out.error);
	} while (o->watch_ns && next_look(l, end_ns));
	if (o->watch_ns)
		return EXIT_OK;
	if (totals.close_wait_over > o->leaks_max)
		return EXIT_LEAKS;
	return l->scan_failed ? EXIT_RUNTIME : EXIT_OK; /* what was not scanned may leak */
}

static int init_groups(struct leaks *l, const struct hash_key *hash_key)
{
	return leak_groups_init(&l->groups, l->options->leak_by ?: LEAK_BY_DEFAULT, leak_who_names(l->who), hash_key)
		?: leak_groups_init(&l->mirror, LEAK_BY(PEER), NULL, hash_key)
		?: leak_groups_init(&l->queue, LEAK_BY_DEFAULT, NULL, hash_key)
		?: leak_groups_init(&l->killed, LEAK_BY(PROCESS), NULL, hash_key);
}

/* It may run for days. */
static void give_up(struct leaks *l)
{
	const char *output = l->options->output;
	const struct privileges_kept kept = {.works = exec_probe_works,
					     .ctx = leak_who_probe(l->who),
					     .helpers = l->stacks ? PRIVILEGES_HELPERS : PRIVILEGES_NO_HELPERS,
					     .opens_output = output && strcmp(output, "-") != 0};
	int err = privileges_reduce(&kept);

	if (err)
		warn(PRIVILEGES_STAY, strerror(-err));
}

static void start_admin(struct leaks *l)
{
	int err = admin_start(&l->admin);
	char why[ADMIN_WHY];

	if (!err || err == -EPERM)
		return;
	admin_start_why(err, why);
	warn(ADMIN_ENDED, why);
}

static int open_leaks(struct leaks *l)
{
	const struct options *o = l->options;
	struct collector_failure failure = {0};
	struct hash_key hash_key;
	int err;

	if (o->watch_ns)
		start_admin(l);
	self_hash_key(&hash_key);
	collector_keep_memory(true);
	if (leak_scan_open(&l->scan, o->verbose, &failure))
		return fail_collector(&failure);
	leak_scan_use(l->scan, l->admin);
	if (run_check_selection(&o->select, false))
		return EXIT_RUNTIME;
	err = leaks_out_open(&l->out, o->output, o->watch_ns);
	if (err)
		return fail_output(o->output, -err);
	run_header(o, &l->header);
	self_instance(l->instance);
	warn_foreign_pids(&l->header);
	pipeline_context(&l->header, l->instance, &l->context);
	if (leak_who_new(&l->who, l->admin, o->redact))
		return EXIT_RUNTIME;
	if (leak_set_init(&l->set, SOCKETS_MAX, &hash_key) || init_groups(l, &hash_key))
		return fail(EXIT_RUNTIME, "out of memory");
	l->groups.sort = o->leak_sort;
	if (o->stacks && symbolizer_open(&l->stacks, o->verbose, warn, &failure))
		return fail_collector(&failure);
	collector_keep_memory(false);
	if (o->watch_ns)
		give_up(l);
	return EXIT_OK;
}

int command_leaks(const struct options *options)
{
	struct leaks l = {.options = options, .out = {.signal_fd = -1}};
	int exit_code;

	exit_code = open_leaks(&l);
	if (!exit_code)
		exit_code = run(&l);
	symbolizer_close(l.stacks);
	stack_table_free(&l.stack_table);
	leak_who_free(l.who);
	leak_looks_free(&l.looks);
	leak_groups_free(&l.killed);
	leak_groups_free(&l.queue);
	leak_groups_free(&l.mirror);
	leak_groups_free(&l.groups);
	leak_set_free(&l.set);
	leak_scan_close(l.scan);
	admin_stop(l.admin);
	leaks_out_close(&l.out);
	return exit_code;
}
