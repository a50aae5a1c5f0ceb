// SPDX-License-Identifier: GPL-2.0-only
/* What a helper that somebody took over can do to the memory that the next helper needs. */
#include "src/host/shared_page.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SIZE 8192
#define ALL_SEALS 64
#define SEAL_EXEC 0x20 /* Linux 6.3 on */

static int open_page(enum shared_page_writers writers, char **ret_page)
{
	void *page = NULL;
	int fd = shared_page_new("test", SIZE, writers, &page);

	assert_true(fd >= 0);
	assert_non_null(page);
	*ret_page = page;
	return fd;
}

static void no_seal_is_added(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	assert_true(seals & F_SEAL_SEAL);
	for (int seal = 1; seal < ALL_SEALS; seal *= 2) {
		assert_int_equal(fcntl(fd, F_ADD_SEALS, seal), -1);
		assert_int_equal(errno, EPERM);
	}
	assert_int_equal(fcntl(fd, F_GET_SEALS), seals);
	assert_int_equal(ftruncate(fd, 0), -1);
	assert_int_equal(ftruncate(fd, SIZE * 2), -1);
}

/* Whoever may write to it makes no program of it. */
static void test_nobody_executes_it(void **state)
{
	char *page;
	int fd = open_page(SHARED_PAGE_ALL, &page);
	struct stat st;

	(void)state;
	if (!(fcntl(fd, F_GET_SEALS) & SEAL_EXEC))
		skip(); /* an older kernel */
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0111, 0);
	assert_int_equal(fchmod(fd, 0700), -1);
	assert_int_equal(errno, EPERM);
	munmap(page, SIZE);
	close(fd);
}

static void test_next_helper_can_write(void **state)
{
	char *page, *helper;
	int fd = open_page(SHARED_PAGE_ALL, &page);

	(void)state;
	no_seal_is_added(fd);
	helper = shared_page_map(fd, SIZE, 1);
	assert_non_null(helper);
	strcpy(helper, "said");
	assert_string_equal(page, "said");
	munmap(helper, SIZE);
	munmap(page, SIZE);
	close(fd);
}

static void test_helper_cannot_write_ours(void **state)
{
	char *page, *helper;
	int fd = open_page(SHARED_PAGE_OURS, &page);

	(void)state;
	no_seal_is_added(fd);
	assert_null(shared_page_map(fd, SIZE, 1));
	assert_int_equal(pwrite(fd, "lie", 3, 0), -1);
	helper = shared_page_map(fd, SIZE, 0);
	assert_non_null(helper);
	assert_int_equal(mprotect(helper, SIZE, PROT_READ | PROT_WRITE), -1);
	strcpy(page, "said");
	assert_string_equal(helper, "said");
	munmap(helper, SIZE);
	munmap(page, SIZE);
	close(fd);
}

static void test_no_page(void **state)
{
	int fd = memfd_create("test", MFD_CLOEXEC);
	char *page;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(ftruncate(fd, SIZE), 0);
	assert_null(shared_page_map(fd, SIZE, 0)); /* somebody could take it away below us */
	close(fd);
	fd = open_page(SHARED_PAGE_ALL, &page);
	assert_null(shared_page_map(fd, SIZE + 1, 0));
	munmap(page, SIZE);
	close(fd);
	assert_null(shared_page_map(fd, SIZE, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_next_helper_can_write),
		cmocka_unit_test(test_nobody_executes_it),
		cmocka_unit_test(test_helper_cannot_write_ours),
		cmocka_unit_test(test_no_page),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
