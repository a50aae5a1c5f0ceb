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
