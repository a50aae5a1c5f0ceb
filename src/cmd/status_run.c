// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two runs at once are allowed, and a mistake more often than not: a run that starts names each other one that it meets. What
 * the other says of itself is only shown; who may listen there is whom the folder belongs to.
 */
#include "status_run.h"

#include "run.h"
#include "src/format/fmt.h"
#include "src/host/clock.h"
#include "src/host/group.h"
#include "src/host/self.h"
#include "src/io/answer.h"
#include "src/io/ask.h"
#include "src/io/output_open.h"
#include "src/io/unix_listen.h"
#include "status_fill.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OTHER_NS 1000000000ull /* so long the start waits for the other run's answer */
#define PATH_BYTES 64
#define NAMES_BYTES 640

_Static_assert(STATUS_JSON_MAX <= ANSWER_MAX, "a status is an answer");

struct status_run {
	struct status_sources sources;
	struct unix_listen *listen;
	struct answer *answer;
	struct status_cpu cpu;
	struct status_space space;
	char instance[INSTANCE_LEN];
};

/* Another run */

static void name_outputs(const struct status *s, char names[NAMES_BYTES])
{
	size_t len = (size_t)snprintf(names, NAMES_BYTES, "%s", s->outputs_len ? "" : "nothing");

	for (size_t i = 0; i < s->outputs_len && len < NAMES_BYTES; i++)
		len += (size_t)snprintf(names + len, NAMES_BYTES - len, "%s%.200s", i ? ", " : "", s->outputs[i].name);
}

static void name_other(const char *path)
{
	char why[STATUS_WHY], names[NAMES_BYTES], since[FMT_TIME_LEN + 1];
	struct status_document *document = NULL;
	struct ask_answer answer;

	if (!ask(path, STATUS_JSON_MAX, OTHER_NS, &answer))
		document = status_read(answer.text, answer.len, why);
	if (document) {
		const struct status *s = status_of(document);

		*fmt_time(since, s->start_wall_ns) = '\0';
		name_outputs(s, names);
		warn("another tcplife-fsm runs on this host, too: pid %llu, since %s, writes to %s; `tcplife-fsm status %s` "
		     "shows it",
		     (unsigned long long)s->pid, since, names, path);
	} else {
		warn("another program, pid %d, listens at %s and does not say what it is: it may be a tcplife-fsm that starts",
		     (int)answer.pid, path);
	}
	status_document_free(document);
	free(answer.text);
}

/* The socket */

static int find_group(const struct options *o, gid_t *ret_gid)
{
	*ret_gid = GROUP_NONE;
	if (o->each.group && group_find(o->each.group, ret_gid))
		return fail(EXIT_OUTPUT, "--group %s: this host has no such group", o->each.group);
	return EXIT_OK;
}

static int take_given(struct status_run *r, const char *path, gid_t gid)
{
	int err = unix_listen_open(&r->listen, path, gid);

	switch (err) {
	case 0:
		return EXIT_OK;
	case -EADDRINUSE:
		name_other(path);
		warn("--status %s: this run has no socket, since the other one has it", path);
		return EXIT_OK;
	case -EEXIST:
		return fail(EXIT_OUTPUT, "--status %s: something that is no socket of a run has this name: remove it", path);
	default:
		return fail(EXIT_OUTPUT, "--status %s: %s", path, output_error(-err));
	}
}

/* The first free name of the folder. A host need not have the folder, and not every user may write to it. */
static void take_free(struct status_run *r, gid_t gid)
{
	char path[PATH_BYTES];
	int err = -EEXIST;

	for (unsigned int i = 1; i <= STATUS_RUNS && (err == -EEXIST || err == -EADDRINUSE); i++) {
		snprintf(path, sizeof(path),
			 i == 1 ? STATUS_DIR "/status" STATUS_ENDING : STATUS_DIR "/status-%u" STATUS_ENDING, i);
		err = unix_listen_open(&r->listen, path, gid);
		if (err == -EADDRINUSE)
			name_other(path);
	}
	if (err && err != -ENOENT && err != -EACCES && err != -EPERM && err != -EROFS)
		warn("`tcplife-fsm status` cannot ask this run: %s: %s", path, output_error(-err));
}

/* answer_config.make */
static size_t make(void *ctx, char *buf, size_t size)
{
	struct status_run *r = ctx;
	struct status status;

	status_fill(&r->sources, &r->cpu, &r->space, &status);
	status.instance = *r->instance ? r->instance : NULL;
	return status_json(&status, buf, size);
}

static int open_all(struct status_run *r, const struct options *o)
{
	gid_t gid;
	int exit_code = find_group(o, &gid), err;

	if (!exit_code && o->status)
		exit_code = take_given(r, o->status, gid);
	else if (!exit_code)
		take_free(r, gid);
	if (exit_code || !r->listen)
		return exit_code;
	err = answer_open(&r->answer, &(struct answer_config){.listen_fd = unix_listen_fd(r->listen), .make = make, .ctx = r});
	return err ? fail(EXIT_RUNTIME, "cannot start to answer at the socket of --status: %s", self_error(err)) : EXIT_OK;
}

int status_run_open(struct status_run **out, const struct options *o, const struct status_sources *sources)
{
	struct status_run *r;
	int exit_code;

	*out = NULL;
	if (o->status && !strcmp(o->status, "none"))
		return EXIT_OK;
	r = calloc(1, sizeof(*r));
	if (!r)
		return fail(EXIT_RUNTIME, "out of memory");
	r->sources = *sources;
	status_cpu_begin(&r->cpu);
	exit_code = open_all(r, o);
	if (r->answer)
		*out = r;
	else
		status_run_close(r);
	return exit_code;
}

void status_run_close(struct status_run *r)
{
	if (!r)
		return;
	answer_close(r->answer);
	unix_listen_close(r->listen);
	free(r);
}

int status_run_fd(const struct status_run *r)
{
	return answer_fd(r->answer);
}

void status_run_answer(void *run)
{
	answer_run(((struct status_run *)run)->answer);
}

/* As a consumer */

/* record_consumer.tick */
static void tick(void *ctx, const struct record_context *context, uint64_t now)
{
	struct status_run *r = ctx;

	if (now == UINT64_MAX)
		return;
	snprintf(r->instance, sizeof(r->instance), "%s", context->instance);
	status_cpu_tick(&r->cpu);
	answer_tick(r->answer, clock_now_ns());
}

struct record_consumer status_run_consumer(struct status_run *r)
{
	return (struct record_consumer){.ctx = r, .tick = tick};
}
