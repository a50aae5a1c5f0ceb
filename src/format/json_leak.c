// SPDX-License-Identifier: GPL-2.0-only
#include "json_common.h"
#include "leak_columns.h"
#include "leak_hint.h"
#include "leak_stopgap.h"
#include "put.h"
#include "stack_hint.h"

#define HOLDERS_MAX 128 /* more than a line can have */

static void json_holder(struct json *j, const struct leak_holder *holder)
{
	size_t len = strnlen(holder->task.comm, sizeof(holder->task.comm));
	struct buf *b = &j->b;

	jsonw_open(b, KEY_NONE, '{');
	jsonw_uint(b, KEY("pid"), holder->task.tgid);
	if (!jsonw_text(b, KEY("comm"), holder->task.comm, len, FORMAT_LINE_MAX))
		jsonw_hex_bytes(b, KEY("comm_hex"), holder->task.comm, len);
	jsonw_uint(b, KEY("fd"), (uint64_t)holder->fd);
	jsonw_close(b, '}');
}

/* The first ones are written: the rest is left out when the line has no room for it. */
static void json_holders(struct json *j, const struct leak_record *l)
{
	uint32_t keep = json_holders_len(l) - j->drop, n = 0;
	const struct leak_holder *holder;

	jsonw_open(&j->b, KEY("holders"), '[');
	leak_for_each_holder (holder, l->holders, l->socket) {
		if (n++ == keep)
			break;
		json_holder(j, holder);
	}
	jsonw_close(&j->b, ']');
	if (l->socket->holders > keep)
		jsonw_uint(&j->b, KEY("holders_dropped"), l->socket->holders - keep);
}

uint32_t json_holders_len(const struct leak_record *l)
{
	return l->socket->holders < HOLDERS_MAX ? l->socket->holders : HOLDERS_MAX;
}

/* What is not there, and why: the other keys say that it is there. */
static const char *const stack_notes[] = {
	[WIRE_STACK_WHOLE] = NULL,
	[WIRE_STACK_CUT] = "cut",
	[WIRE_STACK_PROCESS_GONE] = "process_gone",
	[WIRE_STACK_NOT_TAKEN] = "not_taken",
	[WIRE_STACK_OVER_BUDGET] = "over_budget",
	[WIRE_STACK_UNREADABLE] = "unreadable",
	[WIRE_STACK_MADE_ROOM] = "made_room",
};
_Static_assert(sizeof(stack_notes) / sizeof(stack_notes[0]) == WIRE_STACK_NOTE_MAX, "a note has no name");

static void json_stack_hint(struct buf *b, const struct record_stack *stack)
{
	char text[256];
	struct buf hint;

	buf_init(&hint, text, sizeof(text));
	put_stack_hint(&hint, stack);
	if (hint.p > text)
		jsonw_text(b, KEY("stack_hint"), text, (size_t)(hint.p - text), sizeof(text));
}

/* Who was never accepted has none. */
static void json_stack(struct json *j, const struct leak_socket *socket)
{
	const struct record_stack *stack = j->owner->stack;
	const char *frame = stack ? stack->frames : "";
	struct buf *b = &j->b;
	size_t len;

	if (!stack || socket->verdict.cause == LEAK_NEVER_ACCEPTED)
		return;
	if (*frame) {
		jsonw_open(b, KEY("stack"), '[');
		for (; *frame; frame += len + (frame[len] == '\n')) {
			len = strcspn(frame, "\n");
			jsonw_text(b, KEY_NONE, frame, len, FORMAT_LINE_MAX);
		}
		jsonw_close(b, ']');
		jsonw_word(b, KEY("stack_of"), stack->accepted ? "accept" : "connect");
	} else {
		jsonw_null(b, KEY("stack"));
	}
	if (stack_own_line(stack) >= 0)
		jsonw_uint(b, KEY("stack_own"), (uint64_t)stack_own_line(stack));
	if (stack_notes[stack->note])
		jsonw_word(b, KEY("stack_note"), stack_notes[stack->note]);
	json_stack_hint(b, stack);
}

/* A group's has a letter that no cookie has. */
static void json_alert(struct json *j, struct leak_alert alert)
{
	jsonw_take(&j->b, json_put_id(j, j->b.p, KEY("alert_id"), alert.is_group ? ".g" : ".", alert.id));
}

void json_opener(struct json *j, const struct wire_task *opener, bool ended)
{
	size_t len = strnlen(opener->comm, sizeof(opener->comm));
	struct buf *b = &j->b;

	if (!opener->tgid)
		return;
	jsonw_open(b, KEY("opened_by"), '{');
	jsonw_uint(b, KEY("pid"), opener->tgid);
	if (!jsonw_text(b, KEY("comm"), opener->comm, len, FORMAT_LINE_MAX))
		jsonw_hex_bytes(b, KEY("comm_hex"), opener->comm, len);
	if (ended)
		jsonw_bool(b, KEY("ended"), true);
	jsonw_close(b, '}');
}

static void json_dependency(struct json *j, const struct leak_socket *socket)
{
	struct label label;

	label_init(&label);
	leak_put_dependency(&label.b, socket);
	jsonw_text(&j->b, KEY("dependency"), label.text, label_len(&label), JSON_STRING_MAX);
	jsonw_bool(&j->b, KEY("dependency_certain"), socket->side_certain);
}

static void json_stopgap(struct json *j, const struct leak_socket *socket)
{
	struct label label;

	label_init(&label);
	if (!j->context->foreign_pids && leak_put_stopgap(&label.b, socket, j->owner))
		jsonw_text(&j->b, KEY("stopgap"), label.text, label_len(&label), JSON_STRING_MAX);
}

void json_leak(struct json *j, const struct record *rec)
{
	const struct leak_record *l = rec->leak;
	const struct leak_socket *socket = l->socket;
	bool seen = socket->verdict.cause != LEAK_UNSEEN;
	struct buf *b = &j->b;

	json_tuple(j, &socket->t);
	json_alert(j, l->alert);
	if (j->owner->unit)
		jsonw_text(b, KEY("unit"), j->owner->unit, j->owner->unit_len, JSON_STRING_MAX);
	if (j->owner->user)
		jsonw_text(b, KEY("user"), j->owner->user, strlen(j->owner->user), JSON_STRING_MAX);
	if (socket->t.id_known)
		json_dependency(j, socket);
	jsonw_uint(b, KEY("in_state_us"), socket->age_ns / 1000);
	jsonw_bool(b, KEY("age_is_lower_bound"), socket->age_is_lower_bound);
	if (socket->age_from_before)
		jsonw_bool(b, KEY("age_from_before"), true);
	jsonw_uint(b, KEY("threshold_us"), l->threshold_ns / 1000);
	jsonw_word(b, KEY("cause"), leak_cause_name(socket->verdict.cause));
	jsonw_bool(b, KEY("cause_certain"), socket->verdict.certain);
	if (socket->others_used && socket->verdict.cause == LEAK_IDLE_POOLED)
		jsonw_uint(b, KEY("others_used_us"), socket->others_used_ns / 1000);
	json_opener(j, &socket->opener, socket->opener_ended);
	jsonw_uint_if(b, KEY("unread_bytes"), seen && !socket->verdict.unread_unknown, socket->verdict.unread_bytes);
	jsonw_uint_if(b, KEY("unsent_bytes"), seen, socket->verdict.unsent_bytes);
	json_holders(j, l);
	if (l->count > 1)
		jsonw_uint(b, KEY("count"), l->count);
	if (l->resumed)
		jsonw_bool(b, KEY("resumed"), true);
	jsonw_uint(b, KEY("group_open"), l->group_open);
	if (l->growth_known)
		jsonw_int(b, KEY("group_growth_per_min"), l->growth_per_min);
	else
		jsonw_null(b, KEY("group_growth_per_min"));
	if (l->change && l->change->known)
		jsonw_bool(b, KEY("new"), l->is_new);
	else if (l->change)
		jsonw_null(b, KEY("new"));
	json_stack(j, socket);
	jsonw_word(b, KEY("hint"), leak_hint(socket, j->context->foreign_pids));
	json_stopgap(j, socket);
}

void json_leak_resolved(struct json *j, const struct record *rec)
{
	const struct leak_resolved_record *r = rec->leak_resolved;
	struct buf *b = &j->b;

	json_tuple(j, r->t);
	json_alert(j, r->alert);
	jsonw_uint(b, KEY("in_state_us"), r->in_state_ns / 1000);
	jsonw_bool(b, KEY("age_is_lower_bound"), r->age_is_lower_bound);
	jsonw_word(b, KEY("resolution"), leak_resolution_name(r->resolution));
	if (r->after_wall_ns)
		jsonw_time(b, KEY("ended_after"), r->after_wall_ns);
	if (r->from_before)
		jsonw_bool(b, KEY("from_before"), true);
	if (r->count > 1)
		jsonw_uint(b, KEY("count"), r->count);
}

void json_leak_totals(struct json *j, const struct leak_totals *totals)
{
	struct buf *b = &j->b;

	jsonw_uint(b, KEY("close_wait"), totals->close_wait);
	jsonw_uint(b, KEY("close_wait_over"), totals->close_wait_over);
	jsonw_uint(b, KEY("fin_wait2_over"), totals->fin_wait2_over);
	jsonw_uint(b, KEY("not_accepted_over"), totals->not_accepted_over);
	if (!totals->change)
		return;
	jsonw_uint_if(b, KEY("close_wait_new"), totals->change->known, totals->change->appeared);
	jsonw_uint_if(b, KEY("close_wait_gone"), totals->change->known, totals->change->gone);
}
