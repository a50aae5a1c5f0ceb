// SPDX-License-Identifier: GPL-2.0-only
#include "wire_make.h"

#include <string.h>

const struct wire_hdr *wire_make_text(union wire_text_space *space, const struct wire_text *head, const char *text, size_t len)
{
	const size_t room = sizeof(*space) - sizeof(space->event) - 1;
	size_t total;

	if (len > room)
		len = room;
	total = (sizeof(space->event) + len + 1 + 7) & ~(size_t)7;
	memset(space, 0, total);
	memcpy(&space->event, head, sizeof(*head));
	space->event.hdr.len = total;
	memcpy(space->event.text, text, len);
	return &space->event.hdr;
}

const struct wire_hdr *wire_make_path(union wire_text_space *space, const struct wire_text *head, const char *path,
				      const void *tail)
{
	size_t len = strlen(path);

	wire_make_text(space, head, path, len > WIRE_PATH_MAX ? 0 : len);
	if (tail) {
		memcpy(space->bytes + space->event.hdr.len, tail, sizeof(__u64));
		space->event.hdr.len += sizeof(__u64);
	}
	return &space->event.hdr;
}
