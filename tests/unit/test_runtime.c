// SPDX-License-Identifier: GPL-2.0-only
/* What counts as a runtime's or the system's, by names. */
#include "src/symbols/maps.h"
#include "src/symbols/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void file(const char *name, enum runtime_kind kind, uint8_t version, bool is_library)
{
	struct runtime r = runtime_of_file(name);

	assert_int_equal(r.kind, kind);
	assert_int_equal(r.version, version);
	assert_int_equal(runtime_has_file(name), is_library);
}

static void files(void **state)
{
	(void)state;
	file("python3.11", RUNTIME_PYTHON, 11, true);
	file("python3.9", RUNTIME_PYTHON, 9, true);
	file("python3", RUNTIME_PYTHON, 0, true);
	file("libpython3.13.so.1.0", RUNTIME_PYTHON, 13, true);
	file("python3.99999999999999999999", RUNTIME_PYTHON, 99, true);
	file("_socket.cpython-313-x86_64-linux-gnu.so", RUNTIME_NONE, 0, true);
	file("libjvm.so", RUNTIME_JAVA, 0, true);
	file("libnio.so", RUNTIME_NONE, 0, true);
	file("node", RUNTIME_NODE, 0, true);
	file("nodes", RUNTIME_NONE, 0, false);
	file("python", RUNTIME_NONE, 0, false);
	file("healthd", RUNTIME_NONE, 0, false);
	file("", RUNTIME_NONE, 0, false);
}

static void functions(void **state)
{
	(void)state;
	assert_true(runtime_has_function("std::net::tcp::TcpStream::connect (tcp.rs:1)"));
	assert_true(runtime_has_function("<std::net::tcp::TcpStream as std::io::Read>::read+0x7 (app)"));
	assert_true(runtime_has_function("internal/poll.(*FD).Connect (fd_unix.go:1)"));
	assert_true(runtime_has_function("net.(*netFD).connect (fd_unix.go:1)"));
	assert_false(runtime_has_function("network.Dial (x.go:1)"));
	assert_false(runtime_has_function("main.main (x.go:1)"));
	assert_false(runtime_has_function("stdio_open+0x7 (app)"));
	assert_true(runtime_is_call("__libc_connect (connect.c:26)"));
	assert_true(runtime_is_call("__connect+0x7 (app)"));
	assert_true(runtime_is_call("accept4+0x7 (app)"));
	assert_false(runtime_is_call("connect_one (app.c:7)"));
	assert_false(runtime_is_call("accept"));
	assert_false(runtime_is_call(""));
}

static void libraries_of_the_system(void **state)
{
	static const struct {
		const char *path;
		int of_system;
	} cases[] = {
		{"/usr/lib/x86_64-linux-gnu/libc.so.6", 1},
		{"/lib64/ld-linux-x86-64.so.2", 1},
		{"/usr/lib/postgresql/15/bin/postgres", 0},
		{"/opt/app/lib/libapp.so", 0},
		{"/usr/library/x.so", 0},
		{"/srv/root/usr/lib/x86_64-linux-gnu/libc.so.6", 1},
		{"/srv/app/lib/libapp.so", 0},
		{"/usr/lib/", 0},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct module_range modules[MODULES_MAX];
		struct module_list list = {.modules = modules};
		struct mapping mapping;
		char line[200];
		int len = snprintf(line, sizeof(line), "1000-2000 r-xp 00000000 08:01 77 %s", cases[i].path);

		assert_true(maps_parse(line, (size_t)len, &mapping));
		module_list_add(&list, &mapping);
		module_list_end(&list);
		assert_int_equal(list.len, 1);
		assert_int_equal(modules[0].of_system, cases[i].of_system);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files),
		cmocka_unit_test(functions),
		cmocka_unit_test(libraries_of_the_system),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
