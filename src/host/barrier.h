/* SPDX-License-Identifier: GPL-2.0-only */
/* What else than a missing capability keeps this process from something: the first of these that is in force. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/*
 * A part of a sentence such as "AppArmor may forbid it (profile docker-default)"; NULL: none of them is in force. `root` is ""
 * but in tests. The text is in `buf`.
 */
const char *barrier_find(const char *root, char *buf, size_t size);

/* Not the first one: bpf() and other calls ask for capabilities in the first, whatever root has in this one. */
bool barrier_is_user_namespace(const char *root);

/* So far that BPF programs may not read the kernel's memory: the kernel says that it has no such function (EINVAL). */
bool barrier_is_locked_down(const char *root);
