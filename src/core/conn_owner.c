// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a connection is the process that acted on it last, since a descriptor may be inherited or passed on. If the same
 * process acts again, the first evidence stays, but the name is the newest: it may have called exec(). A scan shows holders,
 * not who acts: it names an owner where none is known, and all other evidence replaces it. Who listens is named for what nobody
 * has accepted yet: after that it may be anybody's, and if no hook has shown whose, it is not known.
 */
#include "conn_owner.h"

#include "listener.h"
#include "wire_read.h"

#include <string.h>

/*
 * Older recordings: an exiting process has no program any more, and one that is in exec() not yet. With the same name it is the
 * one before.
 */
static void keep_program(const struct process *known, struct process *process)
{
	if (!process->program && !memcmp(process->task.comm, known->task.comm, sizeof(known->task.comm)))
		process->program = known->program;
	if (!process->cgroup_id)
		process->cgroup_id = known->cgroup_id;
}

static const struct process *listens_for(const struct conn_table *t, const struct conn *c)
{
	const struct conn_place *place = conn_place(t, c);

	if (c->role != CONN_SERVER || !(c->facts & CONN_ID_KNOWN))
		return NULL;
	return listeners_owner(&t->listeners, place->netns, c->local_port, place->local_addr);
}

/* Not the process that has the listener acts: a worker of it, or the listener was handed over. */
static void doubt_listener(struct conn_table *t, const struct conn *c, const struct process *process)
{
	const struct process *listener = t->listeners.doubted ? NULL : listens_for(t, c);

	if (listener && !process_is(listener, process))
		t->listeners.doubted = true;
}

static void set_owner(struct conn_table *t, struct conn *c, struct process process, enum conn_from from)
{
	const struct process *known = intern_value(&t->processes, c->process);
	uint32_t id;

	if (!process.task.tgid || (from == CONN_FROM_SCAN && c->from != CONN_FROM_NONE))
		return;
	doubt_listener(t, c, &process);
	if (process_is(known, &process))
		keep_program(known, &process);
	if (c->from == CONN_FROM_NONE || c->from == CONN_FROM_SCAN || !process_is(known, &process))
		c->from = from;
	else if (!memcmp(known, &process, sizeof(process)))
		return;
	id = intern_get(&t->processes, &process);
	intern_put(&t->processes, c->process);
	c->process = id;
	if (id == INTERN_NONE)
		c->from = CONN_FROM_NONE;
}

void conn_owner_saw(struct conn_table *t, struct conn *c, const struct wire_hdr *ev, enum conn_from from)
{
	if (wire_task(ev))
		set_owner(t, c, wire_process(ev), from);
}

static struct table_touched *touched_slot(struct conn_table *t, uint64_t cookie)
{
	return &t->touched[index_hash(0, cookie) % TABLE_TOUCHED];
}

void conn_owner_touched(struct conn_table *t, struct conn *c, const struct wire_hdr *ev)
{
	enum conn_from from = ev->sk_flags & WIRE_SK_ACCEPT ? CONN_FROM_ACCEPT : CONN_FROM_IO;

	if (c)
		set_owner(t, c, wire_process(ev), from);
	else
		*touched_slot(t, ev->cookie) =
			(struct table_touched){.cookie = ev->cookie, .from = from, .process = wire_process(ev)};
}

void conn_owner_state(struct conn_table *t, struct conn *c, const struct wire_hdr *h)
{
	struct table_touched *touched;

	if (!(h->sk_flags & WIRE_SK_ORPHAN))
		c->accepted = true;
	if (c->spans_len > 1) /* what touched it before it was tracked has been asked for */
		return;
	touched = touched_slot(t, c->cookie);
	if (touched->cookie != c->cookie)
		return;
	set_owner(t, c, touched->process, touched->from);
	*touched = (struct table_touched){0};
}

void conn_owner_fill(const struct conn_table *t, const struct conn *c, struct conn_tuple *tuple)
{
	const struct process *listener;

	tuple->from = c->from;
	if (c->from != CONN_FROM_NONE) {
		memcpy(&tuple->process, intern_value(&t->processes, c->process), sizeof(tuple->process));
		return;
	}
	listener = c->accepted ? NULL : listens_for(t, c);
	if (listener) {
		tuple->from = CONN_FROM_LISTENER;
		tuple->process = *listener;
	}
}
