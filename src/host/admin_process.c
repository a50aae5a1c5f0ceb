// SPDX-License-Identifier: GPL-2.0-only
/*
 * It waits for a request, which has a fixed size, and answers it. It reads no file, and stays in no namespace but its own: one
 * whose processes have ended must not live on because of a scan. A seccomp filter allows the calls below and no others.
 */
#include "admin_process.h"

#include "admin_protocol.h"
#include "confine.h"
#include "fd_message.h"
#include "helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/netlink.h>
#include <linux/sockios.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/xattr.h>
#include <unistd.h>

#define MEMORY_BYTES (256ul << 20) /* of addresses: most are libraries' */
#define FILES_MAX 32

#ifdef __SANITIZE_ADDRESS__
#define AT_ITS_END SCMP_SYS(sigaltstack),
#else
#define AT_ITS_END
#endif

/* What has no argument that matters, and what free() and the end of a stop call. */
static const int plain_calls[] = {
	AT_ITS_END SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(close),
	SCMP_SYS(fgetxattr),
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(madvise),
	SCMP_SYS(exit_group),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
};

static int filter_calls(void)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err = filter ? 0 : -ENOMEM;

	for (size_t i = 0; i < sizeof(plain_calls) / sizeof(plain_calls[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, plain_calls[i], 0);
	err = err
		      ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
					  SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));
	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setns), 1, SCMP_A1(SCMP_CMP_EQ, CLONE_NEWNET, 0));
	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1, SCMP_A0(SCMP_CMP_EQ, BPF_ITER_CREATE, 0));
	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1, SCMP_A1(SCMP_CMP_EQ, SIOCGSKNS, 0));
	err = err
		      ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2, SCMP_A0(SCMP_CMP_EQ, AF_NETLINK, 0),
					  SCMP_A2(SCMP_CMP_EQ, NETLINK_SOCK_DIAG, 0));
	err = err ?: seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

/* A service manager signals all processes of a run: the tracer's last scans still need this one. */
static int limit_all(void)
{
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	return confine_limit(RLIMIT_CORE, 0) ?: confine_limit(RLIMIT_FSIZE, 0) ?: confine_limit(RLIMIT_NOFILE, FILES_MAX)
		?: confine_memory(MEMORY_BYTES);
}

static int enter_sandbox(void)
{
	static const unsigned int keep[] = {CAP_SYS_ADMIN, CAP_NET_ADMIN};
	pid_t parent = getppid();
	int err = confine_begin() ?: limit_all() ?: confine_user(CONFINE_UID + (uid_t)getpid());

	err = err ?: confine_capabilities(keep, sizeof(keep) / sizeof(keep[0]));
	err = err ?: confine_finish();
	if (err)
		return err;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL)) /* behind what changes the user, which clears it */
		return -errno;
	if (getppid() != parent) /* it ended before the line above */
		return -ESRCH;
	return filter_calls();
}

static void open_files(uint32_t wanted, const struct fd_list *with, int home, struct admin_answer *answer, struct fd_list *ret)
{
	struct netns_files files;

	if (setns(with->fds[0], CLONE_NEWNET)) {
		answer->error = -errno;
		return;
	}
	netns_files_open(wanted, with->n > 1 ? with->fds[1] : -1, &files);
	if (setns(home, CLONE_NEWNET))
		_exit(HELPER_REFUSED);
	for (size_t i = 0; i < NETNS_FILES; i++) {
		answer->files[i] = files.fds[i] < 0 ? files.fds[i] : 0;
		if (files.fds[i] >= 0)
			ret->fds[ret->n++] = files.fds[i];
	}
}

static void open_netns_of(int socket, struct admin_answer *answer, struct fd_list *ret)
{
	int fd = ioctl(socket, SIOCGSKNS);

	answer->error = fd < 0 ? -errno : 0;
	if (fd >= 0)
		ret->fds[ret->n++] = fd;
}

static size_t fds_of(const struct admin_request *request)
{
	return request->kind == ADMIN_FILES && request->wanted & 1u << NETNS_ITERATOR ? 2 : 1;
}

static void serve(int socket, int home)
{
	struct admin_answer answer = {0};
	struct fd_list with, ret = {0};
	struct admin_request request;
	long len = fd_message_receive(socket, &request, sizeof(request), &with, 0);

	if (len == 0)
		_exit(0);
	if (len != sizeof(request) || with.n != fds_of(&request))
		_exit(HELPER_PROTOCOL);
	switch (request.kind) {
	case ADMIN_FILES:
		open_files(request.wanted, &with, home, &answer, &ret);
		break;
	case ADMIN_NETNS_OF:
		open_netns_of(with.fds[0], &answer, &ret);
		break;
	case ADMIN_DELEGATED:
		answer.error = fgetxattr(with.fds[0], "trusted.delegate", NULL, 0) < 0 ? -errno : 0;
		break;
	default:
		_exit(HELPER_PROTOCOL);
	}
	fd_list_close(&with);
	if (fd_message_send(socket, &answer, sizeof(answer), &ret, 0))
		_exit(0); /* nobody waits */
	fd_list_close(&ret);
}

void admin_run(int socket)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	if (home < 0)
		_exit(HELPER_REFUSED);
	if (enter_sandbox())
		_exit(HELPER_NO_SANDBOX);
	for (;;)
		serve(socket, home);
}
