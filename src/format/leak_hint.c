// SPDX-License-Identifier: GPL-2.0-only
#include "leak_hint.h"

/* At most 108 characters: with the indent they fit in 120 columns. */
static const char *const hints[] = {
	[LEAK_NEVER_ACCEPTED] =
		"The process does not call accept(). Find what its accept loop waits for: a full pool, the open-file limit.",
	[LEAK_DATA_UNREAD] =
		"The process stopped reading. Find the worker that should read these descriptors: it is stuck or lost them.",
	[LEAK_EOF_UNREAD] =
		"All data was read, but not the end. Keep polling the socket, and close() it when recv() returns 0.",
	[LEAK_IDLE_POOLED] =
		"Idle in a pool, or its process is stuck. Set the pool's idle timeout below the peer's, or test before use.",
	[LEAK_EOF_READ_NOT_CLOSED] =
		"recv() returned 0 and close() was never called. Read the code that follows recv(), error paths first.",
	[LEAK_INHERITED] =
		"Inherited from who opened it, and never used. Open with SOCK_CLOEXEC; after fork() close the other's sockets.",
	[LEAK_UNSEEN] = "The leak scan did not see this socket, so its holder is not known. Look for it with ss -tanpe.",
};
_Static_assert(sizeof(hints) / sizeof(hints[0]) == LEAK_CAUSE_MAX, "a cause has no hint");

/* Its process goes on. */
static const char hint_idle[] =
	"Idle in a pool: others were used since. Set the pool's idle timeout below the peer's, or test before use.";

/* Of a connection that the process opened, where a server would poll. */
static const char hint_opened[] =
	"All data was read, but not the end. Close each answer's body; let pools test or end what is idle.";

static const char hint_nobody[] =
	"No descriptor leads to it: an io_uring direct descriptor, an unread Unix socket message or the kernel does.";

static const char hint_not_seen[] =
	"No process in this container has it: run the tool with the host's pids (hostPID, --pid=host) to see whose it is.";

const char *leak_hint_of_cause(enum leak_cause cause, bool opened)
{
	return opened && cause == LEAK_EOF_UNREAD ? hint_opened : hints[cause];
}

const char *leak_hint(const struct leak_socket *socket, bool foreign_pids)
{
	if (socket->verdict.cause < LEAK_UNSEEN && socket->verdict.cause != LEAK_NEVER_ACCEPTED && !socket->holders)
		return foreign_pids ? hint_not_seen : hint_nobody;
	if (socket->others_used && socket->verdict.cause == LEAK_IDLE_POOLED)
		return hint_idle;
	return leak_hint_of_cause(socket->verdict.cause, socket->opened);
}
