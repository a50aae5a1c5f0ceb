// SPDX-License-Identifier: GPL-2.0-only
#include "json_common.h"
#include "leak_text.h"

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
};
_Static_assert(sizeof(stack_notes) / sizeof(stack_notes[0]) == WIRE_STACK_NOTE_MAX, "a note has no name");

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
	if (stack_notes[stack->note])
		jsonw_word(b, KEY("stack_note"), stack_notes[stack->note]);
}

/* A group's has a letter that no cookie has. */
static void json_alert(struct json *j, struct leak_alert alert)
{
	json_id(j, KEY("alert_id"), alert.is_group ? ".g" : ".", alert.id);
}

void json_leak(struct json *j, const struct record *rec)
{
	const struct leak_record *l = rec->leak;
	const struct leak_socket *socket = l->socket;
	bool seen = socket->verdict.cause != LEAK_UNSEEN;
	struct buf *b = &j->b;

	json_tuple(j, &socket->t);
	json_alert(j, l->alert);
	jsonw_uint(b, KEY("in_state_us"), socket->age_ns / 1000);
	jsonw_bool(b, KEY("age_is_lower_bound"), socket->age_is_lower_bound);
	jsonw_uint(b, KEY("threshold_us"), l->threshold_ns / 1000);
	jsonw_word(b, KEY("cause"), leak_cause_name(socket->verdict.cause));
	jsonw_bool(b, KEY("cause_certain"), socket->verdict.certain);
	jsonw_uint_if(b, KEY("unread_bytes"), seen && !socket->verdict.unread_unknown, socket->verdict.unread_bytes);
	jsonw_uint_if(b, KEY("unsent_bytes"), seen, socket->verdict.unsent_bytes);
	json_holders(j, l);
	if (l->count > 1)
		jsonw_uint(b, KEY("count"), l->count);
	jsonw_uint(b, KEY("group_open"), l->group_open);
	if (l->growth_known)
		jsonw_int(b, KEY("group_growth_per_min"), l->growth_per_min);
	else
		jsonw_null(b, KEY("group_growth_per_min"));
	json_stack(j, socket);
	jsonw_word(b, KEY("hint"), leak_hint(socket, j->context->foreign_pids));
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
}
