// SPDX-License-Identifier: GPL-2.0-only
/* Network namespaces: how one that only a descriptor keeps alive is opened, and how its minisockets get cookies. */
#include "collector.h"
#include "internal.h"
#include "src/host/admin.h"

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
static int open_of_socket(struct admin *admin, const struct namespace_holder *holder)
{
	int process = open_process(holder->pid);
	int sock = process < 0 ? process : syscall(__NR_pidfd_getfd, process, holder->fd, 0);
	int fd = sock < 0 || admin ? -1 : ioctl(sock, SIOCGSKNS), err = fd < 0 ? -errno : 0;

	if (sock >= 0 && admin) {
		fd = admin_netns_of(admin, sock);
		err = fd < 0 ? fd : 0;
	}
	if (sock >= 0)
		close(sock);
	if (process >= 0)
		close(process);
	return err ? err : fd;
}

int netns_open(const char *path)
{
	char again[32];
	struct statfs fs;
	int found = open(path, O_PATH | O_CLOEXEC), fd; /* which may be another file by now, such as a FIFO */

	if (found < 0)
		return -errno;
	snprintf(again, sizeof(again), "/proc/self/fd/%d", found);
	fd = -ENOENT;
	if (!fstatfs(found, &fs) && fs.f_type == NSFS_MAGIC) {
		fd = open(again, O_RDONLY | O_CLOEXEC);
		fd = fd < 0 ? -errno : fd;
	}
	close(found);
	if (fd < 0)
		return fd;
	if (ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET)
		return fd;
	close(fd);
	return -ENOENT;
}

int netns_open_held(struct admin *admin, uint32_t netns, const struct namespace_holder *holder)
{
	struct statfs files;
	struct stat st;
	char path[64];
	int fd = -ENOENT;

	snprintf(path, sizeof(path), "/proc/%u/fd/%d", holder->pid, holder->fd);
	if (stat(path, &st) || statfs(path, &files))
		return -errno;
	if (S_ISSOCK(st.st_mode))
		fd = open_of_socket(admin, holder);
	else if (files.f_type == NSFS_MAGIC)
		fd = netns_open(path);
	if (fd < 0 || (!fstat(fd, &st) && st.st_ino == netns))
		return fd;
	close(fd); /* the number was used again */
	return -ENOENT;
}

/* 0, or -errno: not known. */
static int read_sockstat(struct netns_files *files, enum netns_file which, unsigned long *ret_in_use,
			 unsigned long *ret_minisocks)
{
	const char *protocol = which == NETNS_SOCKSTAT ? "TCP:" : "TCP6:";
	size_t len = strlen(protocol);
	FILE *file = NULL;
	int err = netns_files_take(files, which, &file) ?: -ENODATA;
	char line[256];

	while (file && err && fgets(line, sizeof(line), file)) {
		if (!strncmp(line, protocol, len) &&
		    sscanf(line + len, " inuse %lu orphan %*u tw %lu", ret_in_use, ret_minisocks) >= 1)
			err = 0;
	}
	if (file)
		fclose(file);
	return err;
}

/*
 * sock_prot_inuse_add() counts a socket as it enters the tables, so that one that was there before is in the sum, whatever
 * comes and goes as the CPUs' counts are added up. Request sockets are not counted: their listener is.
 */
struct netns_sockets netns_sockets(struct netns_files *files)
{
	unsigned long v4 = 0, v6 = 0, minisocks = 0, none = 0;
	int err = read_sockstat(files, NETNS_SOCKSTAT, &v4, &minisocks), err6;

	if (err)
		return (struct netns_sockets){.any = true, .minisocks = true};
	err6 = v4 || minisocks ? 0 : read_sockstat(files, NETNS_SOCKSTAT6, &v6, &none);
	/* A kernel without IPv6 does not have this file. */
	return (struct netns_sockets){.any = v4 || minisocks || v6 || (err6 && err6 != -ENOENT), .minisocks = minisocks};
}

unsigned long netns_all_sockets(void)
{
	FILE *file = fopen("/proc/self/net/sockstat", "re");
	unsigned long sockets = 0;
	char line[256];

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, "TCP: inuse %*u orphan %*u tw %*u alloc %lu", &sockets) == 1)
			break;
	}
	if (file)
		fclose(file);
	return sockets;
}

static void dump_minisocks(int fd, unsigned int family, iterate_pause_fn pause, void *ctx)
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
		pause(ctx);
		for (head = (void *)answer; NLMSG_OK(head, (size_t)len); head = NLMSG_NEXT(head, len)) {
			if (head->nlmsg_type == NLMSG_DONE || head->nlmsg_type == NLMSG_ERROR)
				return;
		}
	}
}

/* A minisocket has a cookie only if its socket had one. sock_diag gives one to all that it shows; the answer is not used. */
void netns_name_minisocks(const struct netns_files *files, iterate_pause_fn pause, void *ctx)
{
	const struct timeval patience = {.tv_sec = 1};
	int fd = files->fds[NETNS_DIAG];

	if (fd < 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	dump_minisocks(fd, AF_INET, pause, ctx);
	dump_minisocks(fd, AF_INET6, pause, ctx);
}
