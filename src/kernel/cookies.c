// SPDX-License-Identifier: GPL-2.0-only
#include "internal.h"

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
	err = iterate(files, giving.fn, giving.pause, giving.ctx);
	if (!err && *cookies->nameless)
		err = iterate_namespaces(&giving, &reach);
	*cookies->cookies_only = false;
	*cookies->nameless = 0;
	return err;
}

void cookies_check(struct cookies *cookies)
{
	cookies->complete = !*cookies->nameless;
}
