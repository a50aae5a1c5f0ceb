/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose leaks are: what /proc, control groups and /etc/passwd say of their processes. */
#pragma once

#include "src/core/leak_group.h"

struct admin;
struct exec_probe;
struct leak_who;
struct record_owner;

/* 0 or an exit code, with a message. `admin`: of owner_use_admin(). */
int leak_who_new(struct leak_who **out, struct admin *admin, bool redact);
void leak_who_free(struct leak_who *who); /* NULL is fine */

struct exec_probe *leak_who_probe(struct leak_who *who); /* NULL: there is none */

/* The names of what leaks are grouped by. */
const struct leak_names *leak_who_names(struct leak_who *who);

/* Reads what is not known yet. The strings live until the next call. */
void leak_who_describe(struct leak_who *who, const struct conn_tuple *t, struct record_owner *ret_owner);

/* And what its process is now. */
void leak_who_describe_process(struct leak_who *who, const struct conn_tuple *t, struct record_owner *ret_owner);

/* A scan begins: processes are looked at again. */
void leak_who_refresh(struct leak_who *who);

/* Says it if not everything could be read. */
void leak_who_warn(struct leak_who *who);
