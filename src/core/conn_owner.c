// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a connection is the process that acted on it last, since a descriptor may be inherited or passed on. If the same
 * process acts again, the first evidence stays, but the name is the newest: it may have called exec(). A scan shows holders,
 * not who acts: it names an owner where none is known, and all other evidence replaces it.
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
