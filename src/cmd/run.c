// SPDX-License-Identifier: GPL-2.0-only
#include "run.h"

#include "src/cli/embedded.h"
#include "src/host/cgroup.h"
#include "src/host/clock.h"
#include "src/host/netns.h"
#include "src/host/self.h"
#include "src/io/file.h"
#include "src/io/recording.h"
#include "src/io/writer.h"
#include "src/kernel/checks.h"
#include "src/kernel/collector.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

struct conn_config run_conn_config(const struct options *o)
{
	return (struct conn_config){
		.progress_ns = o->progress_ns,
		.summary_ns = o->summary_ns,
		.time_wait = o->time_wait,
		.leak_threshold_ns = o->threshold_ns,
	};
}

struct record_consumer run_lines(const struct options *o, struct lines *lines)
{
	lines->config.format = o->json ? &format_json : o->csv ? &format_csv : &format_text;
	lines->config.options = (struct format_options){
		.wide = o->wide, .full_time = o->full_time, .detail = o->each.detail, .sample = o->select.sample};
	return (struct record_consumer){.events = o->each.events, .select = &o->select, .ctx = lines, .take = lines_take};
}

#define PID_NS_FIRST 0xeffffffcu /* PROC_PID_INIT_INO (include/linux/proc_ns.h) */

/* Of another pid namespace /proc knows no pid that the kernel's hooks show. */
static void warn_of_pids(const struct value_list *pids)
{
	const uint32_t *pid = pids->items;
	struct stat ns;

	if (stat("/proc/self/ns/pid", &ns) || ns.st_ino != PID_NS_FIRST)
		return;
	for (size_t i = 0; i < pids->len; i++)
		if (kill((pid_t)pid[i], 0) && errno == ESRCH)
			warn("--pid %u: there is no such process now", pid[i]);
}

static void warn_of_namespaces(const struct value_list *namespaces)
{
	const uint32_t *inode = namespaces->items;

	for (size_t i = 0; i < namespaces->len; i++)
		if (!netns_has_holder(inode[i]))
			warn("--netns %u: no process and no name of `ip netns` has this network namespace now", inode[i]);
}

/* `who` asks for it. */
static int check_cgroup(const char *who, const char *path, bool quiet)
{
	size_t mount_len, slashes = strspn(path, "/");
	int root = cgroup_open_root(&mount_len);

	if (root < 0)
		return fail(EXIT_RUNTIME, "%s needs a cgroup2 file system, and none is mounted: %s is not known", who, path);
	if (!quiet && path[slashes] && faccessat(root, path + slashes, F_OK, 0))
		warn("%s '%s': there is no such control group now", who, path);
	close(root);
	return EXIT_OK;
}

int run_check_selection(const struct selection *select, bool quiet)
{
	if (!quiet) {
		warn_of_pids(&select->pids);
		warn_of_namespaces(&select->namespaces);
	}
	for (size_t i = 0; i < select->filter.len; i++)
		if (select->filter.nodes[i].op == FILTER_CGROUP &&
		    check_cgroup("filter: cgroup", select->filter.nodes[i].cgroup, quiet))
			return EXIT_RUNTIME;
	return select->cgroup ? check_cgroup("--cgroup", select->cgroup, quiet) : EXIT_OK;
}

static void read_boot_id(char *buf, size_t size)
{
	FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

	if (!file || !fgets(buf, size, file))
		snprintf(buf, size, "00000000-0000-0000-0000-000000000000");
	buf[strcspn(buf, "\n")] = '\0';
	if (file)
		fclose(file);
}

void run_header(const struct options *o, struct recording_header *h)
{
	struct utsname uts;

	uname(&uts);
	*h = (struct recording_header){
		.clock_offset_ns = clock_wall_offset_ns(),
		.boot_offset_ns = clock_boot_offset_ns(),
		.max_connections = o->max_connections,
		.ring_bytes = collector_ring_bytes(o->ring_bytes),
		.foreign_pids = self_foreign_pids(),
	};
	read_boot_id(h->boot_id, sizeof(h->boot_id));
	snprintf(h->hostname, sizeof(h->hostname), "%.70s", uts.nodename);
	snprintf(h->tool, sizeof(h->tool), "%.31s", version_string);
	snprintf(h->kernel, sizeof(h->kernel), "%.70s", uts.release);
	snprintf(h->arch, sizeof(h->arch), "%.23s", uts.machine);
	snprintf(h->libbpf, sizeof(h->libbpf), "%.15s", collector_libbpf_version());
}

void warn_foreign_pids(const struct recording_header *h)
{
	if (h->foreign_pids)
		warn("this container has pids of its own, so processes outside, and sockets in their network namespaces from "
		     "before the start, are not seen: " FOREIGN_PIDS_CURE);
}

int fail_collector(const struct collector_failure *failure)
{
	return fail(failure->problem == COLLECTOR_NO_PRIVILEGE ? EXIT_PRIVILEGES
		    : failure->problem == COLLECTOR_NO_KERNEL  ? EXIT_KERNEL
							       : EXIT_RUNTIME,
		    "%s", failure->text);
}

int fail_output(const char *path, int error)
{
	if (!error || error == EPIPE)
		return EXIT_OK;
	return fail(EXIT_OUTPUT, "cannot write %s: %s", path && strcmp(path, "-") ? path : "to standard output",
		    output_error(error));
}

void warn_of_reader(const char *path, bool first)
{
	if (first)
		warn("waiting for a reader of %s", path);
}

bool wait_for_reader(void *ctx, const char *path, bool first)
{
	(void)ctx;
	warn_of_reader(path, first);
	nanosleep(&(struct timespec){.tv_nsec = READER_WAIT_MS * 1000000}, NULL); /* a signal ends the program */
	return true;
}

int open_writer(struct writer *writer, const char *path)
{
	writer->error = 0;
	writer->len = 0;
	return fail_output(path, -file_open(&writer->destination, path, false, wait_for_reader, NULL));
}
