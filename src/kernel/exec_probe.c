// SPDX-License-Identifier: GPL-2.0-only
/* An iterator over tasks, attached again for each thread. Before Linux 6.1 it cannot be limited to one, and shows all. */
#include "exec_probe.h"

#include "bpf/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "bpf/exec_probe.skel.h"

#define AT_ONCE 64

struct exec_probe {
	struct exec_probe_bpf *bpf;
};

int exec_probe_open(struct exec_probe **out)
{
	struct exec_probe *probe = calloc(1, sizeof(*probe));
	int err;

	if (!probe)
		return -ENOMEM;
	probe->bpf = exec_probe_bpf__open();
	err = probe->bpf ? exec_probe_bpf__load(probe->bpf) : -errno;
	if (err) {
		exec_probe_close(probe);
		return err;
	}
	*out = probe;
	return 0;
}

void exec_probe_close(struct exec_probe *probe)
{
	if (!probe)
		return;
	exec_probe_bpf__destroy(probe->bpf);
	free(probe);
}

/* Reads to the end: a thread that is not the first may be behind others. */
static bool find_thread(int fd, uint32_t tid, struct exec_shown *ret_shown)
{
	struct exec_shown shown[AT_ONCE];
	bool found = false;
	ssize_t len;

	while ((len = read(fd, shown, sizeof(shown))) > 0) {
		for (size_t i = 0; i < (size_t)len / sizeof(*shown); i++) {
			if (shown[i].tid != tid)
				continue;
			*ret_shown = shown[i];
			found = true;
		}
	}
	return found && !len;
}

bool exec_probe_read(void *exec_probe, uint32_t tid, struct exec_shown *ret_shown)
{
	const struct exec_probe *probe = exec_probe;
	union bpf_iter_link_info info = {.task.tid = tid};
	LIBBPF_OPTS(bpf_iter_attach_opts, opts, .link_info = &info, .link_info_len = sizeof(info));
	struct bpf_link *link = bpf_program__attach_iter(probe->bpf->progs.show_exec, &opts);
	bool found = false;
	int fd;

	if (libbpf_get_error(link))
		return false;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd >= 0) {
		found = find_thread(fd, tid, ret_shown);
		close(fd);
	}
	bpf_link__destroy(link);
	return found;
}

bool exec_probe_works(void *exec_probe)
{
	struct exec_shown shown;

	return exec_probe && exec_probe_read(exec_probe, (uint32_t)gettid(), &shown);
}
