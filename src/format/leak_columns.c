// SPDX-License-Identifier: GPL-2.0-only
/* Foreign bytes go through put_safe() only. A value that is wider than its column moves what follows. */
#include "leak_columns.h"

#include <string.h>

#include "format.h"
#include "put.h"

#define PROCESS_WIDTH 24
#define PROCESS_NAME_MAX 15
#define CONTAINER_SHOWN 12 /* as docker and crictl do */
#define POD_SHOWN 36       /* a UUID */

size_t leak_put_process(struct buf *b, const struct leak_view *view, const struct conn_tuple *t)
{
	const char *nobody = view->foreign_pids ? "(process not seen)" : "(no process)";

	if (t->from != CONN_FROM_NONE)
		return put_process(b, t, PROCESS_NAME_MAX, false);
	buf_str(b, nobody);
	return strlen(nobody);
}

void leak_put_dependency(struct buf *b, const struct leak_socket *socket)
{
	if (socket->opened)
		put_endpoint(b, &socket->t.id, false, '-');
	else
		put_text_uint(b, ":", socket->t.id.local_port);
}

static void put_name(struct buf *b, const char *name, size_t len)
{
	if (name && len)
		put_safe(b, name, len, SIZE_MAX, false);
	else
		buf_char(b, '-');
}

static void put_dependency(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	(void)owner;
	leak_put_dependency(b, socket);
}

static void put_peer(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	(void)owner;
	if (socket->opened)
		put_endpoint(b, &socket->t.id, false, '-');
	else
		put_address(b, &socket->t.id, false);
}

void leak_put_container(struct buf *b, const struct record_owner *owner)
{
	if (owner->container_id) {
		buf_str(b, "container ");
		put_safe(b, owner->container_id, CONTAINER_SHOWN, CONTAINER_SHOWN, true);
		buf_str(b, owner->id_claimed ? " (claimed)" : "");
	}
	if (owner->pod_uid) {
		buf_str(b, owner->container_id ? ", pod " : "pod ");
		put_safe(b, owner->pod_uid, owner->pod_uid_len, POD_SHOWN, true);
		buf_str(b, owner->pod_claimed ? " (claimed)" : "");
	}
}

static void put_local_port(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	(void)owner;
	put_text_uint(b, ":", socket->t.id.local_port);
}

static void put_container(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	(void)socket;
	put_name(b, owner->container_id, CONTAINER_SHOWN);
}

static void put_user(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	if (owner->user)
		put_name(b, owner->user, strlen(owner->user));
	else
		put_uint(b, leak_user(&socket->t));
}

static void put_unit(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	(void)socket;
	put_name(b, owner->unit, owner->unit_len);
}

static void put_cgroup(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	(void)socket;
	put_name(b, owner->cgroup, owner->cgroup ? strlen(owner->cgroup) : 0);
}

static const struct column {
	const char *head;
	size_t width;
	void (*put)(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner);
} columns[] = {
	[LEAK_BY_PROCESS] = {"PROCESS", PROCESS_WIDTH, NULL},
	[LEAK_BY_DEPENDENCY] = {"DEPENDENCY", 21, put_dependency},
	[LEAK_BY_PEER] = {"PEER", 21, put_peer},
	[LEAK_BY_LOCAL_PORT] = {"PORT", 6, put_local_port},
	[LEAK_BY_CONTAINER] = {"CONTAINER", CONTAINER_SHOWN, put_container},
	[LEAK_BY_USER] = {"USER", 12, put_user},
	[LEAK_BY_UNIT] = {"UNIT", 24, put_unit},
	[LEAK_BY_CGROUP] = {"CGROUP", 0, put_cgroup},
};
_Static_assert(sizeof(columns) / sizeof(columns[0]) == LEAK_BY_MAX, "a grouping has no column");

/* Whatever was written last: the next column begins behind `width`, the last one ends the line. */
static void end_column(struct buf *b, uint32_t left, size_t used, size_t width)
{
	if (left) {
		put_spaces(b, used, width);
		buf_char(b, ' ');
	} else {
		buf_char(b, '\n');
	}
}

void leak_columns_head(struct buf *b, const struct leak_view *view)
{
	for (uint32_t by = 0, left = view->by; left; by++) {
		if (!(left & 1u << by))
			continue;
		left &= ~(1u << by);
		buf_str(b, columns[by].head);
		end_column(b, left, strlen(columns[by].head), columns[by].width);
	}
}

/* ASCII but for names, where a character of several bytes may move what follows. */
static size_t put_column(struct buf *b, const struct leak_view *view, uint32_t by, const struct leak_group *group,
			 const struct record_owner *owner)
{
	const char *start = b->p;

	if (!columns[by].put)
		return leak_put_process(b, view, &group->oldest->t);
	columns[by].put(b, group->oldest, owner);
	return (size_t)(b->p - start);
}

void leak_columns(struct buf *b, const struct leak_view *view, const struct leak_group *group, const struct record_owner *owner)
{
	for (uint32_t by = 0, left = view->by; left; by++) {
		if (!(left & 1u << by))
			continue;
		left &= ~(1u << by);
		end_column(b, left, put_column(b, view, by, group, owner), columns[by].width);
	}
}
