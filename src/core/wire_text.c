// SPDX-License-Identifier: GPL-2.0-only
#include "wire_text.h"

#include <string.h>

const struct wire_hdr *wire_text_fill(union wire_text_buf *buf, const struct wire_text *head, const char *text, size_t len)
{
	const size_t room = sizeof(*buf) - sizeof(buf->event) - 1;
	size_t total;

	if (len > room)
		len = room;
	total = (sizeof(buf->event) + len + 1 + 7) & ~(size_t)7;
	memset(buf, 0, total);
	memcpy(&buf->event, head, sizeof(*head));
	buf->event.hdr.len = total;
	memcpy(buf->event.text, text, len);
	return &buf->event.hdr;
}
