// SPDX-License-Identifier: GPL-2.0-only
#include "barrier.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define USER_NS_FIRST                                                                                                          \
	0xeffffffdu /* PROC_USER_INIT_INO (include/linux/proc_ns.h): the inode number of the first user namespace */

/* The first line, without its end, of a file that may not exist or may not be read. */
static bool read_line(const char *root, const char *path, char *line, size_t size)
{
	char full[512];
	FILE *file;
	bool any;

	snprintf(full, sizeof(full), "%s%s", root, path);
	file = fopen(full, "re");
	if (!file)
		return false;
	any = fgets(line, (int)size, file);
	fclose(file);
	if (any)
		line[strcspn(line, "\n")] = '\0';
	return any && line[0];
}

bool barrier_is_user_namespace(const char *root)
{
	char path[512];
	struct stat ns;

	snprintf(path, sizeof(path), "%s/proc/self/ns/user", root);
	return !stat(path, &ns) && ns.st_ino != USER_NS_FIRST;
}

/* "none integrity [confidentiality]" */
bool barrier_is_locked_down(const char *root)
{
	char line[128];

	return read_line(root, "/sys/kernel/security/lockdown", line, sizeof(line)) && strstr(line, "[confidentiality]");
}

static bool selinux_context(const char *root, char *context, size_t size)
{
	char enforce[8];

	return read_line(root, "/sys/fs/selinux/enforce", enforce, sizeof(enforce)) && enforce[0] == '1' &&
	       read_line(root, "/proc/self/attr/current", context, size);
}

/* "docker-default (enforce)" */
static bool apparmor_profile(const char *root, char *profile, size_t size)
{
	char *mode;

	if (!read_line(root, "/proc/self/attr/apparmor/current", profile, size)) {
		char enabled[8];

		if (!read_line(root, "/sys/module/apparmor/parameters/enabled", enabled, sizeof(enabled)) ||
		    enabled[0] != 'Y' || !read_line(root, "/proc/self/attr/current", profile, size))
			return false;
	}
	mode = strstr(profile, " (enforce)");
	if (mode)
		*mode = '\0';
	return mode;
}

static bool has_seccomp(const char *root)
{
	char path[512], line[256];
	int mode = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%s/proc/self/status", root);
	file = fopen(path, "re");
	while (file && fgets(line, sizeof(line), file) && sscanf(line, "Seccomp: %d", &mode) != 1)
		;
	if (file)
		fclose(file);
	return mode == 2;
}

const char *barrier_find(const char *root, char *buf, size_t size)
{
	char name[160];

	if (barrier_is_user_namespace(root))
		snprintf(buf, size, "this is a user namespace, whose root has no rights outside of it");
	else if (barrier_is_locked_down(root))
		snprintf(buf, size, "the kernel is locked down (confidentiality, in /sys/kernel/security/lockdown)");
	else if (selinux_context(root, name, sizeof(name)))
		snprintf(buf, size, "SELinux may forbid it (context %.100s)", name);
	else if (apparmor_profile(root, name, sizeof(name)))
		snprintf(buf, size, "AppArmor may forbid it (profile %.100s)", name);
	else if (has_seccomp(root))
		snprintf(buf, size, "a seccomp filter may forbid it (a container's, or SystemCallFilter= of a unit)");
	else
		return NULL;
	return buf;
}
