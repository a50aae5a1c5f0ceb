// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which program a thread runs: read for one thread at a time, to know whose what /proc shows of it is. A process can neither
 * set the count nor repeat it.
 */
#include "bpf/sock.bpf.h"
#include "bpf/shared.h"

char LICENSE[] SEC("license") = "GPL";

SEC("iter/task")
int show_exec(struct bpf_iter__task *ctx)
{
	const struct task_struct *task = ctx->task;
	struct exec_parts parts;
	struct exec_shown shown;

	if (!task)
		return 0;
	fill_exec(&parts, task, 0); /* its group is not shown */
	shown.tid = task->pid;
	shown.tgid = task->tgid;
	shown.start_ns = task->group_leader->start_boottime;
	shown.exec_count = parts.program.exec_count;
	shown.arg_start = parts.exec.arg_start;
	bpf_seq_write(ctx->meta->seq, &shown, sizeof(shown));
	return 0;
}
