// SPDX-License-Identifier: GPL-2.0-only
/* Command lines of real processes: long ones, and none. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/host/cmdline.h"

static char buf[CMDLINE_MAX + 1];

static size_t read_of(struct cmdline_reader *reader, pid_t pid, bool *ret_cut)
{
	size_t len = cmdline_read(reader, (uint32_t)pid, buf, ret_cut);

	buf[len] = '\0';
	return len;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A shell with these arguments that has called exec(), and waits. */
static pid_t start(const char *last)
{
	char *const argv[] = {"sh", "-c", "echo; read x", "two words", (char *)last, NULL};
	int out[2], in[2];
	pid_t pid;
	char byte;

	assert_int_equal(pipe(out) | pipe2(in, O_CLOEXEC), 0);
	pid = fork();
	if (!pid) {
		dup2(in[0], 0);
		dup2(out[1], 1);
		execv("/bin/sh", argv);
		_exit(1);
	}
	assert_int_equal(read(out[0], &byte, 1), 1);
	close(out[0]);
	close(out[1]);
	close(in[0]); /* in[1] stays open: the shell waits */
	return pid;
}

static void lines(void **state)
{
	struct cmdline_reader *reader = cmdline_reader_new();
	static char many[100000];
	pid_t pid = start("last");
	bool cut;

	(void)state;
	assert_non_null(reader);
	read_of(reader, pid, &cut);
	assert_string_equal(buf, "sh -c echo; read x two words last");
	assert_false(cut);
	end(pid);
	assert_int_equal(read_of(reader, pid, &cut), 0); /* it has ended */
	assert_int_equal(read_of(reader, 2, &cut), 0);   /* of the kernel, or nobody */
	memset(many, 'm', sizeof(many) - 1);
	pid = start(many);
	assert_int_equal(read_of(reader, pid, &cut), CMDLINE_MAX);
	assert_true(cut);
	assert_int_equal(buf[CMDLINE_MAX - 1], 'm');
	end(pid);
	cmdline_reader_free(reader);
	assert_int_equal(read_of(NULL, getpid(), &cut), 0);
}

static void redacted(void **state)
{
	static const struct {
		const char *line, *left;
	} rows[] = {{"/usr/bin/mysql -u root -psecret", "mysql"},
		    {"sh -c /x/y", "sh"},
		    {"postgres: alice db [local] idle", "postgres:"},
		    {"/usr/bin/", ""},
		    {"/a/b/c", "c"},
		    {"", ""}};
	size_t len;

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		strcpy(buf, rows[i].line);
		len = cmdline_redact(buf, strlen(buf));
		buf[len] = '\0';
		assert_string_equal(buf, rows[i].left);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test(redacted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
