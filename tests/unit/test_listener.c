// SPDX-License-Identifier: GPL-2.0-only
/* Who accepts at an address that several listeners share: the one process that has them all, and nobody where that takes long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "src/core/listener.h"

#define COMPARED 1024u

static const struct hash_key hash_key = {1, 2};
static const uint8_t addr[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

static void put_at(struct listeners *ls, uint64_t cookie, uint32_t pid, const uint8_t local[16])
{
	struct wire_ident ident = {.netns = 7, .local_port = 80};
	const struct listener_seen seen = {.cookie = cookie,
					   .ident = &ident,
					   .process = {.task = {.tgid = pid, .start_ns = pid}},
					   .listens = true,
					   .epoch = 1};
	bool known;

	memcpy(ident.local_addr, local, sizeof(ident.local_addr));
	assert_int_equal(listeners_put(ls, &seen, &known), 0);
}

static void put(struct listeners *ls, uint64_t cookie, uint32_t pid)
{
	put_at(ls, cookie, pid, addr);
}

static void shared_address(void **state)
{
	struct listeners ls = {0};
	uint64_t cookie = 1;

	(void)state;
	assert_int_equal(listeners_init(&ls, &hash_key), 0);
	for (; cookie <= COMPARED; cookie++)
		put(&ls, cookie, 10);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 10);
	put(&ls, cookie, 11);
	assert_null(listeners_owner(&ls, 7, 80, addr));
	listeners_remove(&ls, cookie);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 10);
	put(&ls, cookie, 10); /* one more than is looked at */
	assert_null(listeners_owner(&ls, 7, 80, addr));
	assert_null(listeners_owner(&ls, 7, 81, addr));
	listeners_free(&ls);
}

/* The first two settle it: nobody knows. */
static void two_processes(void **state)
{
	struct listeners ls = {0};

	(void)state;
	assert_int_equal(listeners_init(&ls, &hash_key), 0);
	put(&ls, 1, 10);
	put(&ls, 2, 11);
	put(&ls, 3, 10);
	assert_null(listeners_owner(&ls, 7, 80, addr));
	listeners_remove(&ls, 2);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 10);
	listeners_free(&ls);
}

/* The exact address goes before the wildcard of its family, and that before the other's. */
static void wildcards(void **state)
{
	static const uint8_t any[16], any_v4[16] = {[10] = 0xff, [11] = 0xff}, v6[16] = {0xfe, 0x80, [15] = 1};
	struct listeners ls = {0};

	(void)state;
	assert_int_equal(listeners_init(&ls, &hash_key), 0);
	put_at(&ls, 1, 10, any_v4);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 10);
	assert_false(listeners_any(&ls, 7, 80, v6));
	put_at(&ls, 2, 11, any);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 10);
	assert_int_equal(listeners_owner(&ls, 7, 80, v6)->task.tgid, 11);
	put(&ls, 3, 12);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 12);
	listeners_remove(&ls, 3);
	listeners_remove(&ls, 1);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 11);
	assert_false(listeners_any(&ls, 8, 80, addr));
	listeners_free(&ls);
}

/* Many listeners at one port of other addresses do not hide whose this address is. */
static void many_addresses(void **state)
{
	struct listeners ls = {0};
	uint8_t other[16];

	(void)state;
	assert_int_equal(listeners_init(&ls, &hash_key), 0);
	memcpy(other, addr, sizeof(other));
	for (uint32_t i = 1; i <= 40000; i++) {
		other[13] = (uint8_t)(1 + i / 256);
		other[14] = (uint8_t)i;
		put_at(&ls, i, 10, other);
	}
	put(&ls, 50000, 11);
	assert_int_equal(listeners_owner(&ls, 7, 80, addr)->task.tgid, 11);
	assert_int_equal(listeners_owner(&ls, 7, 80, other)->task.tgid, 10);
	listeners_free(&ls);
}

/* The end of a process leaves its listeners alone, and no others; a listener that was handed over is the new process's. */
static void exits(void **state)
{
	const struct wire_exit gone = {.tgid = 10, .start_ns = 10}, unknown = {.tgid = 10, .start_ns = 9};
	struct listeners ls = {0};

	(void)state;
	assert_int_equal(listeners_init(&ls, &hash_key), 0);
	for (uint64_t cookie = 1; cookie <= 5; cookie++)
		put(&ls, cookie, cookie == 4 ? 11 : 10);
	put(&ls, 5, 12);
	listeners_remove(&ls, 2);
	listeners_exited(&ls, &unknown);
	assert_int_equal(ls.left_alone, 0);
	listeners_exited(&ls, &gone);
	assert_int_equal(ls.left_alone, 2);
	assert_null(listeners_owner_of(&ls, 1));
	assert_null(listeners_owner_of(&ls, 3));
	assert_int_equal(listeners_owner_of(&ls, 4)->task.tgid, 11);
	assert_int_equal(listeners_owner_of(&ls, 5)->task.tgid, 12);
	listeners_exited(&ls, &gone);
	assert_int_equal(ls.left_alone, 2);
	put(&ls, 1, 13);
	assert_int_equal(ls.left_alone, 1);
	assert_int_equal(listeners_owner_of(&ls, 1)->task.tgid, 13);
	listeners_free(&ls);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_address), cmocka_unit_test(two_processes), cmocka_unit_test(wildcards),
		cmocka_unit_test(many_addresses), cmocka_unit_test(exits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
