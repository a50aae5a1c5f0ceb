// SPDX-License-Identifier: GPL-2.0-only
/* The leak scan: two iterators of their own, which need no other program to be attached. */
#include "leak_scan.h"

#include "btf_excerpt.h"
#include "checks.h"
#include "internal.h"
#include "kernel_btf.h"
#include "src/core/wire_make.h"
#include "src/host/clock.h"
#include "src/host/self.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "bpf/leak_scan.skel.h"

struct leak_scan {
	struct leak_scan_bpf *bpf;
	struct bpf_link *files, *tcp;
	struct iterate_reach reach;
	struct bpf_program *reads_files;
	struct cookies cookies;
	struct admin *admin;
};

/* A cookies_load_fn. */
static int load(void *leak_scan, const struct btf_excerpt *types, bool casts)
{
	LIBBPF_OPTS(bpf_object_open_opts, opts, .btf_custom_path = types->path);
	struct leak_scan *scan = leak_scan;

	leak_scan_bpf__destroy(scan->bpf);
	scan->bpf = leak_scan_bpf__open_opts(&opts);
	if (!scan->bpf)
		return -errno;
	scan->bpf->rodata->casts = casts;
	scan->bpf->rodata->tcp_sock_type = cookies_cast_type(types->kernel);
	scan->bpf->rodata->tick_ns = clock_tick_ns();
	scan->reads_files = cookies_choose(scan->bpf->obj, scan->bpf->progs.leak_files, casts);
	if (!scan->reads_files)
		return -ENOTSUP;
	return btf_excerpt_fill(types, bpf_object__btf(scan->bpf->obj)) ?: leak_scan_bpf__load(scan->bpf);
}

static int open_iterators(struct leak_scan *scan, const struct kernel_btf *kernel)
{
	int err = cookies_load(kernel, load, scan);

	if (err)
		return err;
	scan->cookies = (struct cookies){&scan->bpf->bss->cookies_only, &scan->bpf->bss->nameless, !scan->bpf->rodata->casts};
	return attach_iterator(scan->reads_files, &scan->files) ?: attach_iterator(scan->bpf->progs.leak_tcp, &scan->tcp);
}

int leak_scan_open(struct leak_scan **out, bool verbose, struct collector_failure *ret_failure)
{
	struct leak_scan *scan;
	struct kernel_btf *kernel;
	const char *few;
	int err;

	libbpf_set_verbose(verbose);
	if (collector_check_types(&kernel, ret_failure))
		return -EPERM;
	scan = calloc(1, sizeof(*scan));
	err = scan ? open_iterators(scan, kernel) : -ENOMEM;
	kernel_btf_close(kernel);
	if (err) {
		leak_scan_close(scan);
		ret_failure->problem = COLLECTOR_FAILED;
		few = self_few_descriptors(err);
		snprintf(ret_failure->text, sizeof(ret_failure->text),
			 few ? "%s" : "the kernel refused the programs that scan sockets (%s): run with -v to see its messages",
			 few ?: strerror(-err));
		return err;
	}
	*out = scan;
	return 0;
}

void leak_scan_close(struct leak_scan *scan)
{
	if (!scan)
		return;
	bpf_link__destroy(scan->files);
	bpf_link__destroy(scan->tcp);
	leak_scan_bpf__destroy(scan->bpf);
	free(scan);
}

size_t leak_scan_examine(struct hook_state *hooks, bool verbose)
{
	struct collector_failure failure = {0};
	struct leak_scan *scan = NULL;
	size_t n = hooks_probe_here(HOOKS_LEAKS, hooks);
	bool works = !leak_scan_open(&scan, verbose, &failure);

	for (size_t i = 0; i < n; i++) {
		hooks[i].used = works;
		if (failure.problem == COLLECTOR_FAILED)
			hook_refused(&hooks[i], failure.text);
	}
	leak_scan_close(scan);
	return n;
}

/* An iterate_enter_fn. */
static bool leak_scan_enter(void *scan, uint32_t netns, struct netns_files *files)
{
	(void)scan;
	(void)netns;
	return netns_sockets(files).any;
}

void leak_scan_use(struct leak_scan *scan, struct admin *admin)
{
	scan->admin = admin;
}

void leak_scan_widen(struct leak_scan *scan)
{
	scan->bpf->bss->wide = true;
}

int leak_scan_run(struct leak_scan *scan, event_fn fn, void *ctx)
{
	int held = bpf_map__fd(scan->bpf->maps.namespaces), err;
	const struct iterate_visit visit = {.link = scan->tcp,
					    .held = held,
					    .admin = scan->admin,
					    .files = NETNS_SOCKETS_FILES,
					    .enter = leak_scan_enter,
					    .fn = fn,
					    .ctx = ctx};
	struct wire_mark mark = wire_make_mark(WIRE_LEAK_BEGIN, clock_now_ns(), 0);

	scan->reach = (struct iterate_reach){0};
	netns_forget_held(held);
	scan->bpf->bss->namespace_before = 0;
	scan->bpf->bss->in_use_tgid = 0;
	fn(ctx, &mark.hdr);
	err = cookies_give(&scan->cookies, scan->files, &visit);
	scan->bpf->bss->namespaces_left_out = 0;
	err = err ?: iterate(scan->files, fn, NULL, ctx) ?: iterate_namespaces(&visit, &scan->reach);
	cookies_check(&scan->cookies, &scan->reach);
	scan->reach.missed += scan->bpf->bss->namespaces_left_out;
	mark = wire_make_mark(WIRE_LEAK_END, clock_now_ns(), (int64_t)scan->reach.entered);
	/* A namespace that no scan of this run can enter takes nothing away: none has met it. */
	mark.hdr.new_state = err ? WIRE_REACH_PART : iterate_met_all(&scan->reach) ? WIRE_REACH_WHOLE : WIRE_REACH_HELD;
	fn(ctx, &mark.hdr);
	return err;
}

void leak_scan_warn_missed(const struct leak_scan *scan, warn_fn warn)
{
	iterate_warn(&scan->reach, warn);
}

uint64_t leak_scan_missed(const struct leak_scan *scan)
{
	return scan->reach.missed;
}
