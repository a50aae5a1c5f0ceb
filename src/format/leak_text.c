// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of `leaks`: groups by size, each with one sentence that says what to do. No line is
 * longer than 120 columns but for long paths and IPv6 addresses. Foreign bytes go through put_safe() only.
 */
#include "leak_text.h"

#include <string.h>

#include "fmt.h"
#include "format.h"
#include "leak_columns.h"
#include "leak_hint.h"
#include "leak_stopgap.h"
#include "put.h"
#include "text.h"
#include "units.h"
#include "stack_hint.h"

#define CAUSE_WIDTH 19
#define FRAME_WIDTH 104
#define CMDLINE_WIDTH 104
#define UNIT_WIDTH 40
#define FEW 2 /* a part of the limit: with less left it is said when it fails */

static void right(struct buf *b, const char *text, size_t len, size_t width)
{
	put_spaces(b, len, width);
	buf_put(b, text, len);
	buf_char(b, ' ');
}

static void right_uint(struct buf *b, uint64_t value, size_t width)
{
	char text[FMT_UINT_MAX];

	right(b, text, (size_t)(fmt_uint(text, value) - text), width);
}

static void right_age(struct buf *b, const struct leak_socket *socket, size_t width)
{
	char text[UNITS_MAX + 1], *p = text;

	if (socket->age_is_lower_bound)
		*p++ = '>';
	right(b, text, (size_t)(units_duration(p, socket->age_ns / 1000) - text), width);
}

/* "1 socket is", "2 sockets are". */
static void put_count(struct buf *b, uint64_t count, const char *one, const char *many)
{
	put_uint(b, count);
	buf_char(b, ' ');
	buf_str(b, count == 1 ? one : many);
}

static void put_columns(struct buf *b, const struct leak_view *view)
{
	buf_str(b, "  COUNT   OLDEST ");
	if (view->change && view->change->known)
		buf_str(b, "    +/- ");
	buf_str(b, "CAUSE               ");
	leak_columns_head(b, view);
}

static void put_young(struct buf *b, const struct leak_totals *totals)
{
	uint64_t young = totals->close_wait - totals->close_wait_over;

	if (!young)
		return;
	put_count(b, young, "is younger and is", "are younger and are");
	buf_str(b, " not listed, since a short CLOSE_WAIT is normal; --threshold sets the limit.\n");
}

/* Behind the time: what a reader of the log looks for. */
static void put_change(struct buf *b, const struct leak_view *view)
{
	const struct leak_change *change = view->change;

	if (!change)
		return;
	if (!change->known || view->same) {
		buf_str(b, change->known ? " no change" : " first look");
		return;
	}
	buf_char(b, ' ');
	put_count(b, change->appeared, "new leak, ", "new leaks, ");
	put_uint(b, change->gone);
	buf_str(b, " gone");
}

/* How many there are, in one sentence. */
static void put_state(struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	if (!totals->close_wait && totals->close_wait_any > 1) {
		put_text_uint(b, "None of the ", totals->close_wait_any);
		buf_str(b, " sockets in CLOSE_WAIT matches.\n");
		return;
	}
	if (!totals->close_wait) {
		buf_str(b, totals->close_wait_any ? "The only socket in CLOSE_WAIT does not match.\n"
						  : "No socket is in CLOSE_WAIT.\n");
		return;
	}
	put_count(b, totals->close_wait, "socket is", "sockets are");
	put_text_uint(b, " in CLOSE_WAIT, closed by the peer but not here; ", totals->close_wait_over);
	put_text_duration(b, " for over ", view->threshold_ns / 1000);
	put_text_duration(b, ", the oldest for ", totals->oldest_ns / 1000);
	buf_str(b, ".\n");
}

void leak_text_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	if (view->wall_ns) {
		put_time(b, view->wall_ns);
		put_change(b, view);
		buf_char(b, '\n');
	}
	put_state(b, view, totals);
	if (view->same)
		return;
	put_young(b, totals);
	if (!totals->close_wait_over && !(view->change && view->change->gone))
		return;
	buf_char(b, '\n');
	if (!view->no_header)
		put_columns(b, view);
}

static void put_growth(struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	bool less = group->count < group->before;
	uint64_t change = less ? group->before - group->count : group->count - group->before;
	char text[FMT_UINT_MAX + 1] = {!change ? ' ' : less ? '-' : '+'};

	if (view->change && view->change->known)
		right(b, text, (size_t)(fmt_uint(text + 1, change) - text), 7);
}

static void put_fds(struct buf *b, const struct leak_group *group)
{
	if (!group->fds_len)
		return;
	buf_str(b, group->fds_all > 1 ? "fds" : "fd");
	for (uint32_t i = 0; i < group->fds_len; i++)
		put_text_uint(b, " ", (uint64_t)group->fds[i]);
	buf_str(b, group->fds_all > group->fds_len ? " ...; " : "; ");
}

/* The descriptors, and where the oldest one stands, and whose it is when the group does not say so. */
static void put_example(struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	const struct leak_socket *oldest = group->oldest;

	buf_str(b, "        ");
	put_fds(b, group);
	buf_str(b, group->count > 1 ? "the oldest: " : "");
	put_endpoint(b, &oldest->t.id, true, '-');
	buf_str(b, oldest->opened ? " to " : " from ");
	put_endpoint(b, &oldest->t.id, false, '-');
	if (!(view->by & LEAK_BY(PROCESS))) {
		buf_str(b, " of ");
		leak_put_process(b, view, &oldest->t);
	}
	if (oldest->verdict.unread_bytes) {
		buf_str(b, ", ");
		put_count(b, oldest->verdict.unread_bytes, "byte unread", "bytes unread");
	}
	buf_char(b, '\n');
}

/* Command line; user, unit, how old it is, and how many descriptors it has left; container and pod, whose names are long. */
static void put_running(struct buf *b, const struct leak_view *view, const struct leak_group *group,
			const struct record_owner *owner)
{
	const struct record_running *r = owner->running;

	if (!(view->by & LEAK_BY(PROCESS)) || !r)
		return;
	buf_str(b, "        ");
	put_safe(b, r->cmdline, r->cmdline_len, CMDLINE_WIDTH, true);
	buf_str(b, r->cmdline_cut || r->cmdline_len > CMDLINE_WIDTH ? "...\n        " : r->cmdline_len ? "\n        " : "");
	if (owner->user)
		put_safe(b, owner->user, strlen(owner->user), SIZE_MAX, true);
	else
		put_text_uint(b, "uid ", leak_user(&group->oldest->t));
	if (owner->unit) {
		buf_str(b, ", ");
		put_safe(b, owner->unit, owner->unit_len, UNIT_WIDTH, true);
	}
	put_text_duration(b, ", started ", r->age_us);
	buf_str(b, " ago");
	if (r->fds_known) {
		put_text_uint(b, "; ", r->fds_open);
		if (r->fds_limit_known)
			put_text_uint(b, " of ", r->fds_limit);
		buf_str(b, r->fds_open == 1 && !r->fds_limit_known ? " descriptor" : " descriptors");
	}
	if (r->fds_known && r->fds_limit_known && r->fds_open >= r->fds_limit) {
		buf_str(b, ": none is left, accept() and connect() fail");
	} else if (r->fds_known && r->fds_limit_known && r->fds_limit - r->fds_open <= r->fds_limit / FEW) {
		put_text_uint(b, ": ", r->fds_limit - r->fds_open);
		buf_str(b, " until it fails");
	}
	buf_str(b, owner->container_id || owner->pod_uid ? "\n        " : "");
	leak_put_container(b, owner);
	buf_char(b, '\n');
}

static void put_side(struct buf *b, const struct leak_group *group)
{
	if (!group->side_unclear)
		return;
	buf_str(b, "        Opened here or accepted? ");
	put_count(b, group->side_unclear, "socket does not show it: ", "sockets do not show it: ");
	buf_str(b,
		group->oldest->opened ? "nobody listens at the local port now.\n" : "there is a listener at the local port.\n");
}

bool leak_text_stopgap(struct buf *b, const struct leak_view *view, const struct leak_socket *socket,
		       const struct record_owner *owner)
{
	struct label label;

	label_init(&label);
	if (view->foreign_pids || !leak_put_stopgap(&label.b, socket, owner))
		return false;
	buf_str(b, "        Stopgap: ");
	buf_put(b, label.text, label_len(&label));
	buf_char(b, '\n');
	return true;
}

void leak_text_advice(struct buf *b, bool all)
{
	buf_str(b, "\nA stopgap ends one connection, and wakes who polls it. Its descriptor stays with the process until that "
		   "closes it: a\n"
		   "process at its limit must be restarted. This program itself ends nothing.\n");
	if (!all)
		buf_str(b, "Above are those of the oldest sockets; --wide and --json have one for each socket.\n");
}

void leak_text_row(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		   const struct record_owner *owner)
{
	const char *cause = leak_cause_name(group->oldest->verdict.cause);

	right_uint(b, group->count, 7);
	if (group->count)
		right_age(b, group->oldest, 8);
	else
		right(b, "-", 1, 8);
	put_growth(b, view, group);
	buf_str(b, cause);
	put_spaces(b, strlen(cause), CAUSE_WIDTH + 1);
	leak_columns(b, view, group, owner);
}

bool leak_text_about(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		     const struct record_owner *owner)
{
	bool ends;

	put_example(b, view, group);
	put_running(b, view, group, owner);
	put_side(b, group);
	buf_str(b, "        ");
	buf_str(b, leak_hint(group->oldest, view->foreign_pids));
	buf_char(b, '\n');
	ends = leak_text_stopgap(b, view, group->oldest, owner);
	if (group->inherited) {
		put_text_uint(b, "        Other processes also hold ", group->inherited);
		buf_str(b, " of them (by fork(), or passed on): each must close it. SOCK_CLOEXEC prevents this.\n");
	}
	return ends;
}

void leak_stack_add(struct leak_stack_count *counts, size_t len, const struct record_stack *stack)
{
	for (size_t i = 0; stack && i < len; i++) {
		if (counts[i].stack && counts[i].stack != stack)
			continue;
		counts[i].stack = stack;
		counts[i].count++;
		return;
	}
}

static const char *const stack_notes[] = {
	[WIRE_STACK_WHOLE] = "",
	[WIRE_STACK_CUT] = "                (its callers are not known)\n",
	[WIRE_STACK_PROCESS_GONE] = " by a process that ended before its stack was read.\n",
	[WIRE_STACK_NOT_TAKEN] = " at an unknown place: before this program ran, a moment ago, or among too many.\n",
	[WIRE_STACK_OVER_BUDGET] = " by a process whose stacks need more than their share of the CPU.\n",
	[WIRE_STACK_UNREADABLE] = NULL,
	[WIRE_STACK_MADE_ROOM] = " at a place that made room for newer ones.\n",
};
_Static_assert(sizeof(stack_notes) / sizeof(stack_notes[0]) == WIRE_STACK_NOTE_MAX, "a note has no text");

static void put_stack(struct buf *b, const struct record_stack *stack)
{
	const char *frame = stack->frames;
	int own = stack_own_line(stack);
	size_t len;

	if (*frame)
		buf_str(b, stack->accepted ? " here, by accept() in\n" : " here, by connect() in\n");
	for (int line = 0; *frame; frame += len + (frame[len] == '\n'), line++) {
		len = strcspn(frame, "\n");
		buf_str(b, line == own ? "              > " : "                ");
		put_safe(b, frame, len, FRAME_WIDTH, true);
		buf_char(b, '\n');
	}
	if (stack->note == WIRE_STACK_UNREADABLE)
		buf_str(b, *stack->frames ? "                (not all files of its process could be read in time)\n"
					  : " by a process whose files could not be read in time.\n");
	else
		buf_str(b, stack_notes[stack->note]);
	if (!stack->about.hint)
		return;
	put_spaces(b, 0, 12);
	buf_char(b, '(');
	put_stack_hint(b, stack);
	buf_str(b, ")\n");
}

bool leak_text_stack(struct buf *b, struct leak_stack_count *counts, size_t len, uint64_t total)
{
	struct leak_stack_count *most = counts;

	for (size_t i = 1; i < len; i++) {
		if (counts[i].count > most->count)
			most = &counts[i];
	}
	if (!most->count)
		return false;
	put_spaces(b, 0, 12);
	put_text_uint(b, "", most->count);
	put_text_uint(b, " of ", total);
	buf_str(b, most->count == 1 ? " was opened" : " were opened");
	put_stack(b, most->stack);
	most->count = 0;
	return true;
}

void leak_text_more(struct buf *b, size_t groups, uint64_t sockets)
{
	put_count(b, groups, "more group with ", "more groups with ");
	put_count(b, sockets, "socket: --json shows all.\n", "sockets: --json shows all.\n");
}

void leak_text_mirror_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	buf_char(b, '\n');
	put_count(b, totals->fin_wait2_over, "socket has", "sockets have");
	put_text_duration(b, " been in FIN_WAIT2 for over ", view->threshold_ns / 1000);
	buf_str(b, ": closed here, but not by the peer, where the leak is:\n");
}

void leak_text_killed_head(struct buf *b, const struct leak_totals *totals)
{
	buf_char(b, '\n');
	put_count(b, totals->killed, "socket was", "sockets were");
	buf_str(b, " ended from outside (ss -K) and not closed: a descriptor of each is still held:\n");
}

void leak_text_killed(struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	right_uint(b, group->count, 7);
	buf_str(b, "of ");
	leak_put_process(b, view, &group->oldest->t);
	buf_str(b, "; ");
	put_fds(b, group);
	buf_str(b, "it closes them when it reads the error, or ends\n");
}

void leak_text_queue_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	buf_char(b, '\n');
	put_count(b, totals->not_accepted_over, "connection has", "connections have");
	put_text_duration(b, " waited for accept() for over ", view->threshold_ns / 1000);
	buf_str(b, ": the process that listens is stuck:\n");
}

void leak_text_mirror(struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	right_uint(b, group->count, 7);
	right_age(b, group->oldest, 8);
	put_endpoint(b, &group->oldest->t.id, true, '-');
	if (group->oldest->opened) {
		buf_str(b, " to ");
		put_endpoint(b, &group->oldest->t.id, false, '-');
	} else {
		buf_str(b, " from ");
		put_address(b, &group->oldest->t.id, false);
	}
	buf_str(b, ", of ");
	leak_put_process(b, view, &group->oldest->t);
	buf_char(b, '\n');
}

void leak_text_full_head(struct buf *b, const struct conn_summary_record *full)
{
	buf_char(b, '\n');
	put_count(b, full->listeners_len + full->listeners_rest.count, "accept queue is", "accept queues are");
	buf_str(b, " full, so that the kernel drops new connections:\n");
}

void leak_text_full(struct buf *b, const struct conn_listener_row *row)
{
	buf_str(b, "        ");
	text_queue(b, row);
	put_text_uint(b, "; ", row->at.drops);
	buf_str(b, " segments dropped since it was opened\n");
}

void leak_text_full_end(struct buf *b, const struct conn_summary_record *full)
{
	if (full->listeners_rest.count) {
		put_text_uint(b, "        and ", full->listeners_rest.count);
		buf_str(b, " more\n");
	}
	buf_str(b, "        The process does not call accept(), or too seldom. For bursts raise listen()'s backlog and "
		   "net.core.somaxconn.\n");
}
