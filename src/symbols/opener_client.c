// SPDX-License-Identifier: GPL-2.0-only
#include "opener_client.h"

#include "src/host/clock.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#define WAIT_NS (OPEN_MAX_NS + OPEN_MAX_NS / 4)

void opener_client_init(struct opener_client *o, int socket, const struct control_page *control)
{
	o->socket = socket;
	o->control = control;
	o->number = clock_now_ns(); /* above all numbers of the parser before this one */
}

bool opener_client_is_ready(const struct opener_client *o)
{
	return __atomic_load_n(&o->control->opener, __ATOMIC_RELAXED);
}

/* Receives until the answer to the last request is there: 0 or -errno. */
static int wait_for_answer(struct opener_client *o, int *ret_fd)
{
	uint64_t until = clock_now_ns() + WAIT_NS, now;
	struct pollfd wait = {.fd = o->socket, .events = POLLIN};

	while ((now = clock_now_ns()) < until) {
		long len;

		poll(&wait, 1, (int)((until - now) / 1000000) + 1);
		len = protocol_receive(o->socket, &o->answer, sizeof(o->answer), ret_fd);
		if (len > 0 && answer_valid(&o->answer, (size_t)len) && o->answer.number == o->number) {
			o->cpu_ns += o->answer.cpu_ns;
			return o->answer.error;
		}
		if (*ret_fd >= 0)
			close(*ret_fd);
		*ret_fd = -1;
		if (len <= 0 && len != -EAGAIN && len != -EMSGSIZE)
			return -EIO;
	}
	return -ETIMEDOUT;
}

static int ask(struct opener_client *o, struct request *request, int *ret_fd)
{
	int err;

	*ret_fd = -1;
	if (!opener_client_is_ready(o))
		return -EAGAIN;
	request->number = ++o->number;
	err = protocol_send(o->socket, request, sizeof(*request), -1);
	return err ?: wait_for_answer(o, ret_fd);
}

/* A descriptor or -errno. */
static int ask_for_file(struct opener_client *o, struct request *request)
{
	int fd, err = ask(o, request, &fd);

	if (!err && fd < 0)
		return -EMFILE; /* there was no room for it */
	if (err && fd >= 0)
		close(fd);
	return err ?: fd;
}

static int modules(void *ctx, const struct program_id *program, struct module_range *ret_modules)
{
	struct opener_client *o = ctx;
	struct request request = {.kind = REQUEST_MODULES, .program = *program};
	int fd, err = ask(o, &request, &fd);

	if (fd >= 0)
		close(fd);
	if (err)
		return err;
	memcpy(ret_modules, o->answer.modules, o->answer.modules_len * sizeof(*ret_modules));
	return (int)o->answer.modules_len;
}

static int open_file(void *ctx, const struct program_id *program, const struct module_range *module)
{
	struct request request = {.kind = REQUEST_FILE, .program = *program, .start = module->start, .end = module->end};

	return ask_for_file(ctx, &request);
}

static int open_debug(void *ctx, const uint8_t *build_id, size_t len)
{
	struct request request = {.kind = REQUEST_DEBUG, .build_id_len = (uint32_t)len};

	if (len > sizeof(request.build_id))
		return -EINVAL;
	memcpy(request.build_id, build_id, len);
	return ask_for_file(ctx, &request);
}

static int open_map(void *ctx, const struct program_id *program)
{
	struct request request = {.kind = REQUEST_MAP, .program = *program};

	return ask_for_file(ctx, &request);
}

struct file_source opener_client_source(struct opener_client *o)
{
	return (struct file_source){
		.ctx = o, .modules = modules, .open = open_file, .open_debug = open_debug, .open_map = open_map};
}
