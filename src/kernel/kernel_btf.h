/* SPDX-License-Identifier: GPL-2.0-only */
/* The kernel's types, with an index of their names: libbpf's own look-up walks through all of them, 130,000 and more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define KIND_ENUM64 19 /* BTF_KIND_ENUM64, which libbpf before 1.0 does not know */

struct btf;
struct btf_type;
struct kernel_btf;

/* Of the running kernel; says nothing. 0 or -errno. While they are kept, the same ones again. Not for two threads. */
int kernel_btf_open(const struct kernel_btf **out);
void kernel_btf_close(const struct kernel_btf *btf); /* NULL is fine */
void kernel_btf_keep(bool keep);                     /* false: frees them; nobody may have them open then */

/* Of other types, for tests; they stay the caller's. */
int kernel_btf_new(struct kernel_btf **out, const struct btf *types);

/* A struct, union, enum, typedef or function; the first of this name, -ENOENT if there is none. */
int kernel_btf_find(const struct kernel_btf *btf, const char *name, uint32_t kind);

/* All of them, in order: `cursor` is 0 before. -ENOENT behind the last one. */
int kernel_btf_next(const struct kernel_btf *btf, const char *name, uint32_t kind, uint32_t *cursor);

const struct btf *kernel_btf_types(const struct kernel_btf *btf);
const struct btf_type *kernel_btf_type(const struct kernel_btf *btf, int id); /* NULL: `id` is an error */
