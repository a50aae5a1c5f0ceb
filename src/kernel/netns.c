// SPDX-License-Identifier: GPL-2.0-only
/* Network namespaces: how one that only a descriptor keeps alive is opened, and how its minisockets get cookies. */
#include "collector.h"
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/inet_diag.h>
#include <linux/magic.h>
#include <linux/netlink.h>
#include <linux/nsfs.h>
#include <linux/sock_diag.h>
#include <linux/sockios.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <bpf/bpf.h>

void netns_forget_held(int held)
{
	uint32_t netns;

	while (!bpf_map_get_next_key(held, NULL, &netns) && !bpf_map_delete_elem(held, &netns))
		;
}

/* A thread that is not its process's first takes PIDFD_THREAD, which Linux has since 6.9. */
static int open_process(uint32_t pid)
{
	int fd = syscall(__NR_pidfd_open, pid, 0);

	return fd < 0 ? syscall(__NR_pidfd_open, pid, O_EXCL /* PIDFD_THREAD */) : fd;
}

/* By a copy of the socket's descriptor, which /proc does not give. SIOCGSKNS asks for CAP_NET_ADMIN. */
static int open_of_socket(const struct namespace_holder *holder)
{
	int process = open_process(holder->pid);
	int sock = process < 0 ? process : syscall(__NR_pidfd_getfd, process, holder->fd, 0);
	int fd = sock < 0 ? sock : ioctl(sock, SIOCGSKNS), err = fd < 0 ? -errno : 0;

	if (sock >= 0)
		close(sock);
	if (process >= 0)
		close(process);
	return err ? err : fd;
}

/* A file of nsfs is opened by its path, whatever that was: a namespace, of any kind. */
static int open_of_nsfs(const char *path)
{
	char again[32];
	struct statfs fs;
	int found = open(path, O_PATH | O_CLOEXEC), fd = -1; /* whose descriptor may be another by now, such as a FIFO */

	if (found < 0)
		return -errno;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
	if (!fstatfs(found, &fs) && fs.f_type == NSFS_MAGIC)
		fd = open(again, O_RDONLY | O_CLOEXEC);
	close(found);
	if (fd < 0)
		return -ENOENT;
	if (ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET)
		return fd;
	close(fd);
	return -ENOENT;
}

int netns_open_held(uint32_t netns, const struct namespace_holder *holder)
{
	struct statfs files;
	struct stat st;
	char path[64];
	int fd = -ENOENT;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", holder->pid, holder->fd);
	if (stat(path, &st) || statfs(path, &files))
		return -errno;
	if (S_ISSOCK(st.st_mode))
		fd = open_of_socket(holder);
	else if (files.f_type == NSFS_MAGIC)
		fd = open_of_nsfs(path);
	if (fd < 0 || (!fstat(fd, &st) && st.st_ino == netns))
		return fd;
	close(fd); /* the number was used again */
	return -ENOENT;
}

static bool has_minisocks(void)
{
	FILE *file = fopen("/proc/thread-self/net/sockstat", "re");
	unsigned long n = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "TCP: inuse %*u orphan %*u tw %lu", &n) == 1)
			break;
	}
	if (file)
		fclose(file);
	return n;
}

static void dump_minisocks(int fd, unsigned int family)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 body;
	} request = {
		.head = {.nlmsg_len = sizeof(request),
			 .nlmsg_type = SOCK_DIAG_BY_FAMILY,
			 .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
		.body = {.sdiag_family = family,
			 .sdiag_protocol = IPPROTO_TCP,
			 .idiag_states = 1 << WIRE_TIME_WAIT | 1 << WIRE_FIN_WAIT2},
	};
	_Alignas(8) char answer[64 * 1024];
	struct nlmsghdr *head;
	ssize_t len;

	if (send(fd, &request, sizeof(request), 0) < 0)
		return;
	while ((len = recv(fd, answer, sizeof(answer), 0)) > 0) {
		for (head = (void *)answer; NLMSG_OK(head, (size_t)len); head = NLMSG_NEXT(head, len)) {
			if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR)
				return;
		}
	}
}

/* A minisocket has a cookie only if its socket had one. sock_diag gives one to all that it shows; the answer is not used. */
void netns_name_minisocks(void)
{
	const struct timeval patience = {.tv_sec = 1};
	int fd;

	if (!has_minisocks())
		return;
	fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	dump_minisocks(fd, AF_INET);
	dump_minisocks(fd, AF_INET6);
	close(fd);
}
