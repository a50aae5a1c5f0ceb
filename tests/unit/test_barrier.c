// SPDX-License-Identifier: GPL-2.0-only
/* Which of several reasons barrier_find() names, from files like the kernel's below a folder of the test's own. */
#include "src/host/barrier.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[] = "/tmp/tcplife-fsm-barrier-XXXXXX";

/* With the folders above it. */
static void write_file(const char *path, const char *text)
{
	char full[200];
	FILE *file;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *slash = strchr(full + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		(void)mkdir(full, 0700);
		*slash = '/';
	}
	file = fopen(full, "w");
	assert_non_null(file);
	fputs(text, file);
	assert_false(fclose(file));
}

static void assert_found(const char *text)
{
	char buf[200];
	const char *found = barrier_find(root, buf, sizeof(buf));

	if (!text)
		assert_null(found);
	else
		assert_non_null(found ? strstr(found, text) : NULL);
}

/* Each file makes a reason that goes before those that are there already. */
static void order(void **state)
{
	(void)state;
	assert_found(NULL);
	write_file("/proc/self/status", "Name:\tx\nSeccomp:\t0\n");
	assert_found(NULL);
	write_file("/proc/self/status", "Name:\tx\nSeccomp:\t2\n");
	assert_found("seccomp");
	write_file("/proc/self/attr/apparmor/current", "docker-default (complain)\n");
	assert_found("seccomp");
	write_file("/proc/self/attr/apparmor/current", "docker-default (enforce)\n");
	assert_found("AppArmor may forbid it (profile docker-default)");
	write_file("/proc/self/attr/current", "system_u:system_r:container_t:s0");
	write_file("/sys/fs/selinux/enforce", "0");
	assert_found("AppArmor");
	write_file("/sys/fs/selinux/enforce", "1");
	assert_found("SELinux may forbid it (context system_u:system_r:container_t:s0)");
	write_file("/sys/kernel/security/lockdown", "none [integrity] confidentiality\n");
	assert_false(barrier_is_locked_down(root));
	assert_found("SELinux");
	write_file("/sys/kernel/security/lockdown", "none integrity [confidentiality]\n");
	assert_true(barrier_is_locked_down(root));
	assert_found("locked down");
	assert_false(barrier_is_user_namespace(root));
	write_file("/proc/self/ns/user", ""); /* a file whose number is not that of the first one */
	assert_true(barrier_is_user_namespace(root));
	assert_found("user namespace");
}

/* Kernels before 5.8 have one file for all modules, whichever of them it is. */
static void older_apparmor(void **state)
{
	(void)state;
	write_file("/proc/self/attr/current", "snap.tool (enforce)\n");
	assert_found(NULL);
	write_file("/sys/module/apparmor/parameters/enabled", "Y\n");
	assert_found("AppArmor may forbid it (profile snap.tool)");
	write_file("/proc/self/attr/current", "unconfined\n");
	assert_found(NULL);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(root + strlen(root) - 6, "XXXXXX");
	return mkdtemp(root) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const made[] = {
		"/proc/self/status",
		"/proc/self/attr/apparmor/current",
		"/proc/self/attr/apparmor",
		"/proc/self/attr/current",
		"/proc/self/attr",
		"/proc/self/ns/user",
		"/proc/self/ns",
		"/proc/self",
		"/proc",
		"/sys/fs/selinux/enforce",
		"/sys/fs/selinux",
		"/sys/fs",
		"/sys/kernel/security/lockdown",
		"/sys/kernel/security",
		"/sys/kernel",
		"/sys/module/apparmor/parameters/enabled",
		"/sys/module/apparmor/parameters",
		"/sys/module/apparmor",
		"/sys/module",
		"/sys",
		"",
	};
	char path[200];

	(void)state;
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", root, made[i]);
		(void)remove(path);
	}
	return access(root, F_OK) ? 0 : -1;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(older_apparmor, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
