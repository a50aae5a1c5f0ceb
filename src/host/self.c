// SPDX-License-Identifier: GPL-2.0-only
#include "self.h"

#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "clock.h"
#include "src/cli/embedded.h"
#include "src/cli/options.h"
#include "src/io/recording.h"
#include "src/kernel/checks.h"
#include "src/kernel/collector.h"

static void read_boot_id(char *buf, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || !fgets(buf, size, file))
		snprintf(buf, size, "00000000-0000-0000-0000-000000000000");
	buf[strcspn(buf, "\n")] = '\0';
	if (file)
		fclose(file);
}

void run_header_fill(struct recording_header *h, const struct options *o)
{
	struct utsname uts;

	uname(&uts);
	h->clock_offset_ns = clock_wall_offset_ns();
	h->boot_offset_ns = clock_boot_offset_ns();
	h->max_connections = o->max_connections;
	h->ring_bytes = collector_ring_bytes(o->ring_bytes);
	read_boot_id(h->boot_id, sizeof(h->boot_id));
	snprintf(h->hostname, sizeof(h->hostname), "%.70s", uts.nodename);
	snprintf(h->tool, sizeof(h->tool), "%.31s", version_string);
	snprintf(h->kernel, sizeof(h->kernel), "%.70s", uts.release);
	snprintf(h->arch, sizeof(h->arch), "%.23s", uts.machine);
	snprintf(h->libbpf, sizeof(h->libbpf), "%.15s", collector_libbpf_version());
}

void self_instance(char instance[INSTANCE_LEN])
{
	unsigned char bytes[6] = {0};
	size_t i;

	if (getrandom(bytes, sizeof(bytes), GRND_NONBLOCK) < 0)
		memcpy(bytes, &instance, sizeof(bytes)); /* an address, random enough this early in a boot */
	for (i = 0; i < sizeof(bytes); i++)
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

uint64_t self_cpu_us(void)
{
	struct rusage usage;

	getrusage(RUSAGE_SELF, &usage);
	return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000ull + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}
