/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Who holds a socket: what iter/task_file shows of descriptors, once per descriptor.
 *
 * The iterator shows each process's first thread, and those threads whose table of descriptors is another than the first
 * thread's (task_seq_get_next()). That is so of a thread that unshared its table, and of all threads once the first one has
 * ended, since it has no table any more. Of the threads with one table the first that an iteration meets stands for all.
 *
 * Linux 6.18.44 lets no helper take a pointer that was loaded through another one, as that to a descriptor's socket is. There
 * the socket is cast (6.2 on), and its cookie is read. The kernel gives a cookie to who asks for it alone, so that a socket may
 * have none: iter/tcp, whose pointer is the kernel's own, asks for it (cookies_only). Each program that needs it is there
 * twice.
 */
#pragma once

#include "bpf/sock.bpf.h"

#if __has_include(<bpf/libbpf_version.h>)
#include <bpf/libbpf_version.h>
#endif

/* Before 1.0 libbpf takes a function that the kernel lacks for an error, also in a program that it does not load. */
#if LIBBPF_MAJOR_VERSION >= 1
#define HAS_CAST
extern void *bpf_rdonly_cast(const void *obj, __u32 btf_id) __ksym __weak; /* 6.2 on */
#else
#define bpf_rdonly_cast(obj, btf_id) NULL
#endif

#define TABLES 16384

struct table {
	__u64 files;   /* the address of a struct files_struct */
	__u64 session; /* of the iteration */
	__u64 tgid;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, TABLES);
	__type(key, struct table);
	__type(value, __u32); /* the thread that stands for it */
} tables SEC(".maps");

/* Set before load. */
const volatile bool casts = false;      /* the programs that cast are those that are loaded */
const volatile __u32 tcp_sock_type = 0; /* struct tcp_sock, by its number in the kernel: libbpf knows an excerpt's only */

volatile bool cookies_only = false; /* nothing is shown: sockets get their cookies */
volatile __u64 nameless = 0;        /* sockets that were not shown, since they had no cookie */

/*
 * `sk` was loaded through another pointer, and is a TCP socket: sock_is_tcp(). `cast` is the program's, and no variable:
 * kernels before 5.16 refuse a call of what they lack even where it is never reached.
 */
static __always_inline const struct tcp_sock *tcp_of(struct sock *sk, bool cast)
{
	if (cast)
		return bpf_rdonly_cast(sk, tcp_sock_type);
	return bpf_skc_to_tcp_sock(sk);
}

/* Likewise. 0: it has none. */
static __always_inline __u64 cookie_of(struct sock *sk)
{
	return casts ? (__u64)sk->__sk_common.skc_cookie.counter : bpf_get_socket_cookie(sk);
}

/* The same, of a socket that is to be shown, and counts. */
static __always_inline __u64 shown_cookie(struct sock *sk)
{
	__u64 cookie = cookie_of(sk);

	if (!cookie)
		nameless++;
	return cookies_only ? 0 : cookie;
}

static __always_inline bool stands_for_table(const struct bpf_iter__task_file *ctx, const struct task_struct *task)
{
	const struct table key = {(__u64)task->files, ctx->meta->session_id, (__u32)task->tgid};
	__u32 *first, pid = task->pid;

	if (pid == (__u32)task->tgid)
		return true;
	first = bpf_map_lookup_elem(&tables, &key);
	if (first)
		return *first == pid;
	bpf_map_update_elem(&tables, &key, &pid, BPF_ANY);
	return true;
}

static __always_inline bool is_inet(const struct sock *sk)
{
	return sk->__sk_common.skc_family == AF_INET || sk->__sk_common.skc_family == AF_INET6;
}

/* The TCP socket behind the descriptor, or NULL. */
static __always_inline struct sock *iter_sock(const struct bpf_iter__task_file *ctx)
{
	const struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct socket *socket;
	struct sock *sk;

	if (!task || !file)
		return NULL;
	socket = bpf_sock_from_file(file);
	sk = socket ? socket->sk : NULL;
	return sk && is_inet(sk) && sock_is_tcp(sk) && stands_for_table(ctx, task) ? sk : NULL;
}

/*
 * `task` is not NULL: iter_sock() has found a socket. It may be in exec() on another CPU: which program it runs is not known
 * while its name, its count and its arguments change, which begin_new_exec() and setup_arg_pages() do in this order.
 */
static __always_inline void fill_holder(struct wire_task *t, struct exec_parts *e, const struct task_struct *task)
{
	__u64 before = *(const volatile __u64 *)&task->self_exec_id;

	fill_task(t, task->group_leader, BPF_CORE_READ(task, cred, uid.val));
	fill_exec(e, task, cgroup_of(task));
	if (!e->exec.arg_start || e->program.exec_count != before)
		e->program.exec_count = 0;
}
