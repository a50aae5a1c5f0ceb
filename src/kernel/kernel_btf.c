// SPDX-License-Identifier: GPL-2.0-only
/*
 * A start asks for some fifty types. All names are hashed in one walk instead, which takes as long as two or three look-ups of
 * libbpf. They take 6 MB while they are open, which is for a start only.
 */
#include "kernel_btf.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

struct kernel_btf {
	struct btf *own;         /* NULL: `types` are somebody else's */
	const struct btf *types; /* without a BTF of modules */
	uint32_t *slots;         /* by hash: a type's number, 0: free. Open addressing, in the order of numbers */
	uint32_t mask, n;        /* n: all numbers are less */
};

/* Of the first and the last eight bytes, which distinguish most names: two loads take less time than all of it. */
static uint32_t hash(const char *name)
{
	size_t len = strlen(name);
	uint64_t first = 0, last = 0;

	if (len >= sizeof(first)) {
		memcpy(&first, name, sizeof(first));
		memcpy(&last, name + len - sizeof(last), sizeof(last));
	} else {
		memcpy(&first, name, len);
	}
	first = (first ^ last * 0x9e3779b97f4a7c15 ^ len) * 0xd6e8feb86659fd93;
	return (uint32_t)(first >> 32);
}

static bool is_indexed(const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_ENUM:
	case KIND_ENUM64:
	case BTF_KIND_TYPEDEF:
	case BTF_KIND_FUNC:
		return t->name_off;
	default:
		return false;
	}
}

static uint32_t types_n(const struct btf *types)
{
#if LIBBPF_MAJOR_VERSION >= 1
	return btf__type_cnt(types);
#else
	return btf__get_nr_types(types) + 1; /* what 0.5 has */
#endif
}

int kernel_btf_new(struct kernel_btf **out, const struct btf *types)
{
	struct kernel_btf *btf = calloc(1, sizeof(*btf));
	uint32_t n = types_n(types), size = 16, at;
	const struct btf_type *t;

	while (size < n)
		size *= 2;
	if (btf)
		*btf = (struct kernel_btf){
			.types = types, .slots = calloc(size, sizeof(*btf->slots)), .mask = size - 1, .n = n};
	if (!btf || !btf->slots) {
		free(btf);
		return -ENOMEM;
	}
	for (uint32_t id = 1; id < n; id++) {
		t = btf__type_by_id(types, id);
		if (!is_indexed(t))
			continue;
		at = hash(btf__name_by_offset(types, t->name_off)) & btf->mask;
		while (btf->slots[at])
			at = (at + 1) & btf->mask;
		btf->slots[at] = id;
	}
	*out = btf;
	return 0;
}

/* What is found out is said in our own words: libbpf's are for -v, and what loads the programs reads these types, too. */
static int read_types(struct btf **ret_types)
{
	libbpf_print_fn_t print = libbpf_set_print(NULL);
	int err;

	*ret_types = btf__load_vmlinux_btf();
	err = libbpf_get_error(*ret_types);
	libbpf_set_print(print);
	return err;
}

int kernel_btf_open(struct kernel_btf **out)
{
	struct btf *types;
	int err = read_types(&types);

	if (err)
		return err;
	err = kernel_btf_new(out, types);
	if (err)
		btf__free(types);
	else
		(*out)->own = types;
	return err;
}

void kernel_btf_close(struct kernel_btf *btf)
{
	if (!btf)
		return;
	btf__free(btf->own);
	free(btf->slots);
	free(btf);
}

int kernel_btf_next(const struct kernel_btf *btf, const char *name, uint32_t kind, uint32_t *cursor)
{
	const struct btf_type *t;
	uint32_t id;

	for (uint32_t h = hash(name);;) {
		id = btf->slots[(h + (*cursor)++) & btf->mask];
		if (!id)
			return -ENOENT;
		t = btf__type_by_id(btf->types, id);
		if (btf_kind(t) == kind && !strcmp(btf__name_by_offset(btf->types, t->name_off), name))
			return (int)id;
	}
}

int kernel_btf_find(const struct kernel_btf *btf, const char *name, uint32_t kind)
{
	uint32_t cursor = 0;

	return kernel_btf_next(btf, name, kind, &cursor);
}

const struct btf *kernel_btf_types(const struct kernel_btf *btf)
{
	return btf->types;
}

uint32_t kernel_btf_n(const struct kernel_btf *btf)
{
	return btf->n;
}

const struct btf_type *kernel_btf_type(const struct kernel_btf *btf, int id)
{
	return id < 0 ? NULL : btf__type_by_id(btf->types, (uint32_t)id);
}
