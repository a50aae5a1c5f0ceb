// SPDX-License-Identifier: GPL-2.0-only
/* Who accepts at an address that several listeners share: the one process that has them all, and nobody where that takes long.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "src/core/listener.h"

#define COMPARED 1024u

static const struct hash_key hash_key = {1, 2};
static const uint8_t addr[16] = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1};

static void put(struct listeners *ls, uint64_t cookie, uint32_t pid)
{
	struct wire_ident ident = {.netns = 7, .local_port = 80};
	const struct listener_seen seen = {.cookie = cookie,
					   .ident = &ident,
					   .process = {.task = {.tgid = pid, .start_ns = pid}},
					   .listens = true,
					   .epoch = 1};
	bool known;

	for (size_t i = 0; i < sizeof(addr); i++)
		ident.local_addr[i] = addr[i];
	assert_int_equal(listeners_put(ls, &seen, &known), 0);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shared_address),
		cmocka_unit_test(two_processes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
