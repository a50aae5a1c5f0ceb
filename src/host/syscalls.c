// SPDX-License-Identifier: GPL-2.0-only
#include "syscalls.h"

#include <errno.h>
#include <linux/bpf.h>
#include <sched.h>

#ifndef __SANITIZE_ADDRESS__
#define REFUSE_PTRACE SCMP_SYS(ptrace),
#else
#define REFUSE_PTRACE /* it looks for leaks at the end by ptrace() */
#endif

static const int foreign_calls[] = {
	REFUSE_PTRACE SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(kcmp),
	SCMP_SYS(perf_event_open),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(pivot_root),
	SCMP_SYS(chroot),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(quotactl),
	SCMP_SYS(syslog),
	SCMP_SYS(settimeofday),
	SCMP_SYS(clock_settime),
	SCMP_SYS(clock_adjtime),
	SCMP_SYS(adjtimex),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(personality),
	SCMP_SYS(fanotify_init),
};

/* What starts a program, besides clone() without CLONE_THREAD. */
static const int program_calls[] = {SCMP_SYS(execve), SCMP_SYS(execveat), SCMP_SYS(fork), SCMP_SYS(vfork)};

/* Of bpf(): what makes or takes something new. Maps, links and iterators of what is loaded are read all the same. */
static const enum bpf_cmd bpf_commands[] = {
	BPF_PROG_LOAD,        BPF_MAP_CREATE,       BPF_BTF_LOAD,          BPF_OBJ_PIN,
	BPF_OBJ_GET,          BPF_PROG_ATTACH,      BPF_PROG_TEST_RUN,     BPF_PROG_GET_FD_BY_ID,
	BPF_MAP_GET_FD_BY_ID, BPF_BTF_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID, BPF_RAW_TRACEPOINT_OPEN,
};

int syscalls_refuse(scmp_filter_ctx filter, const int *calls, size_t n)
{
	int err = 0;

	for (size_t i = 0; i < n && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), calls[i], 0);
	return err;
}

int syscalls_refuse_foreign(scmp_filter_ctx filter)
{
	return syscalls_refuse(filter, foreign_calls, sizeof(foreign_calls) / sizeof(foreign_calls[0]));
}

static int refuse_bpf(scmp_filter_ctx filter)
{
	int err = 0;

	for (size_t i = 0; i < sizeof(bpf_commands) / sizeof(bpf_commands[0]) && !err; i++)
		err = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(bpf), 1,
				       SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)bpf_commands[i], 0));
	return err;
}

/* clone3() has its flags in memory, out of a filter's sight: without it libc makes threads by clone(). */
static int refuse_programs(scmp_filter_ctx filter)
{
	int err = syscalls_refuse(filter, program_calls, sizeof(program_calls) / sizeof(program_calls[0]));

	err = err ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	return err
		       ?: seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(clone), 1,
					   SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, 0));
}

int syscalls_confine_tracer(bool helpers)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int err = filter ? 0 : -ENOMEM;

	err = err ?: seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1);
	err = err ?: syscalls_refuse_foreign(filter);
	err = err ?: refuse_bpf(filter);
	err = err ?: (helpers ? 0 : refuse_programs(filter));
	err = err ?: seccomp_load(filter); /* which sets no_new_privs for all threads */
	seccomp_release(filter);
	return err;
}
