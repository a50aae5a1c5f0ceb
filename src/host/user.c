// SPDX-License-Identifier: GPL-2.0-only
#include "user.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define USERS_MAX 65536 /* what comes later has numbers */

struct user {
	uint32_t uid;
	char name[USER_NAME_MAX];
};

struct users {
	size_t len, room;
	struct user *list;
};

/* name:password:uid:... */
static bool parse(const char *line, struct user *ret_user)
{
	size_t len = strcspn(line, ":");
	const char *uid = strchr(line + len + (line[len] == ':'), ':');
	unsigned long number;
	char *end;

	if (!len || len >= sizeof(ret_user->name) || !uid || uid[1] < '0' || uid[1] > '9')
		return false;
	errno = 0;
	number = strtoul(uid + 1, &end, 10);
	if (errno || *end != ':' || number > UINT32_MAX)
		return false;
	*ret_user = (struct user){.uid = (uint32_t)number};
	memcpy(ret_user->name, line, len);
	return true;
}

static bool add(struct users *users, const struct user *user)
{
	size_t room = users->room ? users->room * 2 : 64;
	struct user *list;

	if (users->len == users->room) {
		list = reallocarray(users->list, room, sizeof(*list));
		if (!list)
			return false;
		users->list = list;
		users->room = room;
	}
	users->list[users->len++] = *user;
	return true;
}

struct users *users_new(const char *path)
{
	struct users *users = calloc(1, sizeof(*users));
	FILE *file = users ? fopen(path, "re") : NULL;
	bool goes_on = false, went_on;
	struct user user;
	char line[1024];

	if (!file) {
		free(users);
		return NULL;
	}
	while (users->len < USERS_MAX && fgets(line, sizeof(line), file)) {
		went_on = goes_on;
		goes_on = !strchr(line, '\n'); /* the rest of a long line is no line */
		if (!went_on && parse(line, &user) && !add(users, &user))
			break;
	}
	fclose(file);
	return users;
}

void users_free(struct users *users)
{
	if (!users)
		return;
	free(users->list);
	free(users);
}

const char *users_name(const struct users *users, uint32_t uid)
{
	for (size_t i = 0; users && i < users->len; i++) {
		if (users->list[i].uid == uid)
			return users->list[i].name;
	}
	return NULL;
}
