// SPDX-License-Identifier: GPL-2.0-only
#include "opener.h"

#include "helper_pages.h"
#include "opener_protocol.h"
#include "sandbox.h"
#include "target_files.h"
#include "src/host/clock.h"
#include "src/host/helper.h"
#include "src/host/shared_page.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/time.h>
#include <unistd.h>

struct opener {
	int socket;
	struct opener_page *page;
	struct target_files *files;
	struct answer answer;
};

/* The signal's default action ends the process, wherever it waits, unless the kernel lets nothing end that. */
static void arm(uint64_t ns)
{
	const struct itimerval value = {.it_value.tv_usec = (suseconds_t)(ns / 1000)};

	setitimer(ITIMER_REAL, &value, NULL);
}

/* Fills the answer; returns the descriptor that goes with it, or -1. */
static int fulfil(struct opener *o, const struct request *r)
{
	struct answer *answer = &o->answer;
	int ret;

	answer->number = r->number;
	answer->error = 0;
	answer->modules_len = 0;
	if (r->kind == REQUEST_MODULES) {
		ret = target_modules(o->files, &r->program, answer->modules);
		if (ret > 0)
			answer->modules_len = (uint32_t)ret;
		answer->error = ret < 0 ? ret : 0;
		return -1;
	}
	ret = r->kind == REQUEST_FILE  ? target_open(o->files, &r->program, r->start, r->end)
	      : r->kind == REQUEST_MAP ? target_open_map(o->files, &r->program)
				       : target_open_debug(r->build_id, r->build_id_len);
	answer->error = ret < 0 ? ret : 0;
	return ret < 0 ? -1 : ret;
}

static void take(struct opener *o)
{
	struct request request;
	int fd;
	long len = protocol_receive(o->socket, &request, sizeof(request), &fd);

	if (fd >= 0 || len == 0 || (len < 0 && len != -EAGAIN) || (len > 0 && !request_valid(&request, (size_t)len)))
		_exit(HELPER_PROTOCOL); /* a parser that was taken over */
	if (len < 0)
		return;
	o->page->work = (struct work){.number = request.number ?: 1,
				      .since_ns = clock_now_ns(),
				      .start_ns = request.program.start_ns,
				      .tgid = request.kind == REQUEST_DEBUG ? 0 : request.program.tgid};
	arm(OPEN_MAX_NS);
	o->answer.cpu_ns = clock_cpu_ns();
	fd = fulfil(o, &request);
	o->answer.cpu_ns = clock_cpu_ns() - o->answer.cpu_ns;
	protocol_send(o->socket, &o->answer, answer_size(&o->answer), fd);
	if (fd >= 0)
		close(fd);
	arm(0);
	o->page->work.number = 0;
}

void opener_run(int socket, int page_fd)
{
	struct opener *o = calloc(1, sizeof(*o));
	struct pollfd wait = {.fd = socket, .events = POLLIN};

	if (!o)
		_exit(HELPER_NO_MEMORY);
	o->socket = socket;
	o->files = target_files_new();
	o->page = shared_page_map(page_fd, sizeof(*o->page), 1);
	if (!o->page || !o->files)
		_exit(HELPER_REFUSED);
	if (sandbox_enter(SANDBOX_OPENER))
		_exit(HELPER_NO_SANDBOX);
	for (;;) {
		if (poll(&wait, 1, -1) > 0)
			take(o);
	}
}
