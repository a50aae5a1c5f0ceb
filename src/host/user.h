/* SPDX-License-Identifier: GPL-2.0-only */
/* Names of users, from /etc/passwd alone: a directory service may ask the network, and could hang. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define USER_NAME_MAX 33

struct users;

/* Reads the file once. NULL: there is none, or no memory; then nobody has a name. */
struct users *users_new(const char *path);
void users_free(struct users *users); /* NULL is fine */

/* NULL: it has none. Lives as long as `users`. */
const char *users_name(const struct users *users, uint32_t uid);
