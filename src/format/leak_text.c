// SPDX-License-Identifier: GPL-2.0-only
/*
 * The table of `leaks`: groups by size, each with one sentence that says what to do. No line is
 * longer than 120 columns but for long paths and IPv6 addresses. Foreign bytes go through put_safe() only.
 */
#include "leak_text.h"

#include <string.h>

#include "fmt.h"
#include "format.h"
#include "put.h"
#include "units.h"

#define WHO_WIDTH 24
#define CAUSE_WIDTH 19
#define FRAME_WIDTH 104
#define MINUTE_NS 60000000000ull

/* At most 108 characters: with the indent they fit in 120 columns. */
static const char *const hints[] = {
	[LEAK_NEVER_ACCEPTED] =
		"The process does not call accept(). Find what its accept loop waits for: a full pool, the open-file limit.",
	[LEAK_DATA_UNREAD] =
		"The process stopped reading. Find the worker that should read these descriptors: it is stuck or lost them.",
	[LEAK_EOF_UNREAD] =
		"All data was read, but not the end. Keep polling the socket, and close() it when recv() returns 0.",
	[LEAK_EOF_READ_NOT_CLOSED] =
		"recv() returned 0 and close() was never called. Read the code that follows recv(), error paths first.",
	[LEAK_UNSEEN] = "The leak scan did not see this socket, so its holder is not known. Look for it with ss -tanpe.",
};
_Static_assert(sizeof(hints) / sizeof(hints[0]) == LEAK_CAUSE_MAX, "a cause has no hint");

static const char hint_nobody[] =
	"No descriptor leads to it: an io_uring direct descriptor, an unread Unix socket message or the kernel does.";

static const char hint_not_seen[] =
	"No process in this container has it: run the tool with the host's pids (hostPID, --pid=host) to see whose it is.";

const char *leak_hint(const struct leak_socket *socket, bool foreign_pids)
{
	if (socket->verdict.cause < LEAK_UNSEEN && socket->verdict.cause != LEAK_NEVER_ACCEPTED && !socket->holders)
		return foreign_pids ? hint_not_seen : hint_nobody;
	return hints[socket->verdict.cause];
}

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
	buf_str(b, "  COUNT   OVER   OLDEST ");
	if (view->watch_ns)
		buf_str(b, "  +/MIN ");
	buf_str(b, "CAUSE               ");
	buf_str(b, view->by == LEAK_BY_PROCESS ? "PROCESS                  FDS\n"
		   : view->by == LEAK_BY_PEER  ? "PEER\n"
					       : "CGROUP\n");
}

void leak_text_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	if (view->wall_ns) {
		put_time(b, view->wall_ns);
		buf_char(b, '\n');
	}
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
	buf_str(b, ".\n\n");
	if (!view->no_header)
		put_columns(b, view);
}

static void put_growth(struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	bool less = group->count < group->before;
	uint64_t change = less ? group->before - group->count : group->count - group->before;
	char text[FMT_UINT_MAX + 1] = {less ? '-' : '+'};

	if (!view->watch_ns)
		return;
	change = change * (MINUTE_NS / 1000) / (view->watch_ns / 1000 + 1);
	right(b, text, (size_t)(fmt_uint(text + 1, change) - text), 7);
}

/* Returns the columns written. */
static size_t put_owner(struct buf *b, const struct leak_view *view, const struct conn_tuple *t)
{
	const char *nobody = view->foreign_pids ? "(process not seen)" : "(no process)";

	if (t->from != CONN_FROM_NONE)
		return put_process(b, t, WHO_WIDTH - 9, false);
	buf_str(b, nobody);
	return strlen(nobody);
}

static void put_fds(struct buf *b, const struct leak_group *group)
{
	if (!group->fds_len)
		buf_char(b, '-');
	for (uint32_t i = 0; i < group->fds_len; i++) {
		if (i)
			buf_char(b, ' ');
		put_uint(b, (uint64_t)group->fds[i]);
	}
	if (group->fds_all > group->fds_len)
		buf_str(b, " ...");
}

static void put_who(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		    const struct record_owner *owner)
{
	switch (view->by) {
	case LEAK_BY_PROCESS:
		put_spaces(b, put_owner(b, view, &group->oldest->t), WHO_WIDTH);
		buf_char(b, ' ');
		put_fds(b, group);
		break;
	case LEAK_BY_PEER:
		put_address(b, &group->oldest->t.id, false);
		break;
	default:
		if (owner->cgroup)
			put_safe(b, owner->cgroup, strlen(owner->cgroup), SIZE_MAX, false);
		else
			buf_char(b, '-');
	}
}

/* Where the oldest one stands, and whose it is when the group does not say so. */
static void put_example(struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	const struct leak_socket *oldest = group->oldest;

	buf_str(b, "        ");
	buf_str(b, group->count > 1 ? "the oldest: " : "");
	put_endpoint(b, &oldest->t.id, true, '-');
	buf_str(b, " from ");
	put_endpoint(b, &oldest->t.id, false, '-');
	if (view->by != LEAK_BY_PROCESS) {
		buf_str(b, " of ");
		put_owner(b, view, &oldest->t);
		if (group->fds_len)
			put_text_uint(b, " fd ", (uint64_t)group->fds[0]);
	}
	if (oldest->verdict.unread_bytes) {
		buf_str(b, ", ");
		put_count(b, oldest->verdict.unread_bytes, "byte unread", "bytes unread");
	}
	buf_char(b, '\n');
}

void leak_text_group(struct buf *b, const struct leak_view *view, const struct leak_group *group,
		     const struct record_owner *owner)
{
	const struct leak_socket *oldest = group->oldest;
	const char *cause = leak_cause_name(oldest->verdict.cause);

	right_uint(b, group->count, 7);
	right_uint(b, group->over, 6);
	right_age(b, oldest, 8);
	put_growth(b, view, group);
	buf_str(b, cause);
	put_spaces(b, strlen(cause), CAUSE_WIDTH + 1);
	put_who(b, view, group, owner);
	buf_char(b, '\n');
	put_example(b, view, group);
	buf_str(b, "        ");
	buf_str(b, leak_hint(oldest, view->foreign_pids));
	buf_char(b, '\n');
	if (!group->inherited)
		return;
	put_text_uint(b, "        Other processes also hold ", group->inherited);
	buf_str(b, " of them (by fork(), or passed on): each must close it. SOCK_CLOEXEC prevents this.\n");
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
};
_Static_assert(sizeof(stack_notes) / sizeof(stack_notes[0]) == WIRE_STACK_NOTE_MAX, "a note has no text");

static void put_stack(struct buf *b, const struct record_stack *stack)
{
	const char *frame = stack->frames;
	size_t len;

	if (*frame)
		buf_str(b, stack->accepted ? " by accept() in\n" : " by connect() in\n");
	for (; *frame; frame += len + (frame[len] == '\n')) {
		len = strcspn(frame, "\n");
		put_spaces(b, 0, 16);
		put_safe(b, frame, len, FRAME_WIDTH, true);
		buf_char(b, '\n');
	}
	buf_str(b, stack_notes[stack->note]);
}

bool leak_text_stack(struct buf *b, struct leak_stack_count *counts, size_t len)
{
	struct leak_stack_count *most = counts;

	for (size_t i = 1; i < len; i++) {
		if (counts[i].count > most->count)
			most = &counts[i];
	}
	if (!most->count)
		return false;
	put_spaces(b, 0, 12);
	put_count(b, most->count, "was opened", "were opened");
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

void leak_text_queue_head(struct buf *b, const struct leak_view *view, const struct leak_totals *totals)
{
	buf_char(b, '\n');
	put_count(b, totals->not_accepted_over, "connection has", "connections have");
	put_text_duration(b, " waited for accept() for over ", view->threshold_ns / 1000);
	buf_str(b, ": the process that listens is stuck:\n");
}

void leak_text_mirror(struct buf *b, const struct leak_view *view, const struct leak_group *group)
{
	right_uint(b, group->over, 7);
	buf_str(b, "       ");
	right_age(b, group->oldest, 8);
	put_endpoint(b, &group->oldest->t.id, true, '-');
	buf_str(b, " from ");
	put_address(b, &group->oldest->t.id, false);
	buf_str(b, ", of ");
	put_owner(b, view, &group->oldest->t);
	buf_char(b, '\n');
}
