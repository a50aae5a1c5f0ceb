/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths of cgroups (v2), and what container runtimes write into them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTAINER_ID_LEN 64
#define POD_UID_LEN 36
#define POD_HASH_LEN 32 /* of a static pod */

/* A directory fd of the cgroup2 hierarchy, and its mount point's length; -errno without one. The caller closes it. */
int cgroup_open_root(size_t *ret_mount_len);

/* The path of cgroup `id` below the mount point, "/" for the root; false if it is gone. */
bool cgroup_path(int root_fd, size_t mount_len, uint64_t id, char *buf, size_t size);

/* The container id (64 hex digits) in a path, or NULL: the last one, since pods nest. */
const char *cgroup_container_id(const char *path);

/*
 * The pod's uid in a path of Kubernetes, dashes restored where it has some, in `ret_uid` (room for POD_UID_LEN bytes). Returns
 * its length, 0 if there is none.
 */
size_t cgroup_pod_uid(const char *path, char *ret_uid);
