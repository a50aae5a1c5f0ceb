// SPDX-License-Identifier: GPL-2.0-only
#include "usage.h"

#include "clock.h"
#include "helper.h"

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

#define PROC_PATH 32

static uint64_t timeval_ns(const struct timeval *time)
{
	return (uint64_t)time->tv_sec * 1000000000u + (uint64_t)time->tv_usec * 1000u;
}

/* Of the helpers that were waited for. */
static uint64_t ended_ns(void)
{
	struct rusage ended;

	return getrusage(RUSAGE_CHILDREN, &ended) ? 0 : timeval_ns(&ended.ru_utime) + timeval_ns(&ended.ru_stime);
}

uint64_t usage_cpu_ns(pid_t pid)
{
	struct timespec cpu;
	clockid_t clock;

	if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &cpu))
		return 0;
	return (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}

/* Those that have ended first: one that ends meanwhile is missing once, and not there twice. */
uint64_t usage_helpers_cpu_ns(void)
{
	pid_t pids[HELPERS_RUNNING_MAX];
	size_t n = helper_running(pids);
	uint64_t ns = ended_ns();

	for (size_t i = 0; i < n; i++)
		ns += usage_cpu_ns(pids[i]);
	return ns;
}

static uint64_t anonymous_bytes(const char *path)
{
	FILE *file = fopen(path, "re");
	unsigned long long kib = 0;
	char line[128];

	while (file && fgets(line, sizeof(line), file) && sscanf(line, "RssAnon: %llu", &kib) != 1)
		;
	if (file)
		fclose(file);
	return kib << 10;
}

void usage_read(struct usage *ret)
{
	pid_t pids[HELPERS_RUNNING_MAX];
	size_t n = helper_running(pids);
	char path[PROC_PATH];

	*ret = (struct usage){.cpu_ns = usage_helpers_cpu_ns() + clock_process_ns(),
			      .memory_bytes = anonymous_bytes("/proc/self/status")};
	for (size_t i = 0; i < n; i++) {
		snprintf(path, sizeof(path), "/proc/%d/status", (int)pids[i]);
		ret->memory_bytes += anonymous_bytes(path);
	}
}
