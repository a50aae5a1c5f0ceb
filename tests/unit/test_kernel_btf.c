// SPDX-License-Identifier: GPL-2.0-only
/* Types are found by name and kind, all that share one in their order, and none that does not exist. */
#include "src/kernel/kernel_btf.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include <bpf/btf.h>

#define MANY 1000

static struct btf *types;
static struct kernel_btf *kernel;

static int tear_down(void **state)
{
	(void)state;
	kernel_btf_close(kernel);
	btf__free(types);
	kernel = NULL;
	types = NULL;
	return 0;
}

static int set_up(void **state)
{
	(void)state;
	types = btf__new_empty();
	return types ? 0 : -1;
}

static void index_types(void)
{
	assert_int_equal(kernel_btf_new(&kernel, types), 0);
}

static void test_kinds(void **state)
{
	int number = btf__add_int(types, "sock", 4, 0), record = btf__add_struct(types, "sock", 8),
	    alias = btf__add_typedef(types, "sock", number), function;

	(void)state;
	function = btf__add_func(types, "sock", BTF_FUNC_GLOBAL, btf__add_func_proto(types, 0));
	assert_true(function > 0);
	index_types();
	assert_int_equal(kernel_btf_find(kernel, "sock", BTF_KIND_STRUCT), record);
	assert_int_equal(kernel_btf_find(kernel, "sock", BTF_KIND_TYPEDEF), alias);
	assert_int_equal(kernel_btf_find(kernel, "sock", BTF_KIND_FUNC), function);
	assert_int_equal(kernel_btf_find(kernel, "sock", BTF_KIND_UNION), -ENOENT);
	assert_int_equal(kernel_btf_find(kernel, "soc", BTF_KIND_STRUCT), -ENOENT);
	assert_null(kernel_btf_type(kernel, -ENOENT));
	assert_ptr_equal(kernel_btf_type(kernel, record), btf__type_by_id(types, record));
}

static void test_same_name(void **state)
{
	int first = btf__add_struct(types, "state", 4), other = btf__add_struct(types, "status", 4),
	    second = btf__add_struct(types, "state", 8);
	uint32_t cursor = 0;

	(void)state;
	assert_true(other > 0);
	index_types();
	assert_int_equal(kernel_btf_next(kernel, "state", BTF_KIND_STRUCT, &cursor), first);
	assert_int_equal(kernel_btf_next(kernel, "state", BTF_KIND_STRUCT, &cursor), second);
	assert_int_equal(kernel_btf_next(kernel, "state", BTF_KIND_STRUCT, &cursor), -ENOENT);
}

/* Names whose ends are the same, so that they share a hash. */
static void test_collisions(void **state)
{
	char name[64];
	int ids[MANY];

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "btf_trace_%04d_segment", i);
		ids[i] = btf__add_struct(types, name, 4);
	}
	index_types();
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "btf_trace_%04d_segment", i);
		assert_int_equal(kernel_btf_find(kernel, name, BTF_KIND_STRUCT), ids[i]);
	}
	assert_int_equal(kernel_btf_find(kernel, "btf_trace_9999_segment", BTF_KIND_STRUCT), -ENOENT);
}

static void test_empty(void **state)
{
	(void)state;
	index_types();
	assert_int_equal(kernel_btf_find(kernel, "sock", BTF_KIND_STRUCT), -ENOENT);
	assert_int_equal(kernel_btf_find(kernel, "", BTF_KIND_STRUCT), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_kinds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_same_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_collisions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_empty, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
