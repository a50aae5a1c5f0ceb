// SPDX-License-Identifier: GPL-2.0-only
#include "netns.h"

#include <ctype.h>
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#define NAMES_DIR "/run/netns" /* where ip-netns(8) keeps them */
#define NSFS_MAGIC 0x6e736673  /* include/uapi/linux/magic.h */

/* What is left of a name whose namespace is gone is a plain file. */
static bool is_namespace(const char *path, struct stat *ret_stat)
{
	struct statfs fs;

	return !statfs(path, &fs) && fs.f_type == NSFS_MAGIC && !stat(path, ret_stat);
}

bool netns_by_name(const char *name, uint32_t *ret_inode)
{
	char path[300];
	struct stat ns;

	if (!*name || snprintf(path, sizeof(path), "%s%s", *name == '/' ? "" : NAMES_DIR "/", name) >= (int)sizeof(path) ||
	    !is_namespace(path, &ns))
		return false;
	*ret_inode = (uint32_t)ns.st_ino;
	return true;
}

/* True if `below` of an entry of `dir` is this namespace. */
static bool in_folder(const char *dir, const char *below, bool numbers, uint32_t inode)
{
	DIR *folder = opendir(dir);
	struct dirent *entry;
	char path[300];
	struct stat ns;
	bool found = false;

	while (folder && !found && (entry = readdir(folder))) {
		if (entry->d_name[0] == '.' || (numbers && !isdigit((unsigned char)entry->d_name[0])))
			continue;
		snprintf(path, sizeof(path), "%s/%.200s%s", dir, entry->d_name, below);
		found = is_namespace(path, &ns) && ns.st_ino == inode;
	}
	if (folder)
		closedir(folder);
	return found;
}

bool netns_has_holder(uint32_t inode)
{
	return in_folder("/proc", "/ns/net", true, inode) || in_folder(NAMES_DIR, "", false, inode);
}
