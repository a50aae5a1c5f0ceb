/* SPDX-License-Identifier: GPL-2.0-only */
/* Who listens where: the owner of last resort for a connection that no process has touched. */
#ifndef CORE_LISTENER_H
#define CORE_LISTENER_H

#include "conn.h"

struct listeners;

int listeners_new(struct listeners **out);
void listeners_free(struct listeners *ls);
uint64_t listeners_memory(const struct listeners *ls);
uint32_t listeners_count(const struct listeners *ls);

/*
 * A listening socket. `task` (may be NULL) replaces the known one if `certain`, else only fills a hole. 0, -ENOSPC or -ENOMEM.
 * `epoch` counts scans; *ret_seen says whether this one knew it already.
 */
int listeners_put(struct listeners *ls, uint64_t cookie, const struct wire_ident *ident, const struct wire_task *task,
		  bool certain, uint8_t epoch, bool *ret_seen);
void listeners_remove(struct listeners *ls, uint64_t cookie);

/* Forgets those that the scan `epoch` did not meet. */
void listeners_sweep(struct listeners *ls, uint8_t epoch);

/* Who accepts at this address: the exact one before the wildcards. NULL: nobody known. */
const struct wire_task *listeners_owner(const struct listeners *ls, uint32_t netns, uint16_t port, const uint8_t addr[16]);

#endif
