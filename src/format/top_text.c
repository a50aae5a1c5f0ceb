// SPDX-License-Identifier: GPL-2.0-only
#include "top_text.h"

#include "columns.h"
#include "fmt.h"
#include "put.h"
#include "top_cell.h"

#define HOST_WIDTH 40

/* In the order of a connection's life. */
static const uint8_t head_states[] = {
	WIRE_LISTEN,    WIRE_SYN_SENT, WIRE_SYN_RECV,   WIRE_ESTABLISHED, WIRE_FIN_WAIT1,
	WIRE_FIN_WAIT2, WIRE_CLOSING,  WIRE_CLOSE_WAIT, WIRE_LAST_ACK,    WIRE_TIME_WAIT,
};
#define HEAD_STATES (sizeof(head_states) / sizeof(head_states[0]))
#define HEAD_NAME 11
#define HEAD_CELL (HEAD_NAME + TOP_CELL_COUNT)

static void put_lost(struct buf *b, const struct top_head *head, const char *between)
{
	const char *before = " (";
	uint64_t total = 0;

	for (unsigned int i = 0; i < WIRE_LOST_MAX; i++)
		total += head->lost[i];
	buf_str(b, between);
	put_text_uint(b, "lost ", total);
	if (!total)
		return;
	for (unsigned int i = 0; i < WIRE_LOST_MAX; i++) {
		if (!head->lost[i])
			continue;
		buf_str(b, before);
		buf_str(b, conn_lost_stage_name(i));
		put_text_uint(b, " ", head->lost[i]);
		before = ", ";
	}
	buf_char(b, ')');
}

static void put_alerts(struct buf *b, const struct top_head *head, const char *between)
{
	if (!head->alerts)
		return;
	buf_str(b, between);
	put_text_uint(b, "leaks ", head->leaks);
	put_text_uint(b, ", findings ", head->findings);
	if (head->critical) {
		put_text_uint(b, " (", head->critical);
		buf_str(b, " critical)");
	}
}

/* Most of it is known at once; a rate needs two looks. `between` its three parts. */
static void put_totals(struct buf *b, const struct top_head *head, const struct top_style *style, const char *between)
{
	uint64_t connections = 0;

	for (unsigned int i = 0; i < WIRE_STATE_MAX; i++)
		connections += i == WIRE_LISTEN || i == WIRE_CLOSE ? 0 : head->by_state[i];
	columns_put(b, head->hostname, strlen(head->hostname), HOST_WIDTH, style->ascii);
	put_text_uint(b, ": ", connections);
	buf_str(b, connections == 1 ? " connection" : " connections");
	if (head->interval_us) {
		put_text_uint(b, ", ", (head->opened * 1000000 + head->interval_us / 2) / head->interval_us);
		buf_str(b, " opened/s");
	}
	put_alerts(b, head, between);
	put_lost(b, head, between);
	buf_str(b, head->foreign_pids ? "; processes of this container only\n" : "\n");
}

void top_text_head(struct buf *b, const struct top_head *head, const struct top_style *style)
{
	size_t in_line = style->width / HEAD_CELL;
	char *begin = b->p;

	in_line = in_line ? in_line : 1;
	put_totals(b, head, style, ", ");
	if ((size_t)(b->p - begin) > style->width + 1) { /* what does not fit would be cut: findings and losses first */
		b->p = begin;
		put_totals(b, head, style, "\n");
	}
	for (size_t i = 0; i < HEAD_STATES; i++) {
		uint8_t state = head_states[i];

		columns_cell(b, conn_state_name(state), strlen(conn_state_name(state)), HEAD_NAME, true);
		top_cell_count(b, head->by_state[state], head->before[state], style->changes);
		if ((i + 1) % in_line == 0 || i + 1 == HEAD_STATES)
			buf_char(b, '\n');
	}
}

/* Processes */

enum column {
	COLUMN_PID,
	COLUMN_NAME,
	COLUMN_TOTAL,
	COLUMN_GROUP, /* and so on */
	COLUMN_NETNS = COLUMN_GROUP + TOP_GROUPS,
	COLUMN_CONTAINER,
	COLUMN_SERVICE,
	COLUMN_MAX
};

/* A space stands before each but the first, and is a part of its width. */
static const struct {
	const char *title;
	size_t width;
} columns[COLUMN_MAX] = {
	[COLUMN_PID] = {"PID", 7},
	[COLUMN_NAME] = {"COMMAND", 16},
	[COLUMN_TOTAL] = {"TOTAL", TOP_CELL_COUNT},
	[COLUMN_GROUP + TOP_SYN] = {"SYN", TOP_CELL_COUNT},
	[COLUMN_GROUP + TOP_ESTABLISHED] = {"ESTAB", TOP_CELL_COUNT},
	[COLUMN_GROUP + TOP_FIN] = {"FIN", TOP_CELL_COUNT},
	[COLUMN_GROUP + TOP_CLOSE_WAIT] = {"CLOSEW", TOP_CELL_COUNT},
	[COLUMN_GROUP + TOP_TIME_WAIT] = {"TIMEW", TOP_CELL_COUNT},
	[COLUMN_GROUP + TOP_LISTEN] = {"LISTEN", TOP_CELL_COUNT},
	[COLUMN_NETNS] = {"NETNS", 11},
	[COLUMN_CONTAINER] = {"CONTAINER", TOP_CONTAINER + 1},
	[COLUMN_SERVICE] = {"SERVICE", 25},
};

const char *top_text_sort(enum top_sort sort)
{
	if (sort == TOP_BY_CHANGE)
		return "change";
	return columns[sort == TOP_BY_PID     ? COLUMN_PID
		       : sort == TOP_BY_NAME  ? COLUMN_NAME
		       : sort == TOP_BY_TOTAL ? COLUMN_TOTAL
					      : COLUMN_GROUP + (enum column)(sort - TOP_BY_GROUP)]
		.title;
}

/* The column at a place, from left to right. */
static enum column column_at(size_t place, const struct top_style *style)
{
	const size_t owners = COLUMN_MAX - COLUMN_NETNS, counts = COLUMN_NETNS - COLUMN_TOTAL;

	if (place < COLUMN_TOTAL || !style->owners_first)
		return place;
	return place < COLUMN_TOTAL + owners ? place + counts : place - owners;
}

static bool is_count(enum column column)
{
	return column >= COLUMN_TOTAL && column < COLUMN_NETNS;
}

/*
 * Changes of all counts need 86 columns. On 80 two counts are without: the total, as the states beside it say what changed, and
 * listeners, whose number seldom does.
 */
static bool has_change(enum column column, const struct top_style *style)
{
	size_t all = columns[COLUMN_PID].width + columns[COLUMN_NAME].width + (COLUMN_NETNS - COLUMN_TOTAL) * TOP_CELL_COUNT;

	return (column != COLUMN_TOTAL && column != COLUMN_GROUP + TOP_LISTEN) || style->width >= all;
}

static size_t width_of(enum column column, const struct top_style *style)
{
	if (has_change(column, style))
		return columns[column].width;
	return column == COLUMN_TOTAL ? TOP_CELL_NUMBER : strlen(columns[column].title) + 1;
}

/* How many columns fit, from the left. */
static size_t columns_shown(const struct top_style *style)
{
	size_t used = 0, shown = 0;

	while (shown < COLUMN_MAX && used + width_of(column_at(shown, style), style) <= style->width)
		used += width_of(column_at(shown++, style), style);
	return shown;
}

static void put_title(struct buf *b, enum column column, const struct top_style *style)
{
	const char *title = columns[column].title;
	size_t len = strlen(title);

	if (column == COLUMN_PID) {
		columns_right(b, title, len, columns[column].width);
	} else if (!has_change(column, style)) {
		columns_right(b, title, len, width_of(column, style));
	} else if (is_count(column)) {
		columns_right(b, title, len, TOP_CELL_NUMBER);
		put_spaces(b, len > TOP_CELL_NUMBER ? len : TOP_CELL_NUMBER, columns[column].width);
	} else {
		top_cell_text(b, title, len, columns[column].width, true);
	}
}

void top_text_titles(struct buf *b, const struct top_style *style)
{
	size_t shown = columns_shown(style);

	for (size_t i = 0; i < shown; i++)
		put_title(b, column_at(i, style), style);
}

static void put_name(struct buf *b, const struct top_process *p, const struct top_style *style)
{
	static const char unknown[] = "(not known)";
	bool known = p->t.from != CONN_FROM_NONE;
	const char *name = known ? p->t.task.comm : unknown;

	top_cell_text(b, name, strnlen(name, sizeof(p->t.task.comm)), columns[COLUMN_NAME].width, style->ascii);
}

static void put_netns(struct buf *b, const struct top_process *p)
{
	if (p->several_netns)
		top_cell_text(b, "several", 7, columns[COLUMN_NETNS].width, true);
	else
		top_cell_uint(b, p->netns, columns[COLUMN_NETNS].width);
}

static void put_column(struct buf *b, enum column column, const struct top_process *p, const struct record_owner *owner,
		       const struct top_style *style)
{
	unsigned int group = column - COLUMN_GROUP;

	if (column == COLUMN_PID && p->t.from == CONN_FROM_NONE)
		columns_right(b, "-", 1, columns[column].width);
	else if (column == COLUMN_PID)
		top_cell_uint(b, p->t.task.tgid, columns[column].width);
	else if (column == COLUMN_NAME)
		put_name(b, p, style);
	else if (!has_change(column, style))
		top_cell_number(b, column == COLUMN_TOTAL ? top_total(p->now) : p->now[group], width_of(column, style));
	else if (column == COLUMN_TOTAL)
		top_cell_count(b, top_total(p->now), top_total(p->before), style->changes);
	else if (is_count(column))
		top_cell_count(b, p->now[group], p->before[group], style->changes);
	else if (column == COLUMN_NETNS)
		put_netns(b, p);
	else if (column == COLUMN_CONTAINER)
		top_cell_text(b, owner->container_id, TOP_CONTAINER, columns[column].width, style->ascii);
	else
		top_cell_text(b, owner->unit, owner->unit_len, columns[column].width, style->ascii);
}

void top_text_process(struct buf *b, const struct top_process *p, const struct record_owner *owner,
		      const struct top_style *style)
{
	size_t shown = columns_shown(style);

	for (size_t i = 0; i < shown; i++)
		put_column(b, column_at(i, style), p, owner, style);
}
