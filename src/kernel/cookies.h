/* SPDX-License-Identifier: GPL-2.0-only */
/* Cookies for sockets that have none, before a scan reads them: see holder.bpf.h. */
#pragma once

#include <stdbool.h>

struct bpf_link;
struct iterate_visit;

/* Of one scan. The programs' variables of these names: */
struct cookies {
	bool *cookies_only;
	unsigned long long *nameless;
	bool complete; /* the last scan met no socket without one */
};

/*
 * Walks through the descriptors (`files`) as the scan does, and if one without a cookie is among them through all namespaces,
 * as `visit` does, whose `enter` and `fn` are not called. Nothing is done if all had one at the last scan. 0 or -errno.
 */
int cookies_give(struct cookies *cookies, const struct bpf_link *files, const struct iterate_visit *visit);

/* After the scan. */
void cookies_check(struct cookies *cookies);
