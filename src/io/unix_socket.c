// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whoever listens on a socket in a folder such as /tmp reads what we write, so it is found by the rules of output_open(), and
 * what was found is what we connect to.
 */
#include "unix_socket.h"
#include "output_open.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define UNIX_PIECE (64 * 1024)
#define BUSY_TRIES 50 /* of 10 ms: at the start, a peer that has not accepted others yet */

struct unix_socket {
	struct destination destination; /* first: unix_write() */
	struct stat peer;               /* what the name led to */
};

int unix_connect(const char *path, int type, struct stat *ret_peer)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int found, fd, err = 0;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	found = output_find(path);
	if (found < 0)
		return found;
	fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	snprintf(address.sun_path, sizeof(address.sun_path), "/proc/self/fd/%d", found);
	if (fd < 0 || fstat(found, ret_peer) || connect(fd, (struct sockaddr *)&address, sizeof(address)))
		err = -errno;
	if (err && fd >= 0)
		close(fd);
	close(found);
	return err ?: fd;
}

/* EPIPE: the peer has left. Whether it had read all is the socket's pending error. */
static void note_unread(struct destination *destination, int error)
{
	int pending = 0;
	socklen_t len = sizeof(pending);

	if (error == EPIPE)
		(void)getsockopt(destination->fd, SOL_SOCKET, SO_ERROR, &pending, &len);
	if (error == ECONNRESET || pending == ECONNRESET)
		destination->unread_left = true;
}

static ssize_t unix_write(struct destination *destination, const void *data, size_t len)
{
	ssize_t written = send(destination->fd, data, len, MSG_NOSIGNAL);
	int error = errno;

	if (written >= 0)
		return written;
	note_unread(destination, error);
	return -error;
}

static int connect_to(struct unix_socket *s)
{
	struct stat peer;
	int fd = unix_connect(s->destination.name, SOCK_STREAM, &peer);

	if (fd < 0)
		return fd;
	if (s->destination.fd >= 0)
		close(s->destination.fd);
	s->destination.fd = fd;
	s->peer = peer;
	return 0;
}

/* What was torn went with the connection. The peer may have left before we wrote: then this is the place to learn of it. */
static int unix_restore(struct destination *destination, size_t torn)
{
	(void)torn;
	note_unread(destination, EPIPE);
	return connect_to((struct unix_socket *)destination);
}

/* A peer that still listens keeps its connection: it may not accept another one. */
static int unix_reopen(struct destination *destination)
{
	struct unix_socket *s = (struct unix_socket *)destination;
	int found = output_find(destination->name);
	struct stat now;
	bool same;

	if (found < 0)
		return found;
	same = !fstat(found, &now) && now.st_ino == s->peer.st_ino && now.st_dev == s->peer.st_dev;
	close(found);
	return same ? 0 : connect_to(s);
}

static void unix_close(struct destination *destination)
{
	close(destination->fd);
	free(destination);
}

int unix_socket_open(struct destination **out, const char *path)
{
	struct unix_socket *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	s->destination = (struct destination){
		.name = path,
		.fd = -1,
		.piece = UNIX_PIECE,
		.write = unix_write,
		.restore = unix_restore,
		.reopen = unix_reopen,
		.close = unix_close,
	};
	err = connect_to(s);
	for (int i = 0; err == -EAGAIN && i < BUSY_TRIES; i++) {
		usleep(10000);
		err = connect_to(s);
	}
	if (err)
		free(s);
	else
		*out = &s->destination;
	return err;
}
