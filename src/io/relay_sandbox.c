// SPDX-License-Identifier: GPL-2.0-only
#include "relay_sandbox.h"

#include "spool_segment.h"
#include "src/host/confine.h"
#include "src/host/syscalls.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#if __has_include(<linux/landlock.h>)
#include <linux/landlock.h>
#endif

#define MEMORY_BYTES (1ul << 30) /* of addresses; librdkafka keeps at most 64 MB of lines */
#define FILES_MAX 1024
#define STACK_BYTES (512ul * 1024) /* of a thread: librdkafka has one for each broker */
#define RELAY_UIDS (CONFINE_UID + (1u << 22))

/* Refused with an error, besides what syscalls.h lists: what runs something, enters a namespace, or writes. */
static const int refused_calls[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(fork),
	SCMP_SYS(vfork),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(bpf),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(shmget),
	SCMP_SYS(shmat),
	SCMP_SYS(msgget),
	SCMP_SYS(mq_open),
	SCMP_SYS(creat),
	SCMP_SYS(truncate),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlink),
	SCMP_SYS(rmdir),
	SCMP_SYS(link),
	SCMP_SYS(linkat),
	SCMP_SYS(symlink),
	SCMP_SYS(symlinkat),
	SCMP_SYS(mkdir),
	SCMP_SYS(mkdirat),
	SCMP_SYS(mknod),
	SCMP_SYS(mknodat),
	SCMP_SYS(chmod),
	SCMP_SYS(fchmod),
	SCMP_SYS(fchmodat),
	SCMP_SYS(chown),
	SCMP_SYS(fchown),
	SCMP_SYS(lchown),
	SCMP_SYS(fchownat),
	SCMP_SYS(setxattr),
	SCMP_SYS(lsetxattr),
	SCMP_SYS(fsetxattr),
	SCMP_SYS(inotify_init1),
};

/*
 * A path is out of a filter's sight, but not the directory that it starts from: for writing that must be the spool. An absolute
 * path passes here; Landlock refuses it, and so do the modes of all files that are not this user's.
 */
static int filter_writes(scmp_filter_ctx filter, int spool)
{
	const scmp_datum_t dir = (scmp_datum_t)(unsigned int)spool;
	static const int flags[] = {O_WRONLY, O_RDWR, O_CREAT, O_TRUNC};
	int err = 0;

	for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]) && !err; i++) {
		const scmp_datum_t flag = (scmp_datum_t)flags[i];

		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(open), 1,
				       SCMP_A1(SCMP_CMP_MASKED_EQ, flag, flag));
		err = err
			      ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(openat), 2,
						  SCMP_A0(SCMP_CMP_NE, dir, 0), SCMP_A2(SCMP_CMP_MASKED_EQ, flag, flag));
	}
	return err ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EACCES), SCMP_SYS(unlinkat), 1, SCMP_A0(SCMP_CMP_NE, dir, 0));
}

/* clone3() and openat2() have their flags in memory, out of a filter's sight: without them libc uses the older calls. */
static int filter_calls(int spool)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? 0 : -ENOMEM;

	err = err ?: syscalls_refuse_foreign(filter);
	err = err ?: syscalls_refuse(filter, refused_calls, sizeof(refused_calls) / sizeof(refused_calls[0]));
	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(openat2), 0);
	err = err
		      ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
					  SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(socket), 1, SCMP_A0(SCMP_CMP_GT, AF_NETLINK, 0));
	err = err ?: filter_writes(filter, spool);
	err = err ?: seccomp_load(filter);
	seccomp_release(filter);
	return err;
}

/* Where the kernel has Landlock (5.13 on): files are written and made in the spool only, and nothing is executed. */
static int restrict_files(int spool)
{
#ifdef LANDLOCK_CREATE_RULESET_VERSION
	const struct landlock_ruleset_attr all = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
				     LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
				     LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
				     LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
				     LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM,
	};
	const struct landlock_path_beneath_attr inside = {
		.allowed_access = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_REG,
		.parent_fd = spool,
	};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &all, sizeof(all), 0), err = 0;

	if (rules < 0)
		return errno == ENOSYS || errno == EOPNOTSUPP || errno == EPERM ? 0 : -errno;
	if ((spool >= 0 && syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &inside, 0)) ||
	    syscall(SYS_landlock_restrict_self, rules, 0))
		err = -errno;
	close(rules);
	return err;
#else
	(void)spool;
	return 0;
#endif
}

/* Threads and their memory must fit into the limit of addresses. */
static int limit_all(int spool)
{
	pthread_attr_t attr;
	int err;

	mallopt(M_ARENA_MAX, 2);
	err = pthread_attr_init(&attr) ?: pthread_attr_setstacksize(&attr, STACK_BYTES) ?: pthread_setattr_default_np(&attr);
	if (err)
		return -err;
	pthread_attr_destroy(&attr);
	signal(SIGXFSZ, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	/* A service manager signals all processes of a run: what is on its way is delivered all the same, and the pipe's end
	 * ends it. */
	signal(SIGTERM, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	err = confine_limit(RLIMIT_CORE, 0) ?: confine_limit(RLIMIT_FSIZE, spool >= 0 ? SEGMENT_MAX : 0);
	err = err ?: confine_limit(RLIMIT_NOFILE, FILES_MAX);
	return err ?: confine_memory(MEMORY_BYTES);
}

int relay_sandbox_enter(int spool)
{
	uid_t uid = RELAY_UIDS + (uid_t)getpid();
	struct stat st;
	int err;

	if (spool >= 0) {
		if (fstat(spool, &st))
			return -errno;
		uid = st.st_uid;
	}
	err = confine_begin() ?: limit_all(spool);
	err = err ?: confine_user(uid);
	err = err ?: confine_capabilities(NULL, 0);
	err = err ?: confine_finish();
	err = err ?: restrict_files(spool);
	return err ?: filter_calls(spool);
}
