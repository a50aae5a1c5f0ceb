// SPDX-License-Identifier: GPL-2.0-only
#include "writer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>

/* EAGAIN: a pipe is full. */
static void flush(struct writer *w)
{
	struct destination *d = w->destination;
	ssize_t written;

	for (size_t done = 0; done < w->len && !w->error;) {
		written = d->write(d, w->data + done, w->len - done);
		if (written >= 0)
			done += (size_t)written;
		else if (written == -EAGAIN)
			poll(&(struct pollfd){.fd = d->fd, .events = POLLOUT}, 1, -1);
		else if (written != -EINTR)
			w->error = (int)-written;
	}
	w->len = 0;
}

char *writer_room(void *writer, size_t size)
{
	struct writer *w = writer;

	if (size > WRITER_BYTES - w->len)
		flush(w);
	return w->data + w->len;
}

bool writer_put(void *writer, const char *data, size_t len)
{
	struct writer *w = writer;
	char *room = writer_room(w, len);

	if (w->error || len > WRITER_BYTES)
		return false;
	if (data != room)
		memcpy(room, data, len);
	w->len += len;
	return true;
}

int writer_close(struct writer *w)
{
	int error;

	flush(w);
	error = w->error;
	destination_close(w->destination);
	return error;
}
