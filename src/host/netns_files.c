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

static const char *const paths[NETNS_FILES] = {
	[NETNS_SOCKSTAT] = "/proc/thread-self/net/sockstat",
	[NETNS_SOCKSTAT6] = "/proc/thread-self/net/sockstat6",
	[NETNS_NETSTAT] = "/proc/thread-self/net/netstat",
	[NETNS_SNMP] = "/proc/thread-self/net/snmp",
	[NETNS_PORT_RANGE] = "/proc/sys/net/ipv4/ip_local_port_range",
	[NETNS_TW_REUSE] = "/proc/sys/net/ipv4/tcp_tw_reuse",
	[NETNS_TIMESTAMPS] = "/proc/sys/net/ipv4/tcp_timestamps",
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

static int open_one(enum netns_file which, int link)
{
	int fd = which == NETNS_ITERATOR ? open_iterator(link)
		 : which == NETNS_DIAG   ? socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG)
					 : open(paths[which], O_RDONLY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

void netns_files_open(uint32_t wanted, int link, struct netns_files *ret_files)
{
	netns_files_none(ret_files);
	for (unsigned int i = 0; i < NETNS_FILES; i++) {
		if (wanted & 1u << i)
			ret_files->fds[i] = open_one(i, link);
	}
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
