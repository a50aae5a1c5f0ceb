// SPDX-License-Identifier: GPL-2.0-only
#include "btf_excerpt.h"
#include "internal.h"
#include "kernel_btf.h"
#include "src/host/self.h"

#include <stdio.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

/* An iterate_enter_fn. */
static bool enter(void *ctx, uint32_t netns, struct netns_files *files)
{
	(void)ctx;
	(void)netns;
	return netns_sockets(files).any;
}

int cookies_give(struct cookies *cookies, const struct bpf_link *files, const struct iterate_visit *visit)
{
	struct iterate_visit giving = *visit;
	struct iterate_reach reach;
	int err = 0;

	*cookies->nameless = 0;
	if (cookies->complete)
		return 0;
	giving.files = NETNS_SOCKETS_FILES;
	giving.enter = enter;
	*cookies->cookies_only = true;
	err = iterate(files, giving.fn, giving.pause, giving.ctx) ?: iterate_namespaces(&giving, &reach);
	*cookies->cookies_only = false;
	*cookies->nameless = 0;
	return err;
}

void cookies_check(struct cookies *cookies, struct iterate_reach *reach)
{
	reach->nameless = *cookies->nameless;
	cookies->complete = !reach->nameless;
}

struct bpf_program *cookies_choose(const struct bpf_object *object, struct bpf_program *plain, bool casts)
{
	struct bpf_program *program = plain;
	char name[64];

	snprintf(name, sizeof(name), "%s_cast", bpf_program__name(plain));
	if (casts)
		program = bpf_object__find_program_by_name(object, name);
	bpf_program__set_autoload(plain, false);
	if (program)
		bpf_program__set_autoload(program, true);
	return program;
}

static int load_form(const struct kernel_btf *kernel, cookies_load_fn load, void *ctx, bool casts)
{
	struct btf_excerpt types;
	int err;

	btf_excerpt_open(&types, kernel);
	err = load(ctx, &types, casts);
	btf_excerpt_close(&types);
	return err;
}

int cookies_load(const struct kernel_btf *kernel, cookies_load_fn load, void *ctx)
{
	int err = load_form(kernel, load, ctx, false);

	return err && !self_no_descriptor(err) ? load_form(kernel, load, ctx, true) : err;
}

uint32_t cookies_cast_type(const struct kernel_btf *types)
{
	int id = types ? kernel_btf_find(types, "tcp_sock", BTF_KIND_STRUCT) : 0;

	return id > 0 ? (uint32_t)id : 0;
}
