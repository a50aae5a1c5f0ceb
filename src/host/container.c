// SPDX-License-Identifier: GPL-2.0-only
/*
 * A container's id is read from the path of its control group. Forms in use: docker-<id>.scope, cri-containerd-<id>.scope,
 * crio-<id>.scope, libpod-<id>.scope, /docker/<id>, and kubepods…-pod<uid>.slice or /pod<uid>/, where systemd writes '-' as
 * '_'. The uid of a static pod is a hash: hex digits alone.
 *
 * Everybody who may make a control group may give it such a name. A runtime that runs as root makes it in a directory that root
 * has for itself. What is below a service or a scope is made by that unit's processes, and what is below user.slice by users.
 */
#include "cgroup.h"

#include <string.h>

/* A name between two slashes. */
struct part {
	const char *text;
	size_t len;
};

static bool ends_with(struct part part, const char *tail)
{
	size_t len = strlen(tail);

	return part.len > len && !memcmp(part.text + part.len - len, tail, len);
}

/* Units of systemd that are made of a path, or run a container's helper. */
static bool is_other_unit(struct part part)
{
	return ends_with(part, ".service") || ends_with(part, ".mount") || ends_with(part, ".socket") ||
	       ends_with(part, ".swap") || memmem(part.text, part.len, "conmon-", strlen("conmon-"));
}

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

static const char *find_id(struct part part)
{
	size_t run = 0;

	if (is_other_unit(part) || ends_with(part, ".slice"))
		return NULL;
	for (size_t i = 0; i <= part.len; i++) {
		if (i < part.len && is_hex(part.text[i])) {
			run++;
			continue;
		}
		if (run == CONTAINER_ID_LEN)
			return part.text + i - run;
		run = 0;
	}
	return NULL;
}

static size_t hex_run(const char *text)
{
	size_t len = 0;

	while (is_hex(text[len]))
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

/* A uid ends where the part does, or before: no '/' is a digit. */
static size_t find_pod(struct part part, char *ret_uid)
{
	const char *at = part.text, *end = part.text + part.len;
	size_t len = 0;

	if (is_other_unit(part))
		return 0;
	while (!len && (at = memmem(at, (size_t)(end - at), "pod", 3))) {
		at += 3;
		len = uid_len(at);
	}
	for (size_t i = 0; i < len; i++)
		ret_uid[i] = at[i] == '_' ? '-' : at[i];
	return len;
}

/* What is in it was made by others than a runtime of root's. */
static bool is_others(struct part part)
{
	return ends_with(part, ".service") || ends_with(part, ".scope") ||
	       (part.len == strlen("user.slice") && !memcmp(part.text, "user.slice", part.len));
}

void cgroup_container(const char *path, int root_len, struct cgroup_container *ret_container)
{
	struct cgroup_container *c = ret_container;
	bool claimed = false;
	struct part part;

	*c = (struct cgroup_container){0};
	for (const char *slash = path; *slash == '/' && !c->id; slash = part.text + part.len) {
		part = (struct part){slash + 1, strcspn(slash + 1, "/")};
		claimed = claimed || slash - path > root_len;
		if (!c->pod_uid_len) {
			c->pod_uid_len = find_pod(part, c->pod_uid);
			c->pod_claimed = c->pod_uid_len && claimed;
		}
		c->id = find_id(part);
		c->id_claimed = c->id && claimed;
		claimed = claimed || is_others(part);
	}
}
