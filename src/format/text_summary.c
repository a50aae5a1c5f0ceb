// SPDX-License-Identifier: GPL-2.0-only
/*
 * Of a summary the table has what asks for an action: a line for each listener whose accept queue is full, and for each
 * namespace that sent SYN cookies or dropped attempts to connect.
 */
#include "text.h"

#include <string.h>
#include <sys/socket.h>

#include "put.h"

static void put_listener(struct buf *b, const struct conn_listener_row *row)
{
	struct wire_ident id = {.family = row->ipv4 ? AF_INET : AF_INET6, .local_port = row->local_port};
	const struct conn_tuple t = {.task = row->task};

	memcpy(id.local_addr, row->local_addr, sizeof(id.local_addr));
	memcpy(id.peer_addr, row->local_addr, sizeof(id.peer_addr));
	put_endpoint(b, &id, true, '-');
	put_text_uint(b, " netns ", row->netns);
	buf_str(b, " of ");
	if (row->task.tgid)
		put_process(b, &t, SIZE_MAX, false);
	else
		buf_str(b, "(no process)");
}

void text_queue(struct buf *b, const struct conn_listener_row *row)
{
	put_listener(b, row);
	put_text_uint(b, ": ", row->at.queue);
	put_text_uint(b, " wait for accept(), more than its backlog of ", row->at.limit);
	if (row->interval_us) {
		put_text_uint(b, "; ", row->drops);
		put_text_duration(b, " dropped in ", row->interval_us);
	}
	if (row->ended)
		buf_str(b, "; it ended");
}

static void put_count(struct buf *b, const struct conn_netns_row *row, enum wire_netns_count which, const char *what)
{
	if (!(row->known & 1u << which) || !row->counts[which])
		return;
	put_text_uint(b, "; ", row->counts[which]);
	buf_str(b, what);
}

static void put_namespace(struct buf *b, const struct conn_netns_row *row)
{
	put_text_uint(b, "# attempts to connect in netns ", row->netns);
	if (row->interval_us)
		put_text_duration(b, " in ", row->interval_us);
	else
		buf_str(b, " since it was made");
	put_count(b, row, WIRE_NETNS_COOKIES_SENT, " answered with a SYN cookie");
	put_count(b, row, WIRE_NETNS_REQQ_DROP, " dropped as too many were half-open");
	put_count(b, row, WIRE_NETNS_OVERFLOWS, " met a full accept queue");
	put_count(b, row, WIRE_NETNS_DROPS, " dropped by listeners in all");
}

static void next_line(struct text *t)
{
	if (t->b.p > t->b.start)
		buf_char(&t->b, '\n');
}

void text_summary(struct text *t, const struct record *rec)
{
	const struct conn_summary_record *s = rec->summary;

	for (unsigned int i = 0; i < s->listeners_len; i++) {
		if (!conn_queue_is_full(&s->listeners[i].at))
			continue;
		next_line(t);
		buf_str(&t->b, "# accept queue full: ");
		text_queue(&t->b, &s->listeners[i]);
	}
	for (unsigned int i = 0; i < s->namespaces_len; i++) {
		next_line(t);
		put_namespace(&t->b, &s->namespaces[i]);
	}
}
