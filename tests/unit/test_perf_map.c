// SPDX-License-Identifier: GPL-2.0-only
/* Maps of generated code: as runtimes write them, as an attacker would, and the names in them. */
#include "src/symbols/perf_map.h"
#include "src/symbols/perf_name.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

static struct perf_map map;
static char name[PERF_NAME_MAX];

static int file_of(const char *text, size_t len)
{
	int fd = memfd_create("map", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	return fd;
}

static void open_text(const char *text)
{
	assert_int_equal(perf_map_open(&map, file_of(text, strlen(text))), 0);
}

static void expect(uint64_t address, const char *expected, uint64_t offset)
{
	uint64_t at;

	assert_int_equal(perf_map_find(&map, address, name, &at), expected != NULL);
	if (!expected)
		return;
	assert_string_equal(name, expected);
	assert_int_equal(at, offset);
}

static void of_runtimes(void **state)
{
	(void)state;
	open_text("7f0000001000 b py::dial:/srv/pool.py\n"
		  "0x00007f0000002000 0x0000000000000038 int shop.Pool.dial(java.lang.String, int)\n"
		  "7F0000000100 100 JS:*dial /srv/pool.js:10:3\n");
	assert_int_equal(map.len, 3);
	expect(0x7f0000001000, "py::dial:/srv/pool.py", 0);
	expect(0x7f000000100a, "py::dial:/srv/pool.py", 10);
	expect(0x7f000000100b, NULL, 0);
	expect(0x7f0000000fff, NULL, 0);
	expect(0x7f0000002037, "int shop.Pool.dial(java.lang.String, int)", 0x37);
	expect(0x7f0000000180, "JS:*dial /srv/pool.js:10:3", 0x80);
	expect(0, NULL, 0);
	expect(UINT64_MAX, NULL, 0);
	perf_map_close(&map);
	assert_true(perf_map_changed(&map));
}

static void changes(void **state)
{
	char path[] = "/tmp/tcplife-fsm-XXXXXX";
	int fd = mkstemp(path), again = dup(fd);

	(void)state;
	assert_int_equal(write(fd, "1000 10 a\n", 10), 10);
	assert_int_equal(perf_map_open(&map, fd), 0);
	assert_false(perf_map_changed(&map));
	assert_int_equal(write(fd, "2000 10 b\n", 10), 10);
	assert_true(perf_map_changed(&map));
	expect(0x1000, "a", 0);
	expect(0x2000, NULL, 0);
	assert_int_equal(ftruncate(fd, 0), 0);
	expect(0x1000, NULL, 0); /* its name is gone */
	perf_map_close(&map);
	assert_int_equal(perf_map_open(&map, again), 0);
	assert_false(perf_map_changed(&map));
	unlink(path);
	assert_true(perf_map_changed(&map));
	perf_map_close(&map);
}

/* Code makes room for other code, of another size. */
static void the_last_is_right(void **state)
{
	(void)state;
	open_text("1000 100 first\n1000 100 second\n2000 1000 wide\n2800 10 inside\n3000 10 before\n2ff0 100 after\n");
	expect(0x1000, "second", 0);
	expect(0x2804, "inside", 4);
	expect(0x2810, "wide", 0x810);
	expect(0x3000, "after", 0x10);
	perf_map_close(&map);
}

static void what_is_no_line(void **state)
{
	static const char *const lines[] = {
		"",
		"\n\n\n",
		"1000",
		"1000 10",
		"1000 10 ",
		"1000 10 \n",
		"x 10 a\n",
		"10 x a\n",
		"ffffffffffffffff1 10 a\n",
		"1000 100000000 a\n",
		"1000 0 a\n",
		" 1000 10 a\n",
		"-1 10 a\n",
		"0x 10 a\n",
		"ffffffffffffffff 10 a\n",
		"1000 10 no newline yet",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		open_text(lines[i]);
		assert_int_equal(map.len, 0);
		expect(0x1000, NULL, 0);
		perf_map_close(&map);
	}
	open_text("\x7f"
		  "ELF\x01\x02 garbage\n1000 10 good\n\xff\xfe\n");
	expect(0x1000, "good", 0);
	perf_map_close(&map);
}

/* A line of 200,000 bytes has a name of 511, and those behind it are read. */
static void long_lines(void **state)
{
	static char text[400000];
	size_t len = (size_t)sprintf(text, "1000 10 ");

	(void)state;
	memset(text + len, 'x', 200000);
	len += 200000;
	len += (size_t)sprintf(text + len, "\n2000 10 after\n");
	memset(text + len, ' ', 100000);
	len += 100000;
	len += (size_t)sprintf(text + len, "3000 10 lost\n4000 10 last\n");
	assert_int_equal(perf_map_open(&map, file_of(text, len)), 0);
	memset(text, 'x', PERF_NAME_MAX - 1);
	text[PERF_NAME_MAX - 1] = '\0';
	expect(0x1000, text, 0);
	expect(0x2000, "after", 0);
	expect(0x3000, NULL, 0);
	expect(0x4000, "last", 0);
	perf_map_close(&map);
}

static void too_much(void **state)
{
	int fd = memfd_create("map", MFD_CLOEXEC), pipes[2];
	FILE *file = fdopen(dup(fd), "w");

	(void)state;
	for (uint32_t i = 0; i < PERF_MAP_SYMBOLS + 1000; i++)
		fprintf(file, "%x 10 f%u\n", 0x10000 + i * 16, i);
	fclose(file);
	assert_int_equal(perf_map_open(&map, fd), 0);
	assert_int_equal(map.len, PERF_MAP_SYMBOLS);
	expect(0x10000 + 77 * 16, "f77", 0);
	perf_map_close(&map);
	fd = memfd_create("map", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, PERF_MAP_BYTES), 0);
	assert_int_equal(perf_map_open(&map, fd), 0); /* one line of zeros */
	assert_int_equal(map.len, 0);
	perf_map_close(&map);
	fd = memfd_create("map", MFD_CLOEXEC);
	assert_int_equal(ftruncate(fd, PERF_MAP_BYTES + 1), 0);
	assert_int_equal(perf_map_open(&map, fd), -EFBIG);
	perf_map_close(&map);
	assert_int_equal(pipe(pipes), 0);
	assert_int_equal(perf_map_open(&map, pipes[0]), -EFBIG);
	perf_map_close(&map);
	close(pipes[1]);
}

static void name_is(const char *raw, const char *function, const char *file, uint32_t line, bool of_runtime)
{
	struct perf_name n;

	perf_name_parse(raw, &n);
	assert_int_equal(n.function_len, strlen(function));
	assert_memory_equal(n.function, function, n.function_len);
	assert_int_equal(n.file != NULL, file != NULL);
	if (file) {
		assert_int_equal(n.file_len, strlen(file));
		assert_memory_equal(n.file, file, n.file_len);
	}
	assert_int_equal(n.line, line);
	assert_int_equal(n.of_runtime, of_runtime);
}

static void names(void **state)
{
	(void)state;
	name_is("py::Pool.dial:/srv/pool.py", "Pool.dial", "pool.py", 0, false);
	name_is("py::<module>:pool.py", "<module>", "pool.py", 0, false);
	name_is("py::create_connection:/usr/lib/python3.13/socket.py", "create_connection", "socket.py", 0, true);
	name_is("py::get:/usr/lib/python3/dist-packages/requests/api.py", "get", "api.py", 0, false);
	name_is("py::get:/opt/lib/python3.13/site-packages/requests/api.py", "get", "api.py", 0, false);
	name_is("py::_call:<frozen importlib._bootstrap>", "_call", "<frozen importlib._bootstrap>", 0, true);
	name_is("py::", "", NULL, 0, false);
	name_is("py:::", ":", NULL, 0, false);
	name_is("JS:*dial /srv/pool.js:10:3", "dial", "pool.js", 10, false);
	name_is("JS:~dial file:///srv/pool.mjs:7:25", "dial", "pool.mjs", 7, false);
	name_is("JS:^get port node:net:1044:3", "get port", "node:net", 1044, true);
	name_is("JS:~ /srv/pool.js:1:1", "(anonymous)", "pool.js", 1, false);
	name_is("LazyCompile:dial /srv/a b.js:3:1", "dial", "a b.js", 3, false);
	name_is("Eval:~ node:internal/modules/cjs/loader:1:1", "(anonymous)", "node:internal/modules/cjs/loader", 1, true);
	name_is("JS:", "", NULL, 0, false);
	name_is("JS:* ", " ", NULL, 0, false);
	name_is("JS:dial /:", "dial /:", NULL, 0, false);
	name_is("JS:dial /:1:1", "dial", "", 1, false);
	name_is("JS:dial /srv/pool.js:99999999999:3", "dial /srv/pool.js:99999999999:3", NULL, 0, false);
	name_is("int shop.Pool.dial(java.lang.String, int)", "shop.Pool.dial", NULL, 0, false);
	name_is("void java.net.Socket.connect(java.net.SocketAddress)", "java.net.Socket.connect", NULL, 0, true);
	name_is("Interpreter", "Interpreter", NULL, 0, true);
	name_is("I2C/C2I adapters", "I2C/C2I adapters", NULL, 0, true);
	name_is("Builtin:CallFunction_ReceiverIsAny", "Builtin:CallFunction_ReceiverIsAny", NULL, 0, true);
	name_is("()", "()", NULL, 0, true);
	name_is("", "", NULL, 0, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(of_runtimes),     cmocka_unit_test(changes),    cmocka_unit_test(the_last_is_right),
		cmocka_unit_test(what_is_no_line), cmocka_unit_test(long_lines), cmocka_unit_test(too_much),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
