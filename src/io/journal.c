// SPDX-License-Identifier: GPL-2.0-only
/*
 * An entry that is too large for a datagram goes as a file in memory, sealed so that the journal can trust it to stay as it is.
 * Its descriptor is sent in an empty datagram.
 */
#include "journal.h"
#include "unix_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define JOURNAL_PIECE (64 * 1024)
#define JOURNAL_ROOM                                                                                                           \
	(8 << 20) /* of the socket, for what the journal has not read yet; systemd's own library asks for as much */
#define SEALS (F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE)

/* 0 or -errno. A write to memory is not cut short, or there is none left. */
static int fill(int fd, const char *data, size_t len)
{
	ssize_t written;

	for (; len; data += written, len -= (size_t)written) {
		written = write(fd, data, len);
		if (written <= 0)
			return written ? -errno : -ENOSPC;
	}
	return fcntl(fd, F_ADD_SEALS, SEALS) ? -errno : 0;
}

static int send_fd(int socket, int fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = {0};
	struct msghdr message = {.msg_control = &control, .msg_controllen = sizeof(control)};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	return sendmsg(socket, &message, MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Not a memory_file(): an older journald takes no file that has more seals than these four. */
static ssize_t send_large(int socket, const void *data, size_t len)
{
	int fd = memfd_create("tcplife-fsm", MFD_CLOEXEC | MFD_ALLOW_SEALING), err;

	if (fd < 0)
		return -errno;
	err = fill(fd, data, len) ?: send_fd(socket, fd);
	close(fd);
	return err ?: (ssize_t)len;
}

static ssize_t journal_write(struct destination *destination, const void *data, size_t len)
{
	ssize_t sent = send(destination->fd, data, len, MSG_NOSIGNAL);

	if (sent >= 0)
		return sent;
	return errno == EMSGSIZE || errno == ENOBUFS ? send_large(destination->fd, data, len) : -errno;
}

static int journal_connect(const char *path)
{
	struct stat peer;
	int fd = unix_connect(path, SOCK_DGRAM, &peer), room = JOURNAL_ROOM;

	if (fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof(room)))
		(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	return fd;
}

/* A datagram is never torn. */
static int journal_restore(struct destination *destination, size_t torn)
{
	int fd = journal_connect(destination->name);

	(void)torn;
	if (fd < 0)
		return fd;
	close(destination->fd);
	destination->fd = fd;
	return 0;
}

static void journal_close(struct destination *destination)
{
	close(destination->fd);
	free(destination);
}

int journal_open(struct destination **out, const char *path)
{
	const char *name = path && *path ? path : JOURNAL_SOCKET;
	struct destination *d = calloc(1, sizeof(*d));
	int fd = d ? journal_connect(name) : -ENOMEM;

	if (fd < 0) {
		free(d);
		return fd;
	}
	*d = (struct destination){
		.name = name,
		.fd = fd,
		.piece = JOURNAL_PIECE,
		.datagrams = true,
		.write = journal_write,
		.restore = journal_restore,
		.close = journal_close,
	};
	*out = d;
	return 0;
}
