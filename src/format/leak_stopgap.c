// SPDX-License-Identifier: GPL-2.0-only
#include "leak_stopgap.h"

#include "fmt.h"
#include "put.h"
#include "src/core/leak.h"
#include "src/core/record_owner.h"

/*
 * An address and port as ss takes it. A socket that is v4-mapped matches as IPv4. A shell would look for files with the
 * brackets of IPv6.
 */
static void put_quoted(struct buf *b, const struct wire_ident *id, bool local)
{
	const char *quote = fmt_is_ipv4(id) ? "" : "'";

	buf_str(b, local ? " src " : " dst ");
	buf_str(b, quote);
	put_endpoint(b, id, local, '-');
	buf_str(b, quote);
}

bool leak_put_stopgap(struct buf *b, const struct leak_socket *socket, const struct record_owner *owner)
{
	const struct conn_tuple *t = &socket->t;

	if (!owner->running || !t->id_known || !t->id.netns || owner->running->netns != t->id.netns)
		return false;
	put_text_uint(b, "nsenter -t ", owner->running->tid ?: t->task.tgid);
	buf_str(b, " -n ss -K -tn");
	put_quoted(b, &t->id, true);
	put_quoted(b, &t->id, false);
	return true;
}
