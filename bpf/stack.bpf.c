// SPDX-License-Identifier: GPL-2.0-only
/*
 * Where in its program a process opens a connection: registers and the top of the stack at connect() and accept(). User space
 * unwinds them, since few programs have the frame pointers that the kernel would need. Loaded for --stacks only. A capture that
 * does not fit is counted as lost.
 */
#include "bpf/sock.bpf.h"
#include "bpf/shared.h"

char LICENSE[] SEC("license") = "GPL";

#define PF_USER_WORKER 0x00004000 /* io_uring's threads have no user stack: 6.4 on, */
#define PF_IO_WORKER 0x00000010   /* and before */
#define CHUNK 512

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, CAPTURES_BYTES);
} captures SEC(".maps");

__u64 no_room = 0;
__u64 over_share = 0;

/* How often a process, or a control group, was captured within a second of 2^30 ns: in 32 bits each. Slots may be shared. */
#define SLOTS 1024
#define PROCESS_MAX 100 /* of them, while the buffer is half full: its other half is for those who open few connections */
#define CGROUP_MAX 200
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, SLOTS);
	__type(key, __u32);
	__type(value, __u64);
} recent SEC(".maps");

static __always_inline __u32 count(__u64 id)
{
	__u32 slot = id * 0x9e3779b97f4a7c15ULL >> 54, second = bpf_ktime_get_ns() >> 30;
	__u64 *value = bpf_map_lookup_elem(&recent, &slot), before;

	if (!value)
		return 0;
	before = *value;
	before = before >> 32 == second ? before + 1 : ((__u64)second << 32) + 1;
	*value = before;
	return before;
}

static __always_inline bool floods(const struct task_struct *task)
{
	__u32 by_process = count(((__u64)1 << 63) + task->tgid), by_cgroup = count(bpf_get_current_cgroup_id());

	return bpf_ringbuf_query(&captures, BPF_RB_AVAIL_DATA) > CAPTURES_BYTES / 2 &&
	       (by_process > PROCESS_MAX || by_cgroup > CGROUP_MAX);
}

static __always_inline void copy_regs(__u64 *to, const struct pt_regs *regs)
{
	to[DWARF_RAX] = BPF_CORE_READ(regs, ax);
	to[DWARF_RDX] = BPF_CORE_READ(regs, dx);
	to[DWARF_RCX] = BPF_CORE_READ(regs, cx);
	to[DWARF_RBX] = BPF_CORE_READ(regs, bx);
	to[DWARF_RSI] = BPF_CORE_READ(regs, si);
	to[DWARF_RDI] = BPF_CORE_READ(regs, di);
	to[DWARF_RBP] = BPF_CORE_READ(regs, bp);
	to[DWARF_RSP] = BPF_CORE_READ(regs, sp);
	to[DWARF_R8] = BPF_CORE_READ(regs, r8);
	to[DWARF_R8 + 1] = BPF_CORE_READ(regs, r9);
	to[DWARF_R8 + 2] = BPF_CORE_READ(regs, r10);
	to[DWARF_R8 + 3] = BPF_CORE_READ(regs, r11);
	to[DWARF_R8 + 4] = BPF_CORE_READ(regs, r12);
	to[DWARF_R8 + 5] = BPF_CORE_READ(regs, r13);
	to[DWARF_R8 + 6] = BPF_CORE_READ(regs, r14);
	to[DWARF_R15] = BPF_CORE_READ(regs, r15);
	to[DWARF_RIP] = BPF_CORE_READ(regs, ip);
}

/* In pieces: a read beyond the stack's end fails as a whole. */
static __always_inline __u16 copy_stack(__u8 *to, __u64 sp)
{
	__u16 len;

	for (len = 0; len < CAPTURE_BYTES; len += CHUNK) {
		if (bpf_probe_read_user(to + len, CHUNK, (const void *)(sp + len)))
			break;
	}
	return len;
}

static __always_inline void capture(__u64 cookie, bool accepted)
{
	const struct task_struct *task = bpf_get_current_task_btf();
	const struct pt_regs *regs;
	struct capture *c;

	if (!cookie || task->flags & (PF_KTHREAD | PF_USER_WORKER | PF_IO_WORKER))
		return;
	if (floods(task)) {
		__sync_fetch_and_add(&over_share, 1);
		return;
	}
	c = bpf_ringbuf_reserve(&captures, sizeof(*c), 0);
	if (!c) {
		__sync_fetch_and_add(&no_room, 1);
		return;
	}
	regs = (const void *)bpf_task_pt_regs((void *)task);
	c->cookie = cookie;
	c->tgid = task->tgid;
	c->start_ns = task->group_leader->start_boottime;
	c->exec_id = BPF_CORE_READ(task, mm, arg_start);
	c->cgroup_id = bpf_get_current_cgroup_id();
	c->accepted = accepted;
	c->pad = 0;
	copy_regs(c->regs, regs);
	c->len = copy_stack(c->stack, c->regs[DWARF_RSP]);
	bpf_ringbuf_submit(c, 0);
}

/* connect(), or sendmsg() with MSG_FASTOPEN. A connection that will be accepted gets its cookie here. */
SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(on_connect, const struct sock *sk, int old, int new)
{
	if (!sock_is_tcp(sk))
		return 0;
	if (new == WIRE_SYN_SENT)
		capture(bpf_get_socket_cookie((void *)sk), false);
	else if (old == WIRE_SYN_RECV && new == WIRE_ESTABLISHED)
		bpf_get_socket_cookie((void *)sk);
	return 0;
}

SEC("fexit/inet_csk_accept")
int on_accept(void *ctx)
{
	const struct sock *sk;
	__u64 ret;

	if (bpf_get_func_ret(ctx, &ret) || !ret)
		return 0;
	sk = (const void *)ret;
	capture(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), true);
	return 0;
}

/* events/syscalls/sys_exit_accept4/format */
struct syscall_exit {
	__u64 common;
	long id, ret;
};

/* The same where fexit is refused: accept() returned a descriptor, which leads to the socket. */
SEC("tracepoint/syscalls/sys_exit_accept4")
int on_accept_return(struct syscall_exit *ctx)
{
	struct files_struct *files = BPF_CORE_READ(bpf_get_current_task_btf(), files);
	struct file **fds = BPF_CORE_READ(files, fdt, fd), *file;
	const struct socket *socket;
	const struct sock *sk;

	if (ctx->ret < 0 || bpf_probe_read_kernel(&file, sizeof(file), fds + ctx->ret))
		return 0;
	socket = BPF_CORE_READ(file, private_data);
	if (BPF_CORE_READ(socket, file) != file) /* another thread has closed it */
		return 0;
	sk = BPF_CORE_READ(socket, sk);
	if (BPF_CORE_READ(sk, sk_protocol) == IPPROTO_TCP && BPF_CORE_READ(sk, sk_type) == SOCK_STREAM)
		capture(BPF_CORE_READ(sk, __sk_common.skc_cookie.counter), true);
	return 0;
}
