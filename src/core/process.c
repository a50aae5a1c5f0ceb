// SPDX-License-Identifier: GPL-2.0-only
/*
 * The owner of a connection is who acted on it last: a descriptor may be passed on or inherited, and then the new holder is the
 * one to ask. A process that acts again keeps the first evidence but shows its newest name, for it may have called exec().
 * A scan only names holders, not who acts, so it fills holes, replaces nothing and gives way to all other evidence.
 */
#include "process.h"

#include "listener.h"

#include <string.h>

void process_saw(struct conn *c, const struct wire_task *task, enum conn_from from)
{
	bool same;

	if (!task || !task->tgid || (from == CONN_FROM_SCAN && c->from != CONN_FROM_NONE))
		return;
	same = c->from != CONN_FROM_NONE && c->from != CONN_FROM_SCAN && c->tgid == task->tgid &&
	       c->task_start_ns == task->start_ns;
	if (!same) {
		c->from = from;
		c->tgid = task->tgid;
		c->task_start_ns = task->start_ns;
	}
	c->task_uid = task->uid;
	memcpy(c->comm, task->comm, sizeof(c->comm));
}

void process_fill(const struct conn_table *t, const struct conn *c, struct conn_tuple *tuple)
{
	const struct wire_task *listener = NULL;

	tuple->from = c->from;
	if (c->from != CONN_FROM_NONE) {
		tuple->task.tgid = c->tgid;
		tuple->task.uid = c->task_uid;
		tuple->task.start_ns = c->task_start_ns;
		memcpy(tuple->task.comm, c->comm, sizeof(c->comm));
		return;
	}
	if (c->role == CONN_SERVER && (c->facts & CONN_ID_KNOWN))
		listener = listeners_owner(t->listeners, c->netns, c->local_port, c->local_addr);
	if (listener) {
		tuple->from = CONN_FROM_LISTENER;
		tuple->task = *listener;
	}
}
