// SPDX-License-Identifier: GPL-2.0-only
#include "sandbox.h"

#include "src/host/confine.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define MEMORY_BYTES                                                                                                           \
	(1ul << 30)    /* of addresses: the ring's 32 MB, and what libdw needs for a program with debug information            \
			*/
#define FILES_MAX 1024 /* descriptors: those of the images that are kept */
#define OPENER_FILES_MAX 32

/* What both need: memory, waiting, time, and an end. Signals are not handled, but SIGCONT restarts a wait. */
static const int common_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(pread64),
	SCMP_SYS(close),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendmsg),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(lseek),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(brk),
	SCMP_SYS(madvise),
	SCMP_SYS(futex),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(getrandom),
	SCMP_SYS(sysinfo),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
	return err;
}

/* Memory may be had, but not such that runs; a file is never mapped: libelf reads it then. */
static int allow_memory(scmp_filter_ctx filter)
{
	int err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2, SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
				   SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, MAP_ANONYMOUS));

	err = err
		      ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(mmap), 1,
					  SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_ANONYMOUS, 0));
	return err
		       ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
					   SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
}

/* libdw asks for a file's path and opens what a .gnu_debugaltlink names: refused only, since honest files have one too. */
static const int refused_calls[] = {
	SCMP_SYS(open),  SCMP_SYS(openat), SCMP_SYS(readlink),  SCMP_SYS(readlinkat), SCMP_SYS(stat),
	SCMP_SYS(lstat), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(getcwd),
};

static int allow_parser(scmp_filter_ctx filter)
{
	int err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 0);

	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFD, 0));
	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1, SCMP_A1(SCMP_CMP_EQ, F_GETFL, 0));
	for (size_t i = 0; i < sizeof(refused_calls) / sizeof(refused_calls[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), refused_calls[i], 0);
	return err;
}

/* Without capabilities that allow it and with a size limit of 0 nothing can be written or made by these. */
static int allow_opener(scmp_filter_ctx filter)
{
	int err = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
				   SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC, O_RDONLY));

	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat2), 0);
	return err ?: seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setitimer), 0);
}

static int filter_calls(enum sandbox which)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int err = filter ? 0 : -ENOMEM;

	err = err ?: allow(filter, common_calls, sizeof(common_calls) / sizeof(common_calls[0]));
	err = err ?: allow_memory(filter);
	err = err ?: (which == SANDBOX_PARSER ? allow_parser(filter) : allow_opener(filter));
	err = err ?: seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

static int limit_all(enum sandbox which)
{
	int err = confine_limit(RLIMIT_CORE, 0) ?: confine_limit(RLIMIT_FSIZE, 0) ?: confine_limit(RLIMIT_MEMLOCK, 0);

	err = err ?: confine_limit(RLIMIT_NOFILE, which == SANDBOX_PARSER ? FILES_MAX : OPENER_FILES_MAX);
	return err ?: confine_memory(MEMORY_BYTES);
}

/* CAP_CHECKPOINT_RESTORE opens map_files, as CAP_SYS_ADMIN does, which holds far more. */
static int drop_capabilities(enum sandbox which)
{
	const unsigned int map_files = confine_can(CAP_CHECKPOINT_RESTORE) ? CAP_CHECKPOINT_RESTORE : CAP_SYS_ADMIN;
	const unsigned int keep[] = {CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, map_files};

	return confine_capabilities(keep, which == SANDBOX_OPENER ? sizeof(keep) / sizeof(keep[0]) : 0);
}

int sandbox_enter(enum sandbox which)
{
	pid_t parent = getppid();
	int err;

	err = confine_begin() ?: limit_all(which);
	err = err ?: confine_user(CONFINE_UID + (uid_t)getpid());
	err = err ?: drop_capabilities(which);
	err = err ?: confine_finish();
	if (err)
		return err;
	if (prctl(PR_SET_PDEATHSIG, SIGKILL))
		return -errno;
	if (getppid() != parent) /* it ended before the line above */
		return -ESRCH;
	return filter_calls(which);
}
