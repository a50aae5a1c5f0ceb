/* SPDX-License-Identifier: GPL-2.0-only */
/* Whether a request may come from a page of ours, and not from one of a stranger that a browser shows. Pure. */
#pragma once

#include <stdbool.h>

/*
 * A Host header with localhost or an address in it, whatever its port. A stranger's page can make its own name stand for an
 * address of this host (DNS rebinding), but then the header has this name: no stranger owns localhost or an address.
 * NULL: there is none.
 */
bool http_guard_host(const char *host);

/* The headers Origin and Sec-Fetch-Site, NULL if there is none, as they are when the page with this Host asks. */
bool http_guard_site(const char *host, const char *origin, const char *fetch_site);
