// SPDX-License-Identifier: GPL-2.0-only
#include "leaks_look.h"

#include "src/core/queues.h"
#include "src/pipeline/select.h"

#include <string.h>

void leaks_describe(struct leaks *l, const struct conn_tuple *t, struct record_owner *ret_owner)
{
	leak_who_describe_process(l->who, t, ret_owner);
	ret_owner->stack = stack_table_find(&l->stack_table, t->cookie);
}

bool leaks_selects(void *ctx, const struct leak_socket *socket)
{
	struct leaks *l = ctx;
	const struct selection *select = &l->options->select;
	struct record_owner owner = {0};
	const struct leak_holder *holder;
	struct conn_tuple t = socket->t;

	if (selection_asks_cgroup(select))
		leak_who_describe(l->who, &t, &owner);
	if (!selection_filter_matches(select, &t, &owner, 1u << socket->state))
		return false;
	if (selection_matches_tuple(select, &t, &owner))
		return true;
	leak_for_each_holder (holder, l->set.holders, socket) {
		t.task = holder->task;
		if (selection_matches_tuple(select, &t, &owner))
			return true;
	}
	return false;
}

/* Younger ones are in CLOSE_WAIT as any connection may be for a moment: nobody is blamed for them. */
bool leaks_has(struct leaks *l, const struct leak_socket *socket)
{
	return socket->state == WIRE_CLOSE_WAIT && socket->age_ns >= l->options->threshold_ns && leaks_selects(l, socket);
}

bool leaks_wants_listener(void *ctx, const struct conn_listener_row *row)
{
	struct leaks *l = ctx;
	struct conn_tuple t = {
		.id_known = true,
		.id = {.netns = row->netns, .family = row->ipv4 ? AF_INET : AF_INET6, .local_port = row->local_port},
		.from = row->task.tgid ? CONN_FROM_LISTENER : CONN_FROM_NONE,
		.task = row->task,
	};
	struct record_owner owner = {0};

	memcpy(t.id.local_addr, row->local_addr, sizeof(t.id.local_addr));
	if (selection_asks_cgroup(&l->options->select))
		leak_who_describe(l->who, &t, &owner);
	return selection_matches_tuple(&l->options->select, &t, &owner) &&
	       selection_filter_matches(&l->options->select, &t, &owner, 1u << WIRE_LISTEN);
}
