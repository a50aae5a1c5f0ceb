// SPDX-License-Identifier: GPL-2.0-only
#include "finding_keep.h"

#include <string.h>

/* With all the parts that it may have, in the order of the wire. */
struct standing_space {
	struct wire_standing standing;
	struct {
		struct wire_task task;
		struct wire_ident ident;
		struct wire_exec exec;
		struct wire_program program;
	} parts;
};

static void put_parts(struct standing_space *ev, const struct conn_tuple *t)
{
	struct wire_hdr *h = &ev->standing.hdr;

	if (t->from == CONN_FROM_NONE) {
		h->parts = WIRE_PART_IDENT;
		h->len = sizeof(ev->standing) + sizeof(t->id);
		memcpy(&ev->parts, &t->id, sizeof(t->id));
		return;
	}
	h->parts = WIRE_PART_TASK | WIRE_PART_IDENT | WIRE_PART_EXEC | WIRE_PART_PROGRAM;
	h->len = sizeof(*ev);
	ev->parts.task = t->task;
	ev->parts.ident = t->id;
	ev->parts.exec.cgroup_id = t->process_cgroup_id;
	ev->parts.program.exec_count = t->program;
}

void finding_keep(const struct finding_record *f, uint64_t now, event_fn fn, void *ctx)
{
	struct standing_space ev = {
		.standing = {.hdr = {.ts = now,
				     .cookie = f->t.cookie,
				     .kind = WIRE_STANDING,
				     .old_state = WIRE_CLOSE,
				     .new_state = WIRE_CLOSE},
			     .number = f->number,
			     .since_ns = f->since_ns,
			     .count = f->count,
			     .limit = f->limit,
			     .of = f->of,
			     .oldest_ns = f->oldest_ns,
			     .window_ns = f->window_ns,
			     .theirs = f->theirs,
			     .opener_tgid = f->opener.tgid,
			     .id = f->id,
			     .about = f->about,
			     .flags = (f->of_known ? WIRE_STANDING_OF : 0) | (f->oldest_known ? WIRE_STANDING_OLDEST : 0) |
				      (f->cause_certain ? WIRE_STANDING_CAUSE_CERTAIN : 0) |
				      (f->opener_ended ? WIRE_STANDING_OPENER_ENDED : 0),
			     .cause = f->cause,
			     .role = f->t.role,
			     .from = f->t.from,
			     .cause_count = f->cause_count < UINT32_MAX ? (uint32_t)f->cause_count : UINT32_MAX},
	};

	if (!f->t.id.family) /* an event says of whom it is */
		return;
	memcpy(ev.standing.opener_comm, f->opener.comm, sizeof(ev.standing.opener_comm));
	put_parts(&ev, &f->t);
	fn(ctx, &ev.standing.hdr);
}

struct finding_record finding_kept(const struct wire_standing *ev)
{
	struct finding_record f = {
		.id = ev->id,
		.what = FINDING_UP,
		.number = ev->number,
		.since_ns = ev->since_ns,
		.about = ev->about,
		.t = {.cookie = ev->hdr.cookie,
		      .role = ev->role,
		      .id_known = true,
		      .id = *wire_ident(&ev->hdr),
		      .from = ev->from,
		      .process = wire_process(&ev->hdr)},
		.count = ev->count,
		.limit = ev->limit,
		.of_known = ev->flags & WIRE_STANDING_OF,
		.of = ev->of,
		.oldest_known = ev->flags & WIRE_STANDING_OLDEST,
		.oldest_ns = ev->oldest_ns,
		.window_ns = ev->window_ns,
		.theirs = ev->theirs,
		.cause = ev->cause,
		.cause_count = ev->cause_count,
		.cause_certain = ev->flags & WIRE_STANDING_CAUSE_CERTAIN,
		.opener = {.tgid = ev->opener_tgid},
		.opener_ended = ev->flags & WIRE_STANDING_OPENER_ENDED,
	};

	memcpy(f.opener.comm, ev->opener_comm, sizeof(f.opener.comm));
	return f;
}
