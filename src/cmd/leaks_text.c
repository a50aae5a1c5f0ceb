// SPDX-License-Identifier: GPL-2.0-only
/* A look for people. With --watch each one begins with its time, and says what has changed, so that a log of them can be read.
 */
#include "leaks_text.h"

#include "leaks_look.h"
#include "src/core/queues.h"
#include "src/core/record_clock.h"
#include "src/format/leak_text.h"

#define GROUPS_SHOWN 20
#define MIRRORS_SHOWN 5
#define STACKS_COUNTED 64 /* different ones of a group; what comes later is not shown */
#define STACKS_SHOWN 3

static void flush_buf(struct leaks *l, struct buf *b)
{
	leaks_out_put(&l->out, b->start, (size_t)(b->p - b->start));
	buf_init(b, l->line, sizeof(l->line));
}

/* The commonest places where the group's sockets were opened. */
static void print_stacks(struct leaks *l, struct buf *b, const struct leak_group *group)
{
	struct leak_stack_count counts[STACKS_COUNTED] = {0};
	const struct leak_socket *socket;
	uint64_t total = 0;

	for (uint64_t i = 0; i < group->count; i++) {
		socket = leak_group_member(&l->groups, group, i);
		if (socket->verdict.cause == LEAK_NEVER_ACCEPTED)
			continue;
		total++;
		leak_stack_add(counts, STACKS_COUNTED, stack_table_find(&l->stack_table, socket->t.cookie));
	}
	for (size_t shown = 0; shown < STACKS_SHOWN && leak_text_stack(b, counts, STACKS_COUNTED, total); shown++)
		flush_buf(l, b);
}

/* With --wide: the commands of the others. */
static void print_stopgaps(struct leaks *l, struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	const struct leak_socket *socket;
	struct record_owner owner;

	for (uint64_t i = 0; i < group->count; i++) {
		socket = leak_group_member(&l->groups, group, i);
		if (socket == group->oldest)
			continue;
		leaks_describe(l, &socket->t, &owner);
		leak_text_stopgap(b, view, socket, &owner);
		flush_buf(l, b);
	}
}

/* True: with a command. */
static bool print_group(struct leaks *l, struct buf *b, const struct leak_view *view, const struct leak_group *group, bool more)
{
	struct record_owner owner;
	bool ends = false;

	leaks_describe(l, &group->oldest->t, &owner);
	leak_text_row(b, view, group, &owner);
	if (more)
		ends = leak_text_about(b, view, group, &owner);
	flush_buf(l, b);
	if (more && l->options->wide)
		print_stopgaps(l, b, view, group);
	if (more && l->stacks)
		print_stacks(l, b, group);
	return ends;
}

/* What stands below a group is said again when it has grown, or with `all`. */
static void print_groups(struct leaks *l, struct buf *b, const struct leak_view *view, bool all)
{
	const struct leak_group *const *order = l->groups.order;
	size_t len = l->groups.len, rows = len + l->groups.gone, max = l->options->wide ? rows : GROUPS_SHOWN, i;
	bool advice = false, more;
	uint64_t rest = 0;

	for (i = 0; i < rows && i < max; i++) {
		more = i < len && (all || order[i]->count > order[i]->before);
		advice |= print_group(l, b, view, order[i], more);
	}
	for (; i < len; i++)
		rest += order[i]->count;
	if (rest)
		leak_text_more(b, len - GROUPS_SHOWN, rest);
	if (advice && !l->stopgap_said)
		leak_text_advice(b, l->options->wide);
	l->stopgap_said |= advice;
}

static void print_mirrors(struct leaks *l, struct buf *b, const struct leak_view *view, const struct leak_groups *groups)
{
	for (size_t i = 0; i < groups->len && (i < MIRRORS_SHOWN || l->options->wide); i++) {
		leak_text_mirror(b, view, groups->order[i]);
		flush_buf(l, b);
	}
}

static void print_killed(struct leaks *l, struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	leak_text_killed_head(b, totals);
	for (size_t i = 0; i < l->killed.len; i++) {
		leak_text_killed(b, view, l->killed.order[i]);
		flush_buf(l, b);
	}
}

static void print_full_queues(struct leaks *l, struct buf *b, const struct conn_summary_record *full)
{
	if (!full->listeners_len)
		return;
	leak_text_full_head(b, full);
	for (unsigned int i = 0; i < full->listeners_len; i++) {
		leak_text_full(b, &full->listeners[i]);
		flush_buf(l, b);
	}
	leak_text_full_end(b, full);
}

static uint64_t count_stacks(struct leaks *l)
{
	const struct record_stack *stack;
	const struct leak_socket *socket;
	uint64_t count = 0;

	leak_set_for_each (socket, &l->set) {
		stack = leaks_has(l, socket) ? stack_table_find(&l->stack_table, socket->t.cookie) : NULL;
		count += stack && *stack->frames;
	}
	return count;
}

static bool groups_changed(const struct leak_groups *groups)
{
	for (uint32_t i = 0; i < groups->len; i++)
		if (groups->order[i]->count != groups->order[i]->before)
			return true;
	return groups->gone;
}

/* Something below the first two lines is not as in the look before. `ret_all`: also what stands below groups that are. */
static bool has_changed(struct leaks *l, const struct conn_summary_record *full, bool *ret_all)
{
	uint64_t stacks = l->stacks ? count_stacks(l) : 0, full_queues = full->listeners_len + full->listeners_rest.count;
	bool first = !l->before_ns, queues = full_queues != l->full_queues;

	*ret_all = first || stacks != l->stacks_known; /* a stack is known a moment after its connection */
	l->stacks_known = stacks;
	l->full_queues = full_queues;
	return *ret_all || queues || l->looks.change.appeared || l->looks.change.gone || groups_changed(&l->groups) ||
	       groups_changed(&l->mirror) || groups_changed(&l->queue) || groups_changed(&l->killed);
}

static void print_sections(struct leaks *l, struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	if (totals->killed)
		print_killed(l, b, view, totals);
	if (totals->not_accepted_over) {
		leak_text_queue_head(b, view, totals);
		print_mirrors(l, b, view, &l->queue);
	}
	if (totals->fin_wait2_over) {
		leak_text_mirror_head(b, view, totals);
		print_mirrors(l, b, view, &l->mirror);
	}
}

void leaks_write_text(struct leaks *l, const struct leak_totals *totals)
{
	const struct options *o = l->options;
	struct leak_view view = {
		.by = l->groups.by,
		.foreign_pids = l->context.foreign_pids,
		.threshold_ns = o->threshold_ns,
		.wall_ns = o->full_time || o->watch_ns ? record_wall_ns(&l->context, l->scanned_ns) : 0,
		.change = totals->change,
		.no_header = o->no_header,
	};
	struct conn_summary_record full = {0};
	struct buf b;
	bool all;

	queues_full(&l->set.listeners, leaks_wants_listener, l, &full);
	view.same = !has_changed(l, &full, &all);
	buf_init(&b, l->line, sizeof(l->line));
	if (l->before_ns)
		buf_char(&b, '\n');
	leak_text_head(&b, &view, totals);
	flush_buf(l, &b);
	if (view.same)
		return;
	print_groups(l, &b, &view, all);
	print_sections(l, &b, &view, totals);
	print_full_queues(l, &b, &full);
	flush_buf(l, &b);
}
