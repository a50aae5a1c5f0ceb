// SPDX-License-Identifier: GPL-2.0-only
/*
 * For each type that a program reads, libbpf walks through all types of the kernel in search of those with its name: 25 ms for
 * the programs that trace. In an excerpt of some hundred types that takes no time.
 *
 * What is not needed to find out where fields lie is left out: what pointers point to, typedefs and const. Types of modules are
 * not searched then. All that we read are of the kernel itself: TCP, IPv6's part of a socket and MPTCP cannot be modules, or
 * are declared for all.
 */
#include "btf_excerpt.h"

#include "kernel_btf.h"
#include "src/host/memory_file.h"
#include "src/io/write_all.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <bpf/btf.h>

#define KIND_TYPE_TAG 18 /* BTF_KIND_TYPE_TAG, which old headers do not have */
#define ANY_POINTER 1    /* the first type: all pointers are the same */
#define NAME_MAX_LEN 128

struct excerpt {
	const struct btf *from;
	uint32_t *numbers; /* by a type's number in `from`: that in the excerpt; 0: not there */
	uint32_t types_n, names_len;
	FILE *types, *names;
	int err;
};

static uint32_t put_name(struct excerpt *e, uint32_t offset)
{
	const char *name = btf__name_by_offset(e->from, offset);
	uint32_t at = e->names_len;
	size_t size;

	if (!name || !*name)
		return 0; /* the first name is the empty one */
	size = strlen(name) + 1;
	fwrite(name, size, 1, e->names);
	e->names_len += (uint32_t)size;
	return at;
}

/* The type's head, and behind it what its kind has. Its number. */
static uint32_t put_type(struct excerpt *e, const struct btf_type *t, const void *more, size_t len)
{
	struct btf_type head = *t;

	head.name_off = put_name(e, t->name_off);
	fwrite(&head, sizeof(head), 1, e->types);
	if (len)
		fwrite(more, len, 1, e->types);
	return ++e->types_n;
}

static uint32_t copy(struct excerpt *e, uint32_t id);

static uint32_t copy_members(struct excerpt *e, const struct btf_type *t)
{
	size_t n = btf_vlen(t);
	struct btf_member *members = malloc((n + 1) * sizeof(*members));
	uint32_t number;

	if (!members) {
		e->err = -ENOMEM;
		return 0;
	}
	for (size_t i = 0; i < n; i++) {
		members[i] = btf_members(t)[i];
		members[i].name_off = put_name(e, members[i].name_off);
		members[i].type = copy(e, members[i].type);
	}
	number = put_type(e, t, members, n * sizeof(*members));
	free(members);
	return number;
}

/* Both kinds of values begin with their name. */
static uint32_t copy_values(struct excerpt *e, const struct btf_type *t, size_t size)
{
	size_t len = btf_vlen(t) * size;
	char *values = malloc(len + 1);
	uint32_t number, name;

	if (!values) {
		e->err = -ENOMEM;
		return 0;
	}
	memcpy(values, t + 1, len);
	for (size_t at = 0; at < len; at += size) {
		memcpy(&name, values + at, sizeof(name));
		name = put_name(e, name);
		memcpy(values + at, &name, sizeof(name));
	}
	number = put_type(e, t, values, len);
	free(values);
	return number;
}

static uint32_t copy_array(struct excerpt *e, const struct btf_type *t)
{
	struct btf_array array = *btf_array(t);

	array.type = copy(e, array.type);
	array.index_type = copy(e, array.index_type);
	return put_type(e, t, &array, sizeof(array));
}

static uint32_t copy_kind(struct excerpt *e, const struct btf_type *t)
{
	switch (btf_kind(t)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		return copy_members(e, t);
	case BTF_KIND_ENUM:
		return copy_values(e, t, sizeof(struct btf_enum));
	case KIND_ENUM64:
		return copy_values(e, t, 3 * sizeof(uint32_t)); /* struct btf_enum64 */
	case BTF_KIND_ARRAY:
		return copy_array(e, t);
	case BTF_KIND_INT:
		return put_type(e, t, t + 1, sizeof(uint32_t));
	case BTF_KIND_PTR:
		return ANY_POINTER;
	default: /* a number with a point: nothing behind the head */
		return put_type(e, t, NULL, 0);
	}
}

/* What a type consists of stands before it. Its number; 0 for void. A struct is never within itself, so this ends. */
static uint32_t copy(struct excerpt *e, uint32_t id)
{
	const struct btf_type *t = btf__type_by_id(e->from, id);

	while (btf_is_mod(t) || btf_is_typedef(t) || btf_kind(t) == KIND_TYPE_TAG) {
		id = t->type;
		t = btf__type_by_id(e->from, id);
	}
	if (id && !e->numbers[id])
		e->numbers[id] = copy_kind(e, t);
	return id ? e->numbers[id] : 0;
}

static void copy_named(struct excerpt *e, const struct kernel_btf *kernel, const char *name, uint32_t kind)
{
	uint32_t cursor = 0;
	int id;

	while ((id = kernel_btf_next(kernel, name, kind, &cursor)) >= 0)
		copy(e, (uint32_t)id);
}

static void copy_all(struct excerpt *e, const struct kernel_btf *kernel, const struct btf *object)
{
	const struct btf_type pointer = {.info = BTF_KIND_PTR << 24}, *t;
	char name[NAME_MAX_LEN], *flavor;

	fputc('\0', e->names);
	e->names_len = 1;
	put_type(e, &pointer, NULL, 0);
	for (uint32_t id = 1; (t = btf__type_by_id(object, id)); id++) {
		if (!t->name_off || (!btf_is_composite(t) && !btf_is_enum(t)))
			continue;
		snprintf(name, sizeof(name), "%s", btf__name_by_offset(object, t->name_off));
		flavor = strstr(name, "___"); /* ours, not the kernel's */
		if (flavor)
			*flavor = '\0';
		copy_named(e, kernel, name, btf_kind(t));
		if (btf_is_enum(t))
			copy_named(e, kernel, name, KIND_ENUM64);
	}
}

static int write_file(int fd, const struct excerpt *e, const char *types, const char *names)
{
	const struct btf_header head = {
		.magic = BTF_MAGIC,
		.version = BTF_VERSION,
		.hdr_len = sizeof(head),
		.type_len = (uint32_t)ftell(e->types),
		.str_off = (uint32_t)ftell(e->types),
		.str_len = e->names_len,
	};

	return write_all(fd, &head, sizeof(head)) ?: write_all(fd, types, head.type_len) ?: write_all(fd, names, head.str_len);
}

int btf_excerpt_fill(const struct btf_excerpt *excerpt, const struct btf *object)
{
	struct excerpt e = {0};
	char *types = NULL, *names = NULL;
	size_t types_len, names_len;
	int err = -ENOMEM;

	if (!excerpt->path)
		return 0;
	e.from = kernel_btf_types(excerpt->kernel);
	e.numbers = calloc(kernel_btf_n(excerpt->kernel), sizeof(*e.numbers));
	e.types = open_memstream(&types, &types_len);
	e.names = open_memstream(&names, &names_len);
	if (e.numbers && e.types && e.names) {
		copy_all(&e, excerpt->kernel, object);
		if (fflush(e.types) || fflush(e.names))
			e.err = -ENOMEM;
		err = e.err ?: write_file(excerpt->fd, &e, types, names);
	}
	if (e.types)
		fclose(e.types);
	if (e.names)
		fclose(e.names);
	free(types);
	free(names);
	free(e.numbers);
	return err;
}

void btf_excerpt_open(struct btf_excerpt *excerpt, const struct kernel_btf *kernel)
{
	*excerpt = (struct btf_excerpt){.kernel = kernel, .fd = kernel ? memory_file("types", 0) : -1};
	if (excerpt->fd < 0)
		return;
	snprintf(excerpt->name, sizeof(excerpt->name), "/proc/self/fd/%d", excerpt->fd);
	if (!access(excerpt->name, R_OK))
		excerpt->path = excerpt->name;
}

void btf_excerpt_close(struct btf_excerpt *excerpt)
{
	if (excerpt->fd >= 0)
		close(excerpt->fd);
	*excerpt = (struct btf_excerpt){.fd = -1};
}
