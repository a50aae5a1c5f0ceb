// SPDX-License-Identifier: GPL-2.0-only
/* An excerpt shows each field where the kernel's types have it, of all structs with the name, and leaves out what nobody asked
 * for. */
#include "src/kernel/btf_excerpt.h"
#include "src/kernel/kernel_btf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>

static struct btf *types, *object, *excerpt;
static struct kernel_btf *kernel;
static struct btf_excerpt file;

static int set_up(void **state)
{
	(void)state;
	types = btf__new_empty();
	object = btf__new_empty();
	return !types || !object;
}

static int tear_down(void **state)
{
	(void)state;
	btf_excerpt_close(&file);
	kernel_btf_close(kernel);
	btf__free(types);
	btf__free(object);
	btf__free(excerpt);
	kernel = NULL;
	types = object = excerpt = NULL;
	return 0;
}

static void make_excerpt(void)
{
	assert_int_equal(kernel_btf_new(&kernel, types), 0);
	btf_excerpt_open(&file, kernel);
	assert_non_null(file.path);
	assert_int_equal(btf_excerpt_fill(&file, object), 0);
	excerpt = btf__parse(file.path, NULL);
	assert_int_equal(libbpf_get_error(excerpt), 0);
}

static const struct btf_type *find(const char *name, uint32_t kind)
{
	return btf__type_by_id(excerpt, (uint32_t)btf__find_by_name_kind(excerpt, name, kind));
}

static const struct btf_member *member(const struct btf_type *t, int i, const char *name)
{
	assert_true(i < btf_vlen(t));
	assert_string_equal(btf__name_by_offset(excerpt, btf_members(t)[i].name_off), name);
	return &btf_members(t)[i];
}

static const struct btf_type *type_of(const struct btf_member *m)
{
	return btf__type_by_id(excerpt, m->type);
}

/* struct task { const kind_t kind; struct { int count[3]; }; struct task *next; unsigned busy : 3, idle : 5; } */
static void add_task(void)
{
	int number = btf__add_int(types, "int", 4, BTF_INT_SIGNED), kind = btf__add_enum(types, "kind", 4), alias, list, inner;

	btf__add_enum_value(types, "KIND_ONE", 7);
	alias = btf__add_const(types, btf__add_typedef(types, "kind_t", kind));
	list = btf__add_array(types, number, number, 3);
	inner = btf__add_struct(types, NULL, 12);
	btf__add_field(types, "count", list, 0, 0);
	btf__add_struct(types, "task", 32);
	btf__add_field(types, "kind", alias, 0, 0);
	btf__add_field(types, NULL, inner, 32, 0);
	btf__add_field(types, "next", inner + 2, 128, 0);
	btf__add_field(types, "busy", number, 192, 3);
	btf__add_field(types, "idle", number, 195, 5);
	assert_int_equal(btf__add_ptr(types, inner + 1), inner + 2);
}

static void test_struct(void **state)
{
	const struct btf_type *task, *inner, *kind;
	const struct btf_member *next;

	(void)state;
	add_task();
	btf__add_struct(types, "other", 4);
	btf__add_struct(object, "task", 4); /* as it is declared by us does not matter */
	make_excerpt();
	task = find("task", BTF_KIND_STRUCT);
	assert_int_equal(task->size, 32);
	assert_int_equal(btf_vlen(task), 5);
	kind = type_of(member(task, 0, "kind"));
	assert_int_equal(btf_kind(kind), BTF_KIND_ENUM);
	assert_string_equal(btf__name_by_offset(excerpt, btf_enum(kind)->name_off), "KIND_ONE");
	assert_int_equal(btf_enum(kind)->val, 7);
	inner = type_of(member(task, 1, ""));
	assert_int_equal(btf_member_bit_offset(task, 1), 32);
	assert_int_equal(btf__resolve_size(excerpt, member(inner, 0, "count")->type), 12);
	next = member(task, 2, "next");
	assert_int_equal(btf_member_bit_offset(task, 2), 128);
	assert_int_equal(btf_kind(type_of(next)), BTF_KIND_PTR);
	assert_int_equal(btf__resolve_size(excerpt, next->type), sizeof(void *));
	assert_int_equal(btf_member_bit_offset(task, 4), 195);
	assert_int_equal(btf_member_bitfield_size(task, 4), 5);
	assert_true(btf__find_by_name_kind(excerpt, "other", BTF_KIND_STRUCT) < 0);
}

/* Which of two is meant, libbpf has to judge. A name of ours for an older form ends in "___" and something. */
static void test_names(void **state)
{
	int n = 0;

	(void)state;
	btf__add_struct(types, "twice", 4);
	btf__add_struct(types, "twice", 8);
	btf__add_union(types, "twice", 16);
	btf__add_enum(types, "flags", 4);
	btf__add_struct(object, "twice___old", 4);
	btf__add_enum(object, "flags", 4);
	btf__add_struct(object, "missing", 4);
	make_excerpt();
	for (uint32_t id = 1; btf__type_by_id(excerpt, id); id++)
		n += !strcmp(btf__name_by_offset(excerpt, btf__type_by_id(excerpt, id)->name_off), "twice");
	assert_int_equal(n, 2);
	assert_non_null(find("flags", BTF_KIND_ENUM));
	assert_true(btf__find_by_name_kind(excerpt, "missing", BTF_KIND_STRUCT) < 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_struct, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_names, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
