/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's types, with an index of their names: libbpf's own look-up walks through all of them, 130,000 and more. */
#pragma once

#include <stdint.h>

#define KIND_ENUM64 19 /* BTF_KIND_ENUM64, which libbpf before 1.0 does not know */

struct btf;
struct btf_type;
struct kernel_btf;

/* Of the running kernel; says nothing. 0 or -errno. */
int kernel_btf_open(struct kernel_btf **out);

/* Of other types, for tests; they stay the caller's. */
int kernel_btf_new(struct kernel_btf **out, const struct btf *types);

void kernel_btf_close(struct kernel_btf *btf); /* NULL is fine */

/* A struct, union, enum, typedef or function; the first of this name, -ENOENT if there is none. */
int kernel_btf_find(const struct kernel_btf *btf, const char *name, uint32_t kind);

/* All of them, in order: `cursor` is 0 before. -ENOENT behind the last one. */
int kernel_btf_next(const struct kernel_btf *btf, const char *name, uint32_t kind, uint32_t *cursor);

const struct btf *kernel_btf_types(const struct kernel_btf *btf);
uint32_t kernel_btf_n(const struct kernel_btf *btf);                          /* all numbers of types are less */
const struct btf_type *kernel_btf_type(const struct kernel_btf *btf, int id); /* NULL: `id` is an error */
