// SPDX-License-Identifier: GPL-2.0-only
/* What a run uses: CPU time and memory of this process, of a helper that runs, and of one that has ended. */
#include "src/host/usage.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "src/host/clock.h"
#include "src/host/helper.h"

#define BURN_NS 50000000u
#define BYTES (16u << 20)

static void burn(void)
{
	uint64_t end = clock_process_ns() + BURN_NS;

	while (clock_process_ns() < end)
		;
}

static char *use_memory(void)
{
	char *memory = malloc(BYTES);

	memset(memory, 1, BYTES);
	__asm__ volatile("" : : "r"(memory) : "memory");
	return memory;
}

/* This program as a helper: says when it has used its share, and ends with its pipe. The list begins with two pipes. */
static int run_helper(const char *list)
{
	char *memory = use_memory(), *rest, byte = 0;
	int say = (int)strtol(list, &rest, 10), life = (int)strtol(rest + 1, NULL, 10);

	burn();
	if (write(say, &byte, 1) != 1 || read(life, &byte, 1) != 0)
		return 1;
	free(memory);
	return 0;
}

static void this_process(void **state)
{
	struct usage before, after;
	char *memory;

	(void)state;
	usage_read(&before);
	memory = use_memory();
	burn();
	usage_read(&after);
	free(memory);
	assert_true(after.cpu_ns - before.cpu_ns >= BURN_NS);
	assert_true(after.memory_bytes - before.memory_bytes >= BYTES);
}

static void a_helper(void **state)
{
	struct usage before, running, ended;
	pid_t pid, pids[HELPERS_RUNNING_MAX];
	int say[2], life[2], fds[5], status;
	char byte;

	(void)state;
	assert_int_equal(pipe2(say, O_CLOEXEC), 0);
	assert_int_equal(pipe2(life, O_CLOEXEC), 0);
	usage_read(&before);
	assert_int_equal(helper_running(pids), 0);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = i % 2 ? life[0] : say[1];
	assert_int_equal(helper_kinds[HELPER_METRICS].fds, sizeof(fds) / sizeof(fds[0]));
	assert_int_equal(helper_start(HELPER_METRICS, fds, &pid), 0);
	close(say[1]);
	assert_int_equal(read(say[0], &byte, 1), 1);
	assert_int_equal(helper_running(pids), 1);
	assert_int_equal(pids[0], pid);
	usage_read(&running);
	assert_true(running.cpu_ns - before.cpu_ns >= BURN_NS);
	assert_true(running.memory_bytes - before.memory_bytes >= BYTES);
	close(life[1]);
	assert_int_equal(helper_wait(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(helper_running(pids), 0);
	usage_read(&ended);
	assert_true(ended.cpu_ns - before.cpu_ns >= BURN_NS); /* what it used stays */
	assert_true(ended.memory_bytes < running.memory_bytes - BYTES / 2);
	close(say[0]);
	close(life[0]);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(this_process), cmocka_unit_test(a_helper)};

	if (argc == 3 && !strcmp(argv[1], helper_kinds[HELPER_METRICS].word))
		return run_helper(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
