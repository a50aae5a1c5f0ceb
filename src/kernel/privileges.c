// SPDX-License-Identifier: GPL-2.0-only
#include "privileges.h"

#include "hook_table.h"
#include "symbols.h"
#include "src/host/admin.h"
#include "src/host/barrier.h"
#include "src/host/cgroup.h"
#include "src/host/confine.h"
#include "src/host/syscalls.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static int result_of(int fd)
{
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static int call_bpf(enum bpf_cmd command, union bpf_attr *attr)
{
	return result_of((int)syscall(__NR_bpf, command, attr, sizeof(*attr)));
}

/* A map of this type asks for CAP_BPF whatever kernel.unprivileged_bpf_disabled is. */
static int try_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.map_type = BPF_MAP_TYPE_LPM_TRIE;
	attr.key_size = 8;
	attr.value_size = 4;
	attr.max_entries = 1;
	attr.map_flags = BPF_F_NO_PREALLOC;
	return call_bpf(BPF_MAP_CREATE, &attr);
}

static int try_perfmon(void)
{
	const struct bpf_insn nothing[] = {
		{.code = BPF_ALU64 | BPF_MOV | BPF_K}, /* r0 = 0 */
		{.code = BPF_JMP | BPF_EXIT},
	};
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = BPF_PROG_TYPE_RAW_TRACEPOINT;
	attr.insns = (uintptr_t)nothing;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "GPL";
	return call_bpf(BPF_PROG_LOAD, &attr);
}

/* As in a run: by a process of its own, into the namespace that we are in already. */
static int try_sys_admin(void)
{
	int fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC), err;
	struct netns_files files;
	struct admin *admin;

	if (fd < 0)
		return -errno;
	err = admin_start(&admin);
	if (!err) {
		err = admin_open_files(admin, fd, 1u << NETNS_SOCKSTAT, -1, &files);
		netns_files_close(&files);
		admin_stop(admin);
	}
	close(fd);
	return err;
}

/* The program of a process of another user. Without such a process there is nothing to try. */
static int try_sys_ptrace(void)
{
	DIR *proc = opendir("/proc");
	int err = confine_can(CAP_SYS_PTRACE) ? 0 : -EPERM;
	struct dirent *entry;
	char path[64], link[8];
	struct stat st;

	while (proc && (entry = readdir(proc))) {
		snprintf(path, sizeof(path), "/proc/%.20s", entry->d_name);
		if (!isdigit((unsigned char)entry->d_name[0]) || stat(path, &st) || st.st_uid == geteuid())
			continue;
		snprintf(path, sizeof(path), "/proc/%.20s/exe", entry->d_name);
		err = readlink(path, link, sizeof(link)) >= 0 ? 0 : errno == EACCES ? -EACCES : err;
		if (!err)
			break;
	}
	if (proc)
		closedir(proc);
	return err;
}

static int try_dac_read_search(void)
{
	size_t mount_len = 0;
	int root = cgroup_open_root(&mount_len), err = 0;
	struct stat st;
	char path[8];

	if (root < 0)
		return result_of(open("/proc/1/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
	if (fstat(root, &st) || !cgroup_path(root, mount_len, st.st_ino, path, sizeof(path)))
		err = -EPERM;
	close(root);
	return err;
}

/* Of this process's own first mapping. */
static int try_checkpoint_restore(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char range[64], path[96];
	int err = maps && fscanf(maps, "%63s", range) == 1 ? 0 : -ENOENT;

	if (maps)
		fclose(maps);
	if (err)
		return err;
	snprintf(path, sizeof(path), "/proc/self/map_files/%s", range);
	return result_of(open(path, O_RDONLY | O_CLOEXEC));
}

static int try_net_admin(void)
{
	int sock = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), err;

	if (sock < 0)
		return -errno;
	err = result_of(ioctl(sock, SIOCGSKNS));
	close(sock);
	return err;
}

/* By the names of hook_table.c. */
static const struct privilege {
	const char *name;
	unsigned int cap;
	int (*try)(void);
	const char *needed_to; /* NULL: a run works without it */
} privileges[] = {
	{"CAP_BPF", CAP_BPF, try_bpf, "load BPF programs"},
	{"CAP_PERFMON", CAP_PERFMON, try_perfmon, "attach to kernel tracepoints"},
	{"CAP_SYS_ADMIN", CAP_SYS_ADMIN, try_sys_admin, NULL},
	{"CAP_SYS_PTRACE", CAP_SYS_PTRACE, try_sys_ptrace, NULL},
	{"CAP_DAC_READ_SEARCH", CAP_DAC_READ_SEARCH, try_dac_read_search, NULL},
	{"CAP_SYSLOG", CAP_SYSLOG, symbols_try, NULL},
	{"CAP_CHECKPOINT_RESTORE", CAP_CHECKPOINT_RESTORE, try_checkpoint_restore, NULL},
	{"CAP_NET_ADMIN", CAP_NET_ADMIN, try_net_admin, NULL},
};
#define PRIVILEGES (sizeof(privileges) / sizeof(privileges[0]))

/* CAP_SYS_ADMIN stands for these, as it did before they were split off (bpf_capable() and others). */
static bool stands_for(const struct privilege *p)
{
	return (p->cap == CAP_BPF || p->cap == CAP_PERFMON || p->cap == CAP_CHECKPOINT_RESTORE) && confine_can(CAP_SYS_ADMIN);
}

enum collector_problem privileges_check(struct collector_failure *failure)
{
	if (barrier_is_user_namespace("")) {
		failure->problem = COLLECTOR_NO_PRIVILEGE;
		snprintf(failure->text, sizeof(failure->text),
			 "this is a user namespace, whose root may not load BPF programs: run as the host's root (sudo)");
		return failure->problem;
	}
	confine_begin();
	for (size_t i = 0; i < PRIVILEGES; i++) {
		const struct privilege *p = &privileges[i];

		if (!p->needed_to || confine_can(p->cap) || stands_for(p))
			continue;
		failure->problem = COLLECTOR_NO_PRIVILEGE;
		snprintf(failure->text, sizeof(failure->text),
			 "%s is missing, which is needed to %s: run as root (sudo), or with CAP_BPF and CAP_PERFMON", p->name,
			 p->needed_to);
		return failure->problem;
	}
	return COLLECTOR_OK;
}

const char *privileges_reason(int err, char *buf, size_t size)
{
	char barrier[200];
	bool refused = err == -EPERM || err == -EACCES || barrier_is_locked_down("");

	if (refused && barrier_find("", barrier, sizeof(barrier)))
		snprintf(buf, size, " (%s)", barrier);
	else
		buf[0] = '\0';
	return buf;
}

/* Why `p`, which was tried, is refused. */
static void set_why(struct hook_state *state, const struct privilege *p, int err)
{
	char reason[220];

	if (!confine_can(p->cap) && !stands_for(p))
		hook_set_why(state, "%s is missing", p->name);
	else if (p->cap == CAP_PERFMON && !confine_can(CAP_BPF) && !confine_can(CAP_SYS_ADMIN))
		hook_set_why(state, "it could not be tried without CAP_BPF");
	else if (p->cap == CAP_SYS_ADMIN && err == -EPIPE)
		hook_set_why(state, "the process that keeps it could not be confined");
	else if (p->cap == CAP_SYSLOG)
		hook_set_why(state, SYMBOLS_KPTR);
	else
		hook_set_why(state, "%s%s", strerror(-err), privileges_reason(err, reason, sizeof(reason)));
}

void privileges_examine(struct hook_state *features, size_t n)
{
	int err;

	confine_begin();
	for (size_t i = 0; i < n; i++) {
		for (const struct privilege *p = privileges; p < privileges + PRIVILEGES; p++) {
			if (strcmp(features[i].hook->name, p->name))
				continue;
			err = p->try();
			features[i].available = features[i].used = !err;
			if (err)
				set_why(&features[i], p, err);
		}
	}
}

const char *privileges_missing(unsigned int capability)
{
	confine_begin();
	for (const struct privilege *p = privileges; p < privileges + PRIVILEGES; p++) {
		if (p->cap == capability && !confine_can(capability))
			return p->name;
	}
	return NULL;
}

/* Before Linux 5.19, if kernel.unprivileged_bpf_disabled is set, every bpf() call asks for CAP_BPF, or CAP_SYS_ADMIN. */
static bool works_without_bpf(const struct privileges_kept *kept)
{
	const unsigned int caps[] = {CAP_BPF, CAP_PERFMON, CAP_SYS_ADMIN};
	const size_t n = sizeof(caps) / sizeof(caps[0]);
	bool good;

	for (size_t i = 0; i < n; i++)
		confine_use(caps[i], false);
	good = kept->works(kept->ctx);
	for (size_t i = 0; i < n; i++)
		confine_use(caps[i], true);
	return good;
}

int privileges_reduce(const struct privileges_kept *kept)
{
	unsigned int keep[8] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH};
	size_t n = 2;
	int err;

	if (kept->opens_output)
		keep[n++] = CAP_DAC_OVERRIDE;
	if (kept->helpers)
		keep[n++] = CAP_KILL;
	if (kept->helpers == PRIVILEGES_HELPERS_HERE) { /* else they would stay root's */
		keep[n++] = CAP_SETUID;
		keep[n++] = CAP_SETGID;
	}
	if (!works_without_bpf(kept)) {
		keep[n++] = CAP_BPF;
		keep[n++] = CAP_PERFMON;
	}
	err = confine_thread(keep, n);
	return err ?: syscalls_confine_tracer(kept->helpers != PRIVILEGES_NO_HELPERS);
}
