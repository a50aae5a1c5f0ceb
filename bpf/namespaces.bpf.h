/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Which network namespaces the descriptors of all processes keep alive: each socket has one, and a file of nsfs is one. User
 * space enters those that no process lives in and no mount shows.
 */
#pragma once

#include "bpf/sock.bpf.h"

#include "bpf/shared.h"

#define NSFS_MAGIC 0x6e736673 /* include/uapi/linux/magic.h */

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, NAMESPACES_MAX);
	__type(key, __u32); /* inode number */
	__type(value, struct namespace_holder);
} namespaces SEC(".maps");

__u32 namespace_before;        /* neighbours are mostly of the same one */
__u64 namespaces_left_out = 0; /* no room in the map */

/* 0: the file keeps none alive. A file of nsfs may also be a namespace of another kind: user space finds out. */
static __always_inline __u32 namespace_of(struct file *file)
{
	struct socket *socket = bpf_sock_from_file(file);
	const struct sock *sk;

	if (!socket)
		return file->f_inode->i_sb->s_magic == NSFS_MAGIC ? file->f_inode->i_ino : 0;
	sk = socket->sk;
	return sk ? sk->__sk_common.skc_net.net->ns.inum : 0;
}

/* For each file that iter/task_file shows. */
static __always_inline void note_namespace(const struct bpf_iter__task_file *ctx)
{
	const struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct namespace_holder holder;
	__u32 inode;

	if (!task || !file)
		return;
	inode = namespace_of(file);
	if (!inode || inode == namespace_before)
		return;
	namespace_before = inode;
	if (bpf_map_lookup_elem(&namespaces, &inode))
		return;
	holder.pid = task->pid; /* a thread may have a table of its own */
	holder.fd = ctx->fd;
	if (bpf_map_update_elem(&namespaces, &inode, &holder, BPF_ANY))
		namespaces_left_out++;
}
