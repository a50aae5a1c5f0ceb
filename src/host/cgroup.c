// SPDX-License-Identifier: GPL-2.0-only
/*
 * A cgroup's id is the kernfs file handle of its directory: open_by_handle_at() gives the path without a walk. Nobody can
 * rename a control group, so whoever may write to a directory made what is directly in it.
 */
#include "cgroup.h"

#include "admin.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#define DELETED " (deleted)" /* what d_path() appends */
#define FILEID_KERNFS 0xfe   /* include/linux/exportfs.h, 5.5 on */

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

/* Relative to the root directory. */
static const char *below_root(const char *path)
{
	return path[1] ? path + 1 : ".";
}

/* It was removed while it was read; a name may end like that, too. */
static void cut_deleted(int root_fd, uint64_t id, char *path)
{
	size_t len = strlen(path), tail = strlen(DELETED);
	struct stat st;

	if (len > tail && !strcmp(path + len - tail, DELETED) &&
	    (fstatat(root_fd, below_root(path), &st, 0) || st.st_ino != id))
		path[len - tail] = '\0';
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
	len = readlink(link, path, sizeof(path));
	close(fd);
	if (len < (ssize_t)mount_len || len == sizeof(path) || path[0] != '/' || (size_t)len - mount_len >= size)
		return false;
	path[len] = '\0';
	snprintf(buf, size, "%s", len == (ssize_t)mount_len ? "/" : path + mount_len);
	cut_deleted(root_fd, id, buf);
	return buf[0] == '/';
}

static bool is_roots(const struct stat *st)
{
	return st->st_uid == 0 && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* systemd marks what it delegates; without CAP_SYS_ADMIN the first mark cannot be seen, and before 251 it set no other. */
static bool is_delegated(struct admin *admin, int fd)
{
	return fgetxattr(fd, "user.delegate", NULL, 0) >= 0 || fgetxattr(fd, "trusted.delegate", NULL, 0) >= 0 ||
	       admin_is_delegated(admin, fd);
}

static bool root_has(struct admin *admin, int fd)
{
	struct stat dir, procs;

	return !fstat(fd, &dir) && is_roots(&dir) && !fstatat(fd, "cgroup.procs", &procs, AT_SYMLINK_NOFOLLOW) &&
	       is_roots(&procs) && !is_delegated(admin, fd);
}

int cgroup_root_len(int root_fd, struct admin *admin, const char *path)
{
	char part[4096];
	size_t len = 0;
	int fd, has = -1;

	do {
		snprintf(part, sizeof(part), "%.*s", (int)len, path);
		fd = openat(root_fd, len ? below_root(part) : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			return has;
		if (root_has(admin, fd))
			has = (int)len;
		close(fd);
		if (has != (int)len || !path[len] || !path[1])
			return has;
		len += 1 + strcspn(path + len + 1, "/");
	} while (len < sizeof(part));
	return has;
}
