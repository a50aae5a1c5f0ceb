// SPDX-License-Identifier: GPL-2.0-only
/*
 * Files below net/ are found by the thread's namespace, and so are those of sysctl: both keep it once they are open. An
 * iterator takes the namespace in which it is made (bpf_iter_init_seq_net()).
 */
#include "netns_files.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * Each folder is opened once for all of its files: the kernel has a dentry for net/ipv4 of each namespace under one name, and
 * walks through them for each path (proc_sys_compare()).
 */
static const struct folder {
	const char *path;
	enum netns_file first, last;
} folders[] = {
	{"/proc/thread-self/net", NETNS_SOCKSTAT, NETNS_SNMP},
	{"/proc/sys/net/ipv4", NETNS_PORT_RANGE, NETNS_TIMESTAMPS},
};

static const char *const names[] = {
	[NETNS_SOCKSTAT] = "sockstat",
	[NETNS_SOCKSTAT6] = "sockstat6",
	[NETNS_NETSTAT] = "netstat",
	[NETNS_SNMP] = "snmp",
	[NETNS_PORT_RANGE] = "ip_local_port_range",
	[NETNS_TW_REUSE] = "tcp_tw_reuse",
	[NETNS_TIMESTAMPS] = "tcp_timestamps",
};

void netns_files_none(struct netns_files *files)
{
	for (size_t i = 0; i < NETNS_FILES; i++)
		files->fds[i] = -ENODATA;
}

/* libbpf's bpf_iter_create(), which the process that keeps CAP_SYS_ADMIN does without. */
static int open_iterator(int link)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof(attr));
	attr.iter_create.link_fd = (uint32_t)link;
	return (int)syscall(__NR_bpf, BPF_ITER_CREATE, &attr, sizeof(attr));
}

static int result(int fd)
{
	return fd < 0 ? -errno : fd;
}

static void open_folder(const struct folder *folder, uint32_t wanted, struct netns_files *files)
{
	uint32_t all = (2u << folder->last) - (1u << folder->first);
	int dir;

	if (!(wanted & all))
		return;
	dir = result(open(folder->path, O_PATH | O_DIRECTORY | O_CLOEXEC));
	for (unsigned int i = folder->first; i <= folder->last; i++) {
		if (wanted & 1u << i)
			files->fds[i] = dir < 0 ? dir : result(openat(dir, names[i], O_RDONLY | O_CLOEXEC));
	}
	if (dir >= 0)
		close(dir);
}

void netns_files_open(uint32_t wanted, int link, struct netns_files *ret_files)
{
	netns_files_none(ret_files);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		open_folder(&folders[i], wanted, ret_files);
	if (wanted & 1u << NETNS_DIAG)
		ret_files->fds[NETNS_DIAG] = result(socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
	if (wanted & 1u << NETNS_ITERATOR)
		ret_files->fds[NETNS_ITERATOR] = result(open_iterator(link));
}

void netns_files_close(struct netns_files *files)
{
	for (size_t i = 0; i < NETNS_FILES; i++) {
		if (files->fds[i] >= 0)
			close(files->fds[i]);
	}
	netns_files_none(files);
}

int netns_files_take(struct netns_files *files, enum netns_file which, FILE **ret_file)
{
	FILE *file;

	if (files->fds[which] < 0)
		return files->fds[which];
	file = fdopen(files->fds[which], "r");
	if (!file)
		return -errno;
	files->fds[which] = -ENODATA;
	*ret_file = file;
	return 0;
}
