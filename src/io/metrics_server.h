/* SPDX-License-Identifier: GPL-2.0-only */
/* The tracer's side of --metrics: it listens, hands the socket to a process without rights, and writes the text for it. */
#pragma once

#include "metrics_page.h"

#include <netinet/in.h>

struct metrics_server;

struct metrics_address {
	const char *path;     /* of a Unix socket; NULL: */
	struct in6_addr addr; /* IPv4 as ::ffff:a.b.c.d */
	uint16_t port;
};

/* 0, or -errno with a sentence in `why`. */
int metrics_server_open(struct metrics_server **out, const struct metrics_address *address, char why[METRICS_WHY]);
void metrics_server_close(struct metrics_server *server); /* NULL is fine */

/* A text that holds from now on; never blocks. Starts the process again if it has ended: then true, with the reason in `why`.
 */
bool metrics_server_publish(struct metrics_server *server, const char *text, size_t len, char why[METRICS_WHY]);
