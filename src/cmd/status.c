// SPDX-License-Identifier: GPL-2.0-only
/* Asks runs at their sockets how they are. Who answers may be anybody: what it says is read as a stranger's, and printed as
 * one. */
#include "commands.h"
#include "run.h"
#include "src/format/status.h"
#include "src/host/group.h"
#include "src/io/ask.h"
#include "src/io/output_open.h"
#include "status_run.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define WAIT_S 5
#define SOCKETS_MAX 32
#define PATH_BYTES (sizeof(STATUS_DIR) + 1 + sizeof(((struct dirent *)NULL)->d_name))
#define GROUP_BYTES 64

struct answers {
	const struct options *options;
	unsigned int n; /* runs that were met */
	int exit_code;  /* the worst: what failed, then what may not be asked, then what is wrong */
};

static void note(struct answers *a, int exit_code)
{
	static const int from_worst[] = {EXIT_OUTPUT, EXIT_RUNTIME, EXIT_PRIVILEGES, EXIT_LEAKS, EXIT_OK};
	size_t i = 0;

	while (from_worst[i] != exit_code && from_worst[i] != a->exit_code)
		i++;
	a->exit_code = from_worst[i];
}

/* The socket is a group's, or the folder is that hides it. */
static int fail_permission(const char *path)
{
	const char *slash = strrchr(path, '/');
	char folder[PATH_MAX], group[GROUP_BYTES];
	struct stat st;

	snprintf(folder, sizeof(folder), "%.*s", slash && slash > path ? (int)(slash - path) : 1, slash ? path : ".");
	if (stat(path, &st) && stat(folder, &st))
		return fail(EXIT_PRIVILEGES, "%s may not be asked by this user: run as root (sudo)", path);
	group_name(st.st_gid, group, sizeof(group));
	return fail(EXIT_PRIVILEGES,
		    "%s may be asked by root and by the group %s alone: use sudo, or add this user to the group", path, group);
}

static int print(const struct answers *a, const struct status_document *document, const char *path)
{
	const struct status *s = status_of(document);
	size_t size = STATUS_TEXT_MAX;
	char *text = a->options->json ? status_document_line(document) : malloc(size);

	if (!text)
		return fail(EXIT_RUNTIME, "out of memory");
	if (a->options->json)
		puts(text);
	else
		fwrite(text, 1, status_text(s, path, text, size), stdout);
	free(text);
	return s->problems_len ? EXIT_LEAKS : EXIT_OK;
}

static int show(const struct answers *a, const struct ask_answer *answer, const char *path)
{
	char why[STATUS_WHY];
	struct status_document *document = status_read(answer->text, answer->len, why);
	int exit_code;

	if (!document)
		return fail(EXIT_RUNTIME, "what answers at %s is no run of tcplife-fsm: %s", path, why);
	if (a->n > 1 && !a->options->json)
		putchar('\n');
	exit_code = print(a, document, path);
	status_document_free(document);
	return exit_code;
}

static void ask_one(struct answers *a, const char *path)
{
	struct ask_answer answer;
	int err = ask(path, STATUS_JSON_MAX, WAIT_S * 1000000000ull, &answer);

	if (err == -ECONNREFUSED || err == -ENOENT)
		return; /* it has ended */
	a->n++;
	if (err == -EACCES || err == -EPERM)
		note(a, fail_permission(path));
	else if (err == -ETIMEDOUT)
		note(a, fail(EXIT_LEAKS,
			     "the run of pid %d does not answer at %s within %d s: it starts, waits for an output, or hangs",
			     (int)answer.pid, path, WAIT_S));
	else if (err == -EFBIG)
		note(a, fail(EXIT_RUNTIME, "what answers at %s is no run of tcplife-fsm: it does not end", path));
	else
		note(a, err ? fail(EXIT_RUNTIME, "cannot ask at %s: %s", path, output_error(-err)) : show(a, &answer, path));
	free(answer.text);
}

/* For qsort(). */
static int compare(const void *one, const void *other)
{
	return strcmp(one, other);
}

static bool is_socket_name(const char *name)
{
	size_t len = strlen(name), ending = strlen(STATUS_ENDING);

	return *name != '.' && len > ending && !strcmp(name + len - ending, STATUS_ENDING);
}

static void ask_all(struct answers *a)
{
	char paths[SOCKETS_MAX][PATH_BYTES];
	const struct dirent *entry;
	DIR *dir = opendir(STATUS_DIR);
	size_t n = 0;

	if (!dir && errno == EACCES) {
		a->n++;
		note(a, fail_permission(STATUS_DIR "/status" STATUS_ENDING));
	}
	while (dir && n < SOCKETS_MAX && (entry = readdir(dir)))
		if (is_socket_name(entry->d_name))
			snprintf(paths[n++], PATH_BYTES, "%s/%s", STATUS_DIR, entry->d_name);
	if (dir)
		closedir(dir);
	qsort(paths, n, PATH_BYTES, compare);
	for (size_t i = 0; i < n; i++)
		ask_one(a, paths[i]);
}

int command_status(const struct options *options)
{
	struct answers answers = {.options = options, .exit_code = EXIT_OK};

	if (options->socket)
		ask_one(&answers, options->socket);
	else
		ask_all(&answers);
	if (fflush(stdout) && errno != EPIPE)
		return fail(EXIT_OUTPUT, "cannot write to standard output: %s", strerror(errno));
	if (answers.n)
		return answers.exit_code;
	if (options->socket)
		return fail(EXIT_NOT_RUNNING, "no run listens at %s: start one with --status %s", options->socket,
			    options->socket);
	return fail(EXIT_NOT_RUNNING,
		    "no run listens in " STATUS_DIR ": start the service (systemctl start tcplife-fsm), or a run with --status "
		    "SOCKET, and ask it with `tcplife-fsm status SOCKET`");
}
