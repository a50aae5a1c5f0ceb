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
	bool live; /* it has the live page, too */
};

/* 0, or -errno with a sentence in `why`. */
int metrics_server_open(struct metrics_server **out, const struct metrics_address *address, char why[METRICS_WHY]);
void metrics_server_close(struct metrics_server *server); /* NULL is fine */

/* A text that holds from now on; never blocks. Starts the process again if it has ended: then true, with the reason in `why`.
 */
bool metrics_server_publish(struct metrics_server *server, const char *text, size_t len, char why[METRICS_WHY]);

/* Somebody has the live page open. If nobody has, no event needs to be made. */
bool metrics_server_watched(const struct metrics_server *server);
void metrics_server_publish_live(struct metrics_server *server, const char *event, size_t len);
void metrics_server_count(const struct metrics_server *server, struct metrics_live_counts *ret);
