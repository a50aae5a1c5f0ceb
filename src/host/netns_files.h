/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a network namespace shows of itself, as descriptors: they stay with the namespace in which they were opened, and any
 * thread may read them.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

enum netns_file {
	NETNS_SOCKSTAT,
	NETNS_SOCKSTAT6,
	NETNS_NETSTAT,
	NETNS_SNMP,
	NETNS_PORT_RANGE,
	NETNS_TW_REUSE,
	NETNS_TIMESTAMPS,
	NETNS_DIAG,     /* a netlink socket for sock_diag */
	NETNS_ITERATOR, /* one reading of a BPF iterator */
	NETNS_FILES,
};

struct netns_files {
	int fds[NETNS_FILES]; /* or -errno; -ENODATA if it was not wanted, or is taken */
};

void netns_files_none(struct netns_files *ret_files);

/* Of the namespace that this thread stands in. `wanted`: bits of enum netns_file; `link`: of the iterator, or -1. */
void netns_files_open(uint32_t wanted, int link, struct netns_files *ret_files);
void netns_files_close(struct netns_files *files);

/* For fclose(). 0 or -errno. */
int netns_files_take(struct netns_files *files, enum netns_file which, FILE **ret_file);
