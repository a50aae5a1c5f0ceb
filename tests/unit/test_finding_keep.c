// SPDX-License-Identifier: GPL-2.0-only
/* Findings over a restart: one that is up goes on without a record, and goes under its id. */
#include "sample.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "src/core/finding_keep.h"
#include "src/core/finding_set.h"

#define S SAMPLE_S
#define UP (100 * S)
#define START (200 * S) /* of the next run */

static const struct hash_key hash_key;
static struct finding_record last;
static size_t records;
static union {
	struct wire_hdr hdr;
	struct wire_standing standing;
	char bytes[512];
} kept;

/* A finding_fn. */
static void on_finding(void *ctx, const struct finding_record *finding)
{
	(void)ctx;
	last = *finding;
	records++;
}

/* An event_fn. */
static void take(void *ctx, const struct wire_hdr *ev)
{
	(void)ctx;
	assert_true(ev->len <= sizeof(kept) && wire_valid(ev, ev->len));
	memcpy(&kept, ev, ev->len);
}

/* A finding_fn. */
static void keep(void *ctx, const struct finding_record *finding)
{
	finding_keep(finding, UP, take, ctx);
}

static struct finding_record leaks(uint64_t count)
{
	struct finding_record f = {.id = FINDING_CLOSE_WAIT_LEAK,
				   .count = count,
				   .oldest_known = true,
				   .oldest_ns = 70 * S,
				   .cause = LEAK_INHERITED,
				   .cause_count = 2,
				   .cause_certain = true,
				   .opener = {.tgid = 7, .comm = "opener"},
				   .opener_ended = true,
				   .t = {.cookie = 9, .role = CONN_SERVER, .id_known = true, .from = CONN_FROM_SCAN}};

	sample_addresses(&f.t, AF_INET, "::ffff:10.0.0.1", 80, "::ffff:10.0.0.2", 40000);
	f.t.task = (struct wire_task){.tgid = 200, .start_ns = 5, .comm = "server"};
	finding_set_about(&f, FINDING_LOCAL_PORT);
	finding_name(&f, true);
	return f;
}

static void look(struct finding_set *set, const struct finding_record *found, uint64_t now)
{
	if (found)
		finding_set_offer(set, found);
	finding_set_close(set, FINDING_BY_SCAN, now, on_finding, NULL);
}

static void first_run(void)
{
	const struct finding_record f = leaks(3);
	struct finding_set set;

	records = 0;
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	look(&set, &f, UP);
	assert_int_equal(records, 1);
	finding_set_each(&set, keep, NULL);
	finding_set_free(&set);
}

static void goes_on(void **state)
{
	const struct finding_record f = leaks(3);
	struct finding_record restored;
	struct finding_set set;

	(void)state;
	first_run();
	restored = finding_kept(&kept.standing);
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	finding_set_restore(&set, &restored);
	finding_set_restore(&set, &restored); /* twice in the file: once */
	records = 0;
	look(&set, &f, START);
	look(&set, &f, START + 5 * S);
	assert_int_equal(records, 0);
	for (uint64_t i = 2; i < 5; i++)
		look(&set, NULL, START + i * 5 * S);
	assert_int_equal(records, 1);
	assert_int_equal(last.what, FINDING_DOWN);
	assert_int_equal(last.number, f.number);
	assert_int_equal(last.since_ns, UP);
	assert_int_equal(last.count, 3);
	finding_set_free(&set);
}

/* Gone while nobody looked: it goes after as many looks as any other, with all that its record needs. */
static void gone_while_down(void **state)
{
	const struct finding_record f = leaks(3);
	struct finding_record restored;
	struct finding_set set;

	(void)state;
	first_run();
	restored = finding_kept(&kept.standing);
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	finding_set_restore(&set, &restored);
	records = 0;
	for (uint64_t i = 0; i < 3; i++)
		look(&set, NULL, START + i * 5 * S);
	assert_int_equal(records, 1);
	assert_int_equal(last.what, FINDING_DOWN);
	assert_memory_equal(&last.t, &f.t, sizeof(f.t));
	assert_int_equal(last.about, f.about);
	assert_int_equal(last.cause, LEAK_INHERITED);
	assert_true(last.cause_certain && last.oldest_known);
	assert_int_equal(last.oldest_ns, 70 * S);
	assert_int_equal(last.cause_count, 2);
	assert_int_equal(last.opener.tgid, 7);
	assert_true(last.opener_ended);
	assert_string_equal(last.opener.comm, "opener");
	finding_set_free(&set);
}

/* A file may have been edited: what is within the limits is no finding. */
static void nothing_wrong(void **state)
{
	struct finding_record restored;
	struct finding_set set;

	(void)state;
	first_run();
	kept.standing.count = 0;
	restored = finding_kept(&kept.standing);
	assert_int_equal(finding_set_init(&set, &hash_key), 0);
	finding_set_restore(&set, &restored);
	assert_int_equal(pool_count(&set.by_number), 0);
	finding_set_free(&set);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on),
		cmocka_unit_test(gone_while_down),
		cmocka_unit_test(nothing_wrong),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
