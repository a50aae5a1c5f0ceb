/* SPDX-License-Identifier: GPL-2.0-only */
/* Paths of cgroups (v2), and what container runtimes write into them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct admin;

#define CONTAINER_ID_LEN 64
#define POD_UID_LEN 36
#define POD_HASH_LEN 32 /* of a static pod */

/* A directory fd of the cgroup2 hierarchy, and its mount point's length; -errno without one. The caller closes it. */
int cgroup_open_root(size_t *ret_mount_len);

/* The path of cgroup `id` below the mount point, "/" for the root; false if it is gone, or the path has not less than `size`
 * bytes. */
bool cgroup_path(int root_fd, size_t mount_len, uint64_t id, char *buf, size_t size);

/*
 * The length of the longest prefix of `path` that root has for itself: its directories, and those above it, belong to root,
 * nobody else may write to them or move processes into them, and systemd has not delegated them. 0: only the root directory is
 * so; -1: not even that. `admin` sees what only CAP_SYS_ADMIN shows; NULL: this process does, if it has it.
 */
int cgroup_root_len(int root_fd, struct admin *admin, const char *path);
#define CGROUP_ROOT_LEN_UNKNOWN (-1)

/* The container and the pod that a path names: the outermost ones, since what is below them is made inside. */
struct cgroup_container {
	const char *id; /* CONTAINER_ID_LEN hex digits in the path; NULL: it names none */
	char pod_uid[POD_UID_LEN];
	size_t pod_uid_len; /* 0: it names none */
	/* A user may have made it up: it is not directly in a directory of cgroup_root_len(), or a unit's own processes made
	 * it. */
	bool id_claimed, pod_claimed;
};
void cgroup_container(const char *path, int root_len, struct cgroup_container *ret_container);

/* The unit of systemd that a path names, a service or a scope: *ret_len bytes of it. NULL: it names none. */
const char *cgroup_unit(const char *path, size_t *ret_len);
