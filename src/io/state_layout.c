// SPDX-License-Identifier: GPL-2.0-only
#include "state_layout.h"

#include "crc.h"
#include "whole_file.h"

#include <stdlib.h>
#include <string.h>

#define VERSION 1
#define FIRST_ROOM 4096

_Static_assert(sizeof(struct state_head) == 96, "a layout of files");

/* What is behind `crc` in the head, and the events. */
static uint32_t crc_of(const char *data, size_t len)
{
	const size_t from = offsetof(struct state_head, len);

	return crc_add(0, data + from, len - from);
}

static bool make_room(struct state_draft *d, size_t more)
{
	size_t need = (d->len ?: sizeof(struct state_head)) + more, room = d->room ?: FIRST_ROOM;
	char *data;

	while (room < need)
		room *= 2;
	if (room > WHOLE_FILE_MAX)
		return false;
	if (room == d->room)
		return true;
	data = realloc(d->data, room);
	if (!data)
		return false;
	d->data = data;
	d->room = room;
	return true;
}

void state_draft_add(void *draft, const struct wire_hdr *ev)
{
	struct state_draft *d = draft;

	if (d->failed || !make_room(d, ev->len)) {
		d->failed = true;
		return;
	}
	if (!d->len)
		d->len = sizeof(struct state_head);
	memcpy(d->data + d->len, ev, ev->len);
	d->len += ev->len;
}

bool state_draft_finish(struct state_draft *d, const char *hostname)
{
	struct state_head head = {.version = VERSION, .len = d->len - sizeof(head)};

	if (d->failed || !d->len)
		return false;
	memcpy(head.magic, STATE_MAGIC, sizeof(head.magic));
	strncpy(head.hostname, hostname, sizeof(head.hostname) - 1);
	memcpy(d->data, &head, sizeof(head));
	head.crc = crc_of(d->data, d->len);
	memcpy(d->data, &head, sizeof(head));
	return true;
}

static bool is_event_of_state(const struct wire_hdr *ev, bool first)
{
	if (first)
		return ev->kind == WIRE_BEFORE;
	return ev->kind == WIRE_EXE || (ev->kind >= WIRE_KNOWN && ev->kind <= WIRE_ENDED);
}

/* Hands the events over; with `fn` NULL it checks them. Those of a later version are skipped. */
static bool each_event(const char *events, size_t len, event_fn fn, void *ctx)
{
	const struct wire_hdr *ev;

	for (size_t at = 0; at < len; at += ev->len) {
		ev = (const void *)(events + at);
		if (!wire_whole(ev, len - at))
			return false;
		if (wire_known(ev) && is_event_of_state(ev, at == 0)) {
			if (fn)
				fn(ctx, ev);
		} else if (at == 0 || wire_base_size(ev->kind)) {
			return false;
		}
	}
	return len > 0;
}

bool state_is_foreign(const char *data, size_t len)
{
	return len && data[0] && (len < strlen(STATE_MAGIC) || memcmp(data, STATE_MAGIC, strlen(STATE_MAGIC)) != 0);
}

const char *state_read(const void *data, size_t len, const char *hostname, event_fn fn, void *ctx)
{
	struct state_head head;

	if (len < sizeof(head.magic) || memcmp(data, STATE_MAGIC, sizeof(head.magic)) != 0)
		return "is no state of tcplife-fsm";
	if (len < sizeof(head))
		return "is cut off";
	memcpy(&head, data, sizeof(head));
	if (head.version != VERSION)
		return "is of another version";
	if (head.len != len - sizeof(head))
		return "is cut off, or has more than belongs to it";
	if (head.crc != crc_of(data, len))
		return "is damaged: its checksum is wrong";
	if (!memchr(head.hostname, '\0', sizeof(head.hostname)) || strcmp(head.hostname, hostname) != 0)
		return "is of another host, or of this host under another name";
	if (!each_event((const char *)data + sizeof(head), (size_t)head.len, NULL, NULL))
		return "has something in it that no run writes";
	each_event((const char *)data + sizeof(head), (size_t)head.len, fn, ctx);
	return NULL;
}
