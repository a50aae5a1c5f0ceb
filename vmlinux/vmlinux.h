/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Everything that tcplife-fsm reads of the kernel, on one page: only these types and fields, in any order, since each access
 * is relocated at load time against the running kernel's own BTF (CO-RE). Behind each field that is not in every kernel from
 * 5.12 on stands the range in which it is known; all others were read in the sources of 5.10, 5.15, 6.1, 6.12, 6.18 and 7.2.
 */
#ifndef __VMLINUX_H__
#define __VMLINUX_H__

typedef unsigned char __u8;
typedef signed char __s8;
typedef unsigned short __u16;
typedef short __s16;
typedef unsigned int __u32;
typedef int __s32;
typedef unsigned long long __u64;
typedef long long __s64;
typedef __u8 u8;
typedef __u16 u16;
typedef __u32 u32;
typedef __s32 s32;
typedef __u64 u64;
typedef __s64 s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;

#define NULL ((void *)0)
#define false 0
#define true 1

/* The UAPI numbers in use (include/uapi/linux/bpf.h); they never change. */
enum bpf_map_type {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_ARRAY_OF_MAPS = 12,
	BPF_MAP_TYPE_RINGBUF = 27,
};

enum {
	BPF_ANY = 0,
	BPF_F_NO_PREALLOC = 1,
	BPF_NOEXIST = 1,
};

enum bpf_func_id {
	BPF_FUNC_loop = 181, /* 5.17 on */
};

enum {
	BPF_RB_NO_WAKEUP = 1,
	BPF_RB_FORCE_WAKEUP = 2,
};

enum {
	BPF_RB_AVAIL_DATA = 0,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct in6_addr {
	struct {
		__be32 u6_addr32[4];
	} in6_u;
};

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
};

typedef struct {
	struct net *net;
} possible_net_t;

typedef struct {
	s64 counter;
} atomic64_t;

typedef struct {
	u32 val;
} kuid_t;

struct sock_common { /* the head of struct sock, inet_timewait_sock and request_sock alike */
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	volatile unsigned char skc_state;
	possible_net_t skc_net;
	struct in6_addr skc_v6_daddr;
	struct in6_addr skc_v6_rcv_saddr;
	atomic64_t skc_cookie;
	unsigned long skc_flags;
	u32 skc_tw_rcv_nxt; /* of minisockets, in unions */
	u32 skc_tw_snd_nxt;
};

struct timer_list {
	unsigned long expires; /* in jiffies */
	void (*function)(struct timer_list *timer);
};

struct kernfs_node {
	u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct mptcp_sock { /* with CONFIG_MPTCP */
	struct sock *first; /* subflow */
};

struct css_set {
	struct cgroup *dfl_cgrp;
};

struct sock_cgroup_data {
	struct cgroup *cgroup; /* 5.15 on; before, a tagged union named otherwise */
};

typedef struct {
	int owned; /* 1 while a task holds the socket's lock */
} socket_lock_t;

struct super_block {
	unsigned long s_magic;
};

struct inode {
	struct super_block *i_sb;
	unsigned long i_ino;
};

struct file {
	void *private_data;
	struct inode *f_inode;
};

struct socket {
	struct sock *sk;
	struct file *file;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct refcount_struct {
	atomic_t refs;
} refcount_t;

struct sk_buff_head {
	struct sk_buff *prev;
	__u32 qlen;
};

struct sock {
	struct sock_common __sk_common;
	int sk_err;
	int sk_err_soft;
	struct sk_buff_head sk_error_queue;
	struct sk_buff_head sk_receive_queue;
	refcount_t sk_wmem_alloc;
	u32 sk_pacing_status;
	struct socket *sk_socket;
	void *sk_user_data;
	socket_lock_t sk_lock;
	kuid_t sk_uid;
	u16 sk_protocol;
	u16 sk_type;
	u8 sk_shutdown;
	atomic_t sk_drops;
	u32 sk_ack_backlog, sk_max_ack_backlog;
	struct sock_cgroup_data sk_cgrp_data;
};

enum sock_flags { /* numbers are relocated */
		  SOCK_DEAD,
		  SOCK_DONE,
};

struct inet_sock {
	struct sock sk;
	__be16 inet_sport;
};

struct tcp_congestion_ops {
	char name[16];
};

struct fastopen_queue {
	int qlen, max_qlen;
};

struct request_sock_queue {
	atomic_t qlen;
	struct fastopen_queue fastopenq;
	struct request_sock *rskq_accept_head;
};

struct inet_connection_sock {
	struct inet_sock icsk_inet;
	struct request_sock_queue icsk_accept_queue; /* of a listener */
	struct timer_list icsk_delack_timer;
	__u32 icsk_rto; /* ticks */
	const struct tcp_congestion_ops *icsk_ca_ops;
	const void *icsk_ulp_ops;
	__u8 icsk_ca_state : 5; /* 6 bits before 6.0 */
	__u8 icsk_pending;
	struct {
		__u32 lrcvtime;
	} icsk_ack;
};

struct minmax_sample {
	u32 t;
	u32 v;
};

struct minmax {
	struct minmax_sample s[3];
};

struct rb_root {
	struct rb_node *rb_node;
};

struct tcp_options_received {
	u8 num_sacks;
};

struct tcp_sock {
	struct inet_connection_sock inet_conn;
	struct tcp_options_received rx_opt;
	u64 tcp_wstamp_ns;
	u32 snd_wl1;
	u32 snd_wnd;
	u32 snd_cwnd;
	u32 packets_out;
	u32 retrans_out;
	u32 sacked_out;
	u32 lost_out;
	u32 rcv_wup;
	u32 rcv_ooopack;
	struct rb_root out_of_order_queue;
	u32 data_segs_in;
	u32 data_segs_out;
	u32 mss_cache;
	u32 copied_seq;
	struct minmax rtt_min;
	u32 segs_out;
	u32 segs_in;
	u32 rcv_tstamp;
	u32 lsndtime;
	u64 bytes_sent;
	u64 bytes_acked;
	u64 bytes_received;
	u64 bytes_retrans;
	u32 write_seq;
	u32 rcv_nxt;
	u32 snd_nxt;
	u32 snd_una;
	u32 srtt_us;
	u32 total_retrans;
	u8 repair : 1;
	u8 repair_queue;
	u8 fastopen_connect : 1;
	u8 syn_data_acked : 1;
	u8 syn_fastopen_child : 1; /* not in every kernel */
	bool is_mptcp;             /* with CONFIG_MPTCP, 5.6 on */
};

struct tcp_skb_cb { /* what TCP keeps in skb->cb */
	__u32 seq;
	__u32 end_seq;
	__u32 ack_seq;
	__u16 tcp_gso_segs;
	__u8 tcp_flags; /* u16 from 6.18 on */
};

struct net_device {
	possible_net_t nd_net;
};

struct sock_extended_err {
	__u32 ee_errno;
	__u8 ee_origin;
};

struct sock_exterr_skb { /* in the cb of a message of the error queue */
	struct sock_extended_err ee;
};

struct sk_buff {
	struct net_device *dev;
	char cb[48];
	__u16 transport_header;
	unsigned char *head;
};

struct tcphdr {
	__be16 dest;
	__be32 seq;
	__be32 ack_seq;
	__u16 ack : 1;
};

struct request_sock {
	struct sock_common __req_common;
	struct request_sock *dl_next; /* in an accept queue */
	struct sock *sk;
	u8 num_retrans;
};

struct inet_request_sock {
	struct request_sock req;
};

struct tcp_request_sock {
	struct inet_request_sock req;
	u32 snt_isn;
};

struct inet_timewait_sock {
	struct sock_common __tw_common;
	volatile unsigned char tw_substate;
	u32 tw_entry_stamp; /* 6.14 on */
	struct timer_list tw_timer;
};

struct tcp_timewait_sock {
	struct inet_timewait_sock tw_sk;
	int tw_ts_recent_stamp;
};

struct cred {
	kuid_t uid;
};

struct mm_struct {
	unsigned long arg_start;
};

struct signal_struct {
	atomic_t live; /* threads that have not begun to exit */
};

struct fdtable {
	struct file **fd;
};

struct files_struct {
	struct fdtable *fdt;
};

struct task_struct {
	unsigned int flags;
	const struct cred *cred;
	int pid;
	int tgid;
	struct task_struct *group_leader;
	struct mm_struct *mm;
	struct files_struct *files;
	struct signal_struct *signal;
	struct css_set *cgroups; /* with CONFIG_CGROUPS */
	u64 start_time;     /* of CLOCK_MONOTONIC */
	u64 start_boottime; /* 5.5 on */
	u64 self_exec_id;   /* 32 bits before 5.7 */
	char comm[16];
};

struct pt_regs { /* x86-64 */
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di, ip, sp;
};

struct seq_file;

struct bpf_iter_meta {
	struct seq_file *seq;
	u64 session_id;
};

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	u32 fd;
	struct file *file;
};

struct bpf_iter__tcp {
	struct bpf_iter_meta *meta;
	struct sock_common *sk_common;
};

#pragma clang attribute pop

#endif /* __VMLINUX_H__ */
