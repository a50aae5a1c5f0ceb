// SPDX-License-Identifier: GPL-2.0-only
#include "self.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

void self_instance(char instance[INSTANCE_LEN])
{
	unsigned char bytes[6] = {0};

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) < 0)
		memcpy(bytes, &instance, sizeof(bytes)); /* an address, random enough this early in a boot */
	for (size_t i = 0; i < sizeof(bytes); i++)
		snprintf(instance + 2 * i, 3, "%02x", bytes[i]);
}

/* PROC_PID_INIT_INO in include/linux/proc_ns.h, the same since 3.8. */
#define FIRST_PID_NAMESPACE "pid:[4026531836]"

bool self_foreign_pids(void)
{
	char link[64] = FIRST_PID_NAMESPACE;
	ssize_t len = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);

	if (len >= 0)
		link[len] = '\0';
	return strcmp(link, FIRST_PID_NAMESPACE) != 0;
}

uint64_t self_rss_bytes(void)
{
	unsigned long long pages = 0;
	FILE *file = fopen("/proc/self/statm", "re");

	if (file && fscanf(file, "%*u %llu", &pages) != 1)
		pages = 0;
	if (file)
		fclose(file);
	return pages * sysconf(_SC_PAGESIZE);
}
