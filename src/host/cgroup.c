// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cgroup's id is the kernfs file handle of its directory: open_by_handle_at() gives the path without a walk. A container's id
 * is read from the path. Forms in use: docker-<id>.scope, cri-containerd-<id>.scope, crio-<id>.scope, libpod-<id>.scope,
 * /docker/<id>, and kubepods…-pod<uid>.slice or /pod<uid>/, where systemd writes '-' as '_'. The uid of a static pod is a hash:
 * hex digits alone.
 */
#include "cgroup.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILEID_KERNFS 0xfe /* include/linux/exportfs.h, 5.5 on */

int cgroup_open_root(size_t *ret_mount_len)
{
	FILE *mounts = fopen("/proc/self/mountinfo", "re");
	char line[4096], point[2048], type[64];
	const char *tail;
	int fd = -ENOENT;

	if (!mounts)
		return -errno;
	while (fd < 0 && fgets(line, sizeof(line), mounts)) {
		tail = strstr(line, " - ");
		if (!tail || sscanf(tail, " - %63s", type) != 1 || strcmp(type, "cgroup2"))
			continue;
		if (sscanf(line, "%*s %*s %*s %*s %2047s", point) != 1)
			continue;
		fd = open(point, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (fd < 0)
			fd = -errno;
		else
			*ret_mount_len = strcmp(point, "/") ? strlen(point) : 0;
	}
	fclose(mounts);
	return fd;
}

bool cgroup_path(int root_fd, size_t mount_len, uint64_t id, char *buf, size_t size)
{
	union {
		struct file_handle handle;
		char space[sizeof(struct file_handle) + sizeof(id)];
	} u = {.handle = {.handle_bytes = sizeof(id), .handle_type = FILEID_KERNFS}};
	char link[48], path[4096];
	ssize_t len;
	int fd;

	memcpy(u.space + sizeof(struct file_handle), &id, sizeof(id));
	fd = open_by_handle_at(root_fd, &u.handle, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	close(fd);
	if (len < (ssize_t)mount_len)
		return false;
	path[len] = '\0';
	snprintf(buf, size, "%s", len == (ssize_t)mount_len ? "/" : path + mount_len);
	return true;
}

const char *cgroup_container_id(const char *path)
{
	const char *found = NULL;
	size_t run = 0;

	for (;; path++) {
		if (isxdigit((unsigned char)*path)) {
			run++;
			continue;
		}
		if (run == CONTAINER_ID_LEN)
			found = path - run;
		run = 0;
		if (!*path)
			return found;
	}
}

static size_t hex_run(const char *text)
{
	size_t len = 0;

	while (isxdigit((unsigned char)text[len]))
		len++;
	return len;
}

/* The length of the uid at `text`: 8-4-4-4-12 hex digits, joined by '-' or '_', or 32 without; 0: there is none. */
static size_t uid_len(const char *text)
{
	static const size_t groups[] = {8, 4, 4, 4, 12};
	size_t len = 0;

	if (hex_run(text) == POD_HASH_LEN)
		return POD_HASH_LEN;
	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		if (i && text[len] != '-' && text[len] != '_')
			return 0;
		len += i ? 1 : 0;
		if (i < 4 ? hex_run(text + len) != groups[i] : hex_run(text + len) < groups[i])
			return 0;
		len += groups[i];
	}
	return len;
}

size_t cgroup_pod_uid(const char *path, char *ret_uid)
{
	size_t len = 0;

	while (!len && (path = strstr(path, "pod"))) {
		path += 3;
		len = uid_len(path);
	}
	for (size_t i = 0; i < len; i++)
		ret_uid[i] = path[i] == '_' ? '-' : path[i];
	return len;
}
