/* SPDX-License-Identifier: GPL-2.0-only */
/* A Unix stream socket that a log shipper listens on. */
#pragma once

#include "destination.h"

struct stat;

/*
 * 0; -ENAMETOOLONG: more than 107 bytes; -ENOENT, -ECONNREFUSED: nobody listens there; another -errno; or -output_refusal.
 * `path` must outlive the destination. A peer that leaves later is looked for again by restore(), whose lines are whole ones.
 */
int unix_socket_open(struct destination **out, const char *path);

/*
 * A socket of `type` (SOCK_STREAM or SOCK_DGRAM), connected to `path`, that does not block; or an error as above. *ret_peer is
 * what the name led to.
 */
int unix_connect(const char *path, int type, struct stat *ret_peer);
