// SPDX-License-Identifier: GPL-2.0-only
/*
 * accept() is seen by fexit, or else by the tracepoints of its system calls, which cost every system call of the host a few
 * nanoseconds and miss io_uring. Their numbers are read from a tracefs of our own that is mounted nowhere.
 */
#include "stack_capture.h"
#include "src/host/self.h"

#include "checks.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "bpf/stack.skel.h"

#define FSCONFIG_CREATE 6 /* linux/mount.h: FSCONFIG_CMD_CREATE */

static const char *const accept_calls[] = {"accept4", "accept"};
#define ACCEPT_CALLS 2

struct stack_source {
	struct stack_bpf *bpf;
	struct bpf_link *connect, *accept[ACCEPT_CALLS];
	bool fexit;
	char blind[120];
};

/* A file descriptor of a mount, or -errno. */
static int open_tracefs(void)
{
	int fs = syscall(__NR_fsopen, "tracefs", 1 /* FSOPEN_CLOEXEC */), fd, err;

	if (fs < 0)
		return -errno;
	err = syscall(__NR_fsconfig, fs, FSCONFIG_CREATE, NULL, NULL, 0);
	fd = err ? -1 : syscall(__NR_fsmount, fs, 1 /* FSMOUNT_CLOEXEC */, 0);
	if (fd < 0)
		fd = -errno;
	close(fs);
	return fd;
}

/* The tracepoint's number, or -errno. */
static int tracepoint_id(int tracefs, const char *call)
{
	char path[80], text[24] = "";
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "events/syscalls/sys_exit_%s/id", call);
	fd = openat(tracefs, path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 ? atoi(text) : -EIO;
}

static int open_tracepoint(int id)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_TRACEPOINT,
		.size = sizeof(attr),
		.config = (uint64_t)id,
		.sample_period = 1,
	};
	int fd = syscall(__NR_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int attach_call(struct stack_source *s, int tracefs, size_t i)
{
	int id = tracepoint_id(tracefs, accept_calls[i]);
	int fd = id < 0 ? id : open_tracepoint(id), err;

	if (fd < 0)
		return fd;
	s->accept[i] = bpf_program__attach_perf_event(s->bpf->progs.on_accept_return, fd);
	err = libbpf_get_error(s->accept[i]);
	if (err) {
		s->accept[i] = NULL;
		close(fd);
	}
	return err;
}

static int attach_calls(struct stack_source *s)
{
	int tracefs = open_tracefs(), err = 0;

	if (tracefs < 0)
		return tracefs;
	for (size_t i = 0; i < ACCEPT_CALLS && !err; i++)
		err = attach_call(s, tracefs, i);
	close(tracefs);
	return err;
}

static int load(struct stack_source *s)
{
	int err;

	s->bpf = stack_bpf__open();
	if (!s->bpf)
		return -errno;
	bpf_program__set_autoload(s->bpf->progs.on_accept, s->fexit);
	bpf_program__set_autoload(s->bpf->progs.on_accept_return, !s->fexit);
	err = stack_bpf__load(s->bpf);
	if (err) {
		stack_bpf__destroy(s->bpf);
		s->bpf = NULL;
	}
	return err;
}

static int open_source(struct stack_source *s)
{
	int err;

	s->fexit = true;
	err = load(s);
	if (err) {
		s->fexit = false;
		err = load(s);
	}
	err = err ?: attach(s->bpf->progs.on_connect, &s->connect);
	if (err)
		return err;
	err = s->fexit ? attach(s->bpf->progs.on_accept, &s->accept[0]) : attach_calls(s);
	if (err)
		snprintf(s->blind, sizeof(s->blind), "the kernel shows no accept() here (%s)", self_error(err));
	return 0;
}

int stack_source_open(struct stack_source **out, bool verbose, struct collector_failure *ret_failure)
{
	struct stack_source *s = NULL;
	const char *few;
	int err = -EOPNOTSUPP;

	*ret_failure = (struct collector_failure){.problem = COLLECTOR_NO_KERNEL};
#ifdef __x86_64__
	libbpf_set_verbose(verbose);
	s = calloc(1, sizeof(*s));
	err = s ? open_source(s) : -ENOMEM;
	if (!err) {
		*out = s;
		return 0;
	}
	few = self_few_descriptors(err);
	snprintf(ret_failure->text, sizeof(ret_failure->text),
		 few ? "%s" : "the kernel refused the programs of --stacks (%s). They need Linux 5.17: -v shows its messages",
		 few ?: strerror(-err));
	if (few)
		ret_failure->problem = COLLECTOR_FAILED;
#else
	(void)verbose, (void)out, (void)few, (void)open_source;
	snprintf(ret_failure->text, sizeof(ret_failure->text), "--stacks works on x86-64 only");
#endif
	stack_source_close(s);
	return err;
}

void stack_source_close(struct stack_source *s)
{
	if (!s)
		return;
	bpf_link__destroy(s->connect);
	for (size_t i = 0; i < ACCEPT_CALLS; i++)
		bpf_link__destroy(s->accept[i]);
	stack_bpf__destroy(s->bpf);
	free(s);
}

/* `refused`: the kernel was asked for it. Else it may have it. */
static void fill_row(struct hook_state *state, bool used, bool refused, const char *why)
{
	state->used = used;
	if (refused)
		hook_refused(state, why);
	else if (!used)
		hook_set_why(state, "%s", why);
}

size_t stack_source_examine(struct hook_state *hooks, bool verbose)
{
	struct collector_failure failure = {0};
	struct stack_source *s = NULL;
	bool may = !collector_check(&failure), works = may && !stack_source_open(&s, verbose, &failure);
	bool accept = works && !s->blind[0], fexit = works && s->fexit;
	size_t n = hooks_probe_here(HOOKS_STACKS, hooks);

	fill_row(&hooks[0], works, may && !works, failure.text);
	fill_row(&hooks[1], accept && fexit, may && !fexit,
		 works ? "the kernel refused the program; run with -v for its reasons" : failure.text);
	fill_row(&hooks[2], accept && !fexit, may && !accept, works ? s->blind : failure.text);
	hooks[2].not_needed = fexit;
	stack_source_close(s);
	return n;
}

const char *stack_source_blind(const struct stack_source *s)
{
	return s->blind;
}

int stack_source_fd(const struct stack_source *s)
{
	return bpf_map__fd(s->bpf->maps.captures);
}

uint64_t stack_source_lost(const struct stack_source *s)
{
	return __atomic_load_n(&s->bpf->bss->no_room, __ATOMIC_RELAXED);
}

uint64_t stack_source_over_share(const struct stack_source *s)
{
	return __atomic_load_n(&s->bpf->bss->over_share, __ATOMIC_RELAXED);
}
