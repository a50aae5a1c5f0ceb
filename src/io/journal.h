/* SPDX-License-Identifier: GPL-2.0-only */
/* The systemd journal: one datagram for each entry, as format/journal.c makes them. No library is needed. */
#pragma once

#include "destination.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"

/*
 * `path` is the journal's socket and must outlive the destination; NULL or "": JOURNAL_SOCKET. 0; -ENOENT, -ECONNREFUSED: no
 * journal runs; another -errno, or -output_refusal.
 */
int journal_open(struct destination **out, const char *path);
