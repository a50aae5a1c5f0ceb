// SPDX-License-Identifier: GPL-2.0-only
#include "opener_protocol.h"

#include "src/host/fd_message.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

bool request_valid(const struct request *r, size_t size)
{
	if (size != sizeof(*r))
		return false;
	switch (r->kind) {
	case REQUEST_MODULES:
	case REQUEST_MAP:
		return r->program.tgid != 0;
	case REQUEST_FILE:
		return r->program.tgid && r->start < r->end;
	case REQUEST_DEBUG:
		return r->build_id_len >= BUILD_ID_MIN && r->build_id_len <= BUILD_ID_MAX;
	default:
		return false;
	}
}

bool answer_valid(const struct answer *a, size_t size)
{
	if (size < offsetof(struct answer, modules) || a->error > 0 || a->modules_len > MODULES_MAX || size != answer_size(a))
		return false;
	for (uint32_t i = 0; i < a->modules_len; i++) {
		const struct module_range *m = &a->modules[i];

		if (m->low >= m->high || m->start < m->low || m->end > m->high || m->start >= m->end || m->of_system > 1 ||
		    m->name[sizeof(m->name) - 1])
			return false;
	}
	return true;
}

int protocol_send(int socket, const void *message, size_t size, int fd)
{
	const struct fd_list list = {fd >= 0, {fd}};

	return fd_message_send(socket, message, size, &list, MSG_DONTWAIT);
}

long protocol_receive(int socket, void *message, size_t size, int *ret_fd)
{
	struct fd_list list;
	long len = fd_message_receive(socket, message, size, &list, MSG_DONTWAIT);

	*ret_fd = list.n ? list.fds[0] : -1;
	while (list.n > 1)
		close(list.fds[--list.n]);
	return len;
}
