// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a connection is who acted on it last: a descriptor may be passed on or inherited, and then the new holder is the
 * one to ask. A process that acts again keeps the first evidence but shows its newest name, for it may have called exec().
 * A scan only names holders, not who acts, so it fills holes, replaces nothing and gives way to all other evidence.
 */
#include "conn_owner.h"

#include "listener.h"

#include <string.h>

void conn_owner_saw(struct conn_table *t, struct conn *c, const struct wire_task *task, enum conn_from from)
{
	const struct wire_task *known = intern_value(&t->processes, c->process);
	uint32_t id;

	if (!task || !task->tgid || (from == CONN_FROM_SCAN && c->from != CONN_FROM_NONE))
		return;
	if (c->from == CONN_FROM_NONE || c->from == CONN_FROM_SCAN || known->tgid != task->tgid ||
	    known->start_ns != task->start_ns)
		c->from = from;
	else if (!memcmp(known, task, sizeof(*task)))
		return;
	id = intern_get(&t->processes, task);
	intern_put(&t->processes, c->process);
	c->process = id;
	if (id == INTERN_NONE)
		c->from = CONN_FROM_NONE;
}

void conn_owner_fill(const struct conn_table *t, const struct conn *c, struct conn_tuple *tuple)
{
	const struct wire_task *listener = NULL;

	tuple->from = c->from;
	if (c->from != CONN_FROM_NONE) {
		memcpy(&tuple->task, intern_value(&t->processes, c->process), sizeof(tuple->task));
		return;
	}
	if (c->role == CONN_SERVER && (c->facts & CONN_ID_KNOWN))
		listener = listeners_owner(&t->listeners, conn_place(t, c)->netns, c->local_port, conn_place(t, c)->local_addr);
	if (listener) {
		tuple->from = CONN_FROM_LISTENER;
		tuple->task = *listener;
	}
}
