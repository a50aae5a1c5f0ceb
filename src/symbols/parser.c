// SPDX-License-Identifier: GPL-2.0-only
#include "parser.h"

#include "budget.h"
#include "capture_ring.h"
#include "image.h"
#include "opener_client.h"
#include "sandbox.h"
#include "stack_numbers.h"
#include "unwind.h"
#include "bpf/shared.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"
#include "src/host/helper.h"
#include "src/host/shared_page.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS 1000
#define OPENER_POLL_MS 20

struct parser {
	struct capture_ring ring;
	struct opener_client opener;
	struct file_source source;
	struct unwinder *unwinder;
	struct stack_numbers numbers;
	struct parser_page *page;
	const struct control_page *control;
	int events;
	uint64_t works;               /* captures so far */
	uint64_t lost[WIRE_LOST_MAX]; /* not reported yet */
};

/* Writes of up to PIPE_BUF bytes, which no event exceeds, are whole or not at all. */
_Static_assert(WIRE_MAX_LEN <= 4096, "PIPE_BUF");

static bool put(const struct parser *p, const void *event)
{
	const struct wire_hdr *ev = event;

	return write(p->events, ev, ev->len) == ev->len;
}

static void report_losses(struct parser *p)
{
	for (enum wire_lost_stage stage = WIRE_LOST_STACK_RING; stage < WIRE_LOST_MAX; stage++) {
		const struct wire_lost lost = wire_make_lost(stage, p->lost[stage], 0, 0);

		if (lost.count && put(p, &lost))
			p->lost[stage] = 0;
	}
}

static bool put_stack(const struct parser *p, uint64_t number, enum wire_stack_note note, const char *text,
		      const struct wire_stack_about *about)
{
	const struct wire_text head = {.hdr = {.kind = WIRE_STACK}, .key = number, .key2 = note};
	union wire_text_space buf;

	return put(p, wire_make_path(&buf, &head, text, about));
}

static void put_opened(struct parser *p, const struct capture *c, enum wire_stack_note note, const char *text,
		       const struct wire_stack_about *about)
{
	const uint32_t facts = note | (uint32_t)about->hint << 8 | (uint32_t)about->version << 16 | (uint32_t)about->own << 24;
	struct stack_number number = stack_numbers_find(&p->numbers, c->cgroup_id, facts, text);
	struct wire_opened opened = {
		.hdr = {.cookie = c->cookie, .len = sizeof(opened), .kind = WIRE_OPENED},
		.stack = (uint32_t)number.number,
		.accepted = c->accepted,
	};

	p->lost[WIRE_LOST_STACK_TABLE] += number.replaced;
	if (number.is_new && !put_stack(p, number.number, note, text, about)) {
		stack_numbers_forget(&p->numbers, number.number);
		opened.stack = 0;
	}
	if (!put(p, &opened) || !opened.stack)
		p->lost[WIRE_LOST_STACK_RING]++;
}

/* Whether it must be skipped, and why. */
static enum wire_lost_stage refused(const struct parser *p, uint64_t now, uint64_t process, uint64_t cgroup)
{
	const struct ban *bans = p->control->bans;

	if (ban_holds(bans, now, process) || ban_holds(bans, now, cgroup))
		return WIRE_LOST_STACK_PARSER;
	if (!share_allows(&p->page->shares, now, process, SHARE_PROCESS_NS) ||
	    !share_allows(&p->page->shares, now, cgroup, SHARE_CGROUP_NS))
		return WIRE_LOST_STACK_BUDGET;
	return 0;
}

static void unwind(struct parser *p, const struct capture *c, uint64_t process, uint64_t cgroup)
{
	uint64_t cpu = clock_cpu_ns() + p->opener.cpu_ns, now;
	char text[UNWINDER_TEXT_MAX];
	enum wire_stack_note note;
	struct wire_stack_about about;

	p->page->work = (struct work){.since_ns = clock_now_ns(),
				      .start_ns = c->start_ns,
				      .cgroup_id = c->cgroup_id,
				      .tgid = c->tgid,
				      .number = ++p->works};
	note = unwinder_trace(p->unwinder, c, text, sizeof(text), &about);
	p->page->work.number = 0;
	p->lost[WIRE_LOST_STACK_OPENER] += note == WIRE_STACK_UNREADABLE;
	put_opened(p, c, note, text, &about);
	cpu = clock_cpu_ns() + p->opener.cpu_ns - cpu;
	now = clock_now_ns();
	share_add(&p->page->shares, now, process, cpu);
	share_add(&p->page->shares, now, cgroup, cpu);
}

static void take(struct parser *p, const struct capture *c)
{
	static const struct wire_stack_about nothing;
	uint64_t process = share_key_process(c->tgid, c->start_ns), cgroup = share_key_cgroup(c->cgroup_id);
	enum wire_lost_stage why = refused(p, clock_now_ns(), process, cgroup);

	if (why) {
		p->lost[why]++;
		put_opened(p, c, why == WIRE_LOST_STACK_BUDGET ? WIRE_STACK_OVER_BUDGET : WIRE_STACK_UNREADABLE, "", &nothing);
	} else {
		unwind(p, c, process, cgroup);
	}
}

/* 0 or how the process ends. */
static int open_all(struct parser *p, const struct parser_fds *fds)
{
	p->page = shared_page_map(fds->page, sizeof(*p->page), 1);
	p->control = shared_page_map(fds->control, sizeof(*p->control), 0);
	if (!p->page || !p->control || capture_ring_open(&p->ring, fds->ring))
		return HELPER_REFUSED;
	p->events = fds->events;
	opener_client_init(&p->opener, fds->opener, p->control);
	p->source = opener_client_source(&p->opener);
	p->unwinder = unwinder_new(&p->source);
	if (!p->unwinder || stack_numbers_init(&p->numbers, p->control->first_number) || image_prepare())
		return HELPER_NO_MEMORY;
	return sandbox_enter(SANDBOX_PARSER) ? HELPER_NO_SANDBOX : 0;
}

void parser_run(const struct parser_fds *fds)
{
	struct parser *p = calloc(1, sizeof(*p));
	const struct capture *c;
	int problem = p ? open_all(p, fds) : HELPER_NO_MEMORY;

	if (problem)
		_exit(problem);
	p->works = clock_now_ns(); /* above those of the parser before this one */
	put_stack(p, 0, WIRE_STACK_NOT_TAKEN, "", &(struct wire_stack_about){0});
	for (;;) {
		if (!opener_client_is_ready(&p->opener)) { /* it is being replaced: captures wait in the kernel's buffer */
			poll(NULL, 0, OPENER_POLL_MS);
			continue;
		}
		c = capture_ring_next(&p->ring, POLL_MS);
		if (c) {
			take(p, c);
			capture_ring_done(&p->ring);
		}
		report_losses(p);
	}
}
