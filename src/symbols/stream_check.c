// SPDX-License-Identifier: GPL-2.0-only
#include "stream_check.h"

#include "unwind.h"
#include "src/core/wire_read.h"

#include <errno.h>
#include <string.h>

#define LOST_MAX (1u << 20) /* that one event may count: more captures do not come between two */

void *stream_check_room(struct stream_check *s, size_t *ret_len)
{
	memmove(s->bytes, s->bytes + s->begin, s->end - s->begin);
	s->end -= s->begin;
	s->begin = 0;
	*ret_len = sizeof(s->bytes) - s->end;
	return s->bytes + s->end;
}

void stream_check_added(struct stream_check *s, size_t len)
{
	s->end += len;
}

void stream_check_reset(struct stream_check *s)
{
	s->begin = s->end = 0;
}

/* Lines of printable ASCII, none of them empty. */
static bool frames_valid(const char *text, size_t size)
{
	size_t len = strnlen(text, size), lines = 1;

	if (len >= UNWINDER_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool ends = text[i] == '\n';

		if ((text[i] < ' ' || text[i] > '~') && !ends)
			return false;
		if (ends && (!i || text[i - 1] == '\n' || i + 1 == len || ++lines > UNWINDER_LINES_MAX))
			return false;
	}
	return true;
}

static size_t lines(const char *text)
{
	size_t n = *text != '\0';

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* A number is new or one of those in use, and 0 stands for no stack. */
static bool stack_valid(struct stream_check *s, const struct wire_text *stack)
{
	const struct wire_stack_about *about = wire_text_tail(stack, sizeof(*about));
	bool none = stack->key2 == WIRE_STACK_NOT_TAKEN && !stack->text[0];

	if (!frames_valid(stack->text, stack->hdr.len - sizeof(*stack)) || stack->key2 == WIRE_STACK_MADE_ROOM)
		return false;
	if (about && (about->hint >= WIRE_STACK_HINT_MAX || about->own > lines(stack->text)))
		return false;
	if (!stack->key)
		return none;
	if (stack->key % WIRE_STACKS_MAX == 0 || stack->key > UINT32_MAX || stack->key > s->highest + 2 * WIRE_STACKS_MAX)
		return false;
	if (stack->key > s->highest)
		s->highest = stack->key;
	return true;
}

static bool event_valid(struct stream_check *s, const union stream_event *ev)
{
	if (!wire_valid(&ev->hdr, ev->hdr.len))
		return false;
	switch (ev->hdr.kind) {
	case WIRE_STACK:
		return !ev->hdr.cookie && stack_valid(s, &ev->stack);
	case WIRE_OPENED:
		return ev->hdr.len == sizeof(ev->opened) && ev->hdr.cookie && ev->opened.stack <= s->highest &&
		       ev->opened.accepted <= 1;
	case WIRE_LOST:
		return ev->hdr.len == sizeof(ev->lost) && ev->lost.stage >= WIRE_LOST_STACK_RING && ev->lost.count <= LOST_MAX;
	default:
		return false;
	}
}

/* The header holds what the kind needs and nothing else. */
static void clean(union stream_event *ev)
{
	ev->hdr = (struct wire_hdr){.cookie = ev->hdr.cookie, .len = ev->hdr.len, .kind = ev->hdr.kind};
	if (ev->hdr.kind == WIRE_OPENED)
		memset(ev->opened.pad, 0, sizeof(ev->opened.pad));
}

int stream_check_next(struct stream_check *s, union stream_event *ret_event)
{
	size_t avail = s->end - s->begin;

	if (avail < sizeof(struct wire_hdr))
		return 0;
	memcpy(ret_event, s->bytes + s->begin, sizeof(struct wire_hdr));
	if (!wire_whole(&ret_event->hdr, ret_event->hdr.len))
		return -EBADMSG;
	if (ret_event->hdr.len > avail)
		return 0;
	memcpy(ret_event, s->bytes + s->begin, ret_event->hdr.len);
	if (!event_valid(s, ret_event))
		return -EBADMSG;
	s->begin += ret_event->hdr.len;
	clean(ret_event);
	return 1;
}
