// SPDX-License-Identifier: GPL-2.0-only
/* Files of options: how a line is cut, what hostile files give, and who wins. */
#include "src/cli/error.h" /* before cmocka, which has a macro fail() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "folder.h"
#include "src/cli/args.h"
#include "src/cli/option_rules.h"
#include "src/cli/config.h"
#include "src/core/record_types.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND 1000000000ULL

static struct options options;
static struct folder folder;
static char why_wrong[OPTIONS_WHY];

/* What a line gives: the key and the value, or why not. */
static void lines(void **state)
{
	static const struct {
		const char *line, *key, *value, *why;
	} cases[] = {
		{"", NULL, NULL, NULL},
		{" \t\r", NULL, NULL, NULL},
		{"  # all of it", NULL, NULL, NULL},
		{"json", "json", NULL, NULL},
		{"json \t# said", "json", NULL, NULL},
		{"summary 30s", "summary", "30s", NULL},
		{"summary=30s", "summary", "30s", NULL},
		{"  summary \t=  30s \r", "summary", "30s", NULL},
		{"comm = a b", "comm", "a b", NULL},
		{"comm a=b", "comm", "a=b", NULL},
		{"comm it's", "comm", "it's", NULL},
		{"comm a#b # c", "comm", "a#b", NULL},
		{"comm # c", "comm", NULL, NULL},
		{"comm =", "comm", NULL, NULL},
		{"comm ''", "comm", "", NULL},
		{"comm ' # a' # b", "comm", " # a", NULL},
		{"comm 'a\\n\"'", "comm", "a\\n\"", NULL},
		{"comm \"a \\\"b\\\" \\\\ 'c'\"", "comm", "a \"b\" \\ 'c'", NULL},
		{"comm \"a\\n\"", NULL, NULL, "stands before"},
		{"comm \"a", NULL, NULL, "not closed"},
		{"comm \"a\\", NULL, NULL, "stands before"},
		{"comm 'a'b", NULL, NULL, "goes on"},
		{"comm 'a' b", NULL, NULL, "more than"},
		{"= 30s", NULL, NULL, "missing before ="},
		{"summary \x1b[31m", NULL, NULL, "control character"},
		{"comm \x7f", NULL, NULL, "control character"},
		{"comm \xff\xfe", "comm", "\xff\xfe", NULL},
	};
	char text[128];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		struct config_line line = {0};
		const char *why = NULL;
		int result;

		strcpy(text, cases[i].line);
		result = config_cut(text, &line, &why);
		assert_int_equal(result, cases[i].why ? -22 : cases[i].key != NULL);
		if (cases[i].why)
			assert_non_null(strstr(why, cases[i].why));
		if (cases[i].key)
			assert_string_equal(line.key, cases[i].key);
		if (cases[i].value)
			assert_string_equal(line.value, cases[i].value);
		else
			assert_null(line.value);
	}
}

/* With these words after --config FILE. */
static int parse(const char *file, const char *const *words, size_t len)
{
	static char *argv[16];
	int argc = 0;

	options_free(&options);
	argv[argc++] = (char *)"tcplife-fsm";
	if (file) {
		argv[argc++] = (char *)"--config";
		argv[argc++] = (char *)file;
	}
	for (size_t i = 0; i < len; i++)
		argv[argc++] = (char *)words[i];
	argv[argc] = NULL;
	return options_parse(argc, argv, &options, why_wrong);
}

static void write_file(const char *path, const char *text, size_t len)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
	assert_int_equal(chmod(path, 0644), 0);
}

static const char *in_folder(const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", folder.path, name);
	return path;
}

static const char *text_file(const char *text)
{
	const char *path = in_folder("t.conf");

	write_file(path, text, strlen(text));
	return path;
}

static void refused(const char *path, const char *why)
{
	assert_int_equal(parse(path, NULL, 0), EXIT_USAGE);
	if (!strstr(why_wrong, why))
		fail_msg("'%s' does not say '%s'", why_wrong, why);
}

static void values(void **state)
{
	static const char *const words[] = {"--summary", "5s", "-L", "1", "-o", "/tmp/y", "--events", "lost"};
	const char *path = text_file("json\nsummary 30s\nlocal-port 8080\nlocal-port 443\noutput '/tmp/x?detail=short'\n"
				     "events = connection\nevents meta\nlocalport 22");

	(void)state;
	assert_int_equal(parse(path, NULL, 0), -1);
	assert_true(options.json);
	assert_int_equal(options.summary_ns, 30 * SECOND);
	assert_int_equal(options.select.local_ports.len, 3); /* a list that is given again goes on */
	assert_int_equal(options.outputs_len, 1);
	assert_string_equal(options.outputs[0].name, "/tmp/x");
	assert_int_equal(options.each.events, 1 << RECORD_CONNECTION | 1 << RECORD_META | 1 << RECORD_SUMMARY);

	/* What the command line names, the files do not add to. */
	assert_int_equal(parse(path, words, ARRAY_SIZE(words)), -1);
	assert_true(options.json);
	assert_int_equal(options.summary_ns, 5 * SECOND);
	assert_int_equal(options.select.local_ports.len, 1);
	assert_int_equal(options.outputs_len, 1);
	assert_string_equal(options.outputs[0].name, "/tmp/y");
	assert_int_equal(options.each.events, 1 << RECORD_LOST | 1 << RECORD_SUMMARY);

	/* And they are right nevertheless. */
	path = text_file("summary often");
	assert_int_equal(parse(path, words, 2), EXIT_USAGE);
	assert_non_null(strstr(why_wrong, "t.conf:1: summary 'often'"));
}

static bool is_given(const char *name, const char *value)
{
	const struct option_given *given = options.given.items;

	for (size_t i = 0; i < options.given.len; i++)
		if (!strcmp(given[i].rule->name, name) &&
		    (value ? given[i].value && !strcmp(given[i].value, value) : !given[i].value))
			return true;
	return false;
}

/* For the status of a run: what is in force as it was given, of the command line and of files. */
static void given(void **state)
{
	static const char *const words[] = {"--summary", "5s", "-L", "1"};
	const char *path = text_file("json\nsummary 30s\nlocalport 8080\noutput '/tmp/x?detail=short'");

	(void)state;
	assert_int_equal(parse(path, words, ARRAY_SIZE(words)), -1);
	assert_true(is_given("json", NULL) && is_given("output", "/tmp/x?detail=short"));
	assert_true(is_given("summary", "5s") && is_given("local-port", "1") && is_given("config", path));
	assert_false(is_given("summary", "30s") || is_given("local-port", "8080"));
	assert_int_equal(options.given.len, 5);
}

static void wrong(void **state)
{
	(void)state;
	refused(text_file("# x\n\nsumary 5s\n"), "t.conf:3: unknown option 'sumary': did you mean summary?");
	refused(text_file("--json"), "without dashes here: json");
	refused(text_file("qqqqqq"), "t.conf:1: 'qqqqqq' is no option");
	refused(text_file("config x"), "is no option");
	refused(text_file("spool /x,1G"), "is no option");
	refused(text_file("sort count"), "is no option");
	refused(text_file("json yes"), "json takes no value, and has 'yes'");
	refused(text_file("summary"), "summary needs a value: summary DUR");
	refused(text_file("output ''"), "t.conf:1: output '': an output needs a name");
	refused(text_file("output 'x"), "t.conf:1: the quote is not closed");
}

/* What is decided when all files are read names the line, too: of two outputs the one that is wrong. */
static void wrong_together(void **state)
{
	static const char *const metrics[] = {"--metrics", "there"};
	char line[512];

	(void)state;
	refused(text_file("json\ncsv"), "t.conf:2: csv and --json");
	refused(text_file("json\noutput /x\noutput kafka://h\noutput /y"), "t.conf:3: output 'kafka://h': ");
	refused(text_file("metrics 127.0.0.1:19435\n\nmetrics there"), "t.conf:3: metrics 'there': ");
	refused(text_file("metrics-by process"), "t.conf:1: metrics-by needs metrics");
	refused(text_file("max-connections 16777216\nmemory-limit 32M"), "t.conf:2: memory-limit has 32M, and ");
	assert_int_equal(parse(text_file("metrics 127.0.0.1:19435"), metrics, 2), EXIT_USAGE);
	assert_ptr_equal(strstr(why_wrong, "--metrics 'there': "), why_wrong);
	snprintf(line, sizeof(line), "metrics unix:/%0107d", 0);
	refused(text_file(line), "t.conf:1: metrics 'unix:/000");
	assert_non_null(strstr(why_wrong, "at most 107 bytes"));
}

static void byte_order_mark(void **state)
{
	(void)state;
	assert_int_equal(parse(text_file("\xef\xbb\xbfjson\n"), NULL, 0), -1);
	assert_true(options.json);
	refused(text_file("json\n\xef\xbb\xbfjson\n"), "t.conf:2: ");
}

static void hostile(void **state)
{
	char *much = calloc(1, CONFIG_BYTES_MAX + 1);
	const char *path;

	(void)state;
	refused(in_folder("none"), "No such file");
	write_file(in_folder("zero"), "json\0\n", 6);
	refused(in_folder("zero"), "bytes of 0");
	memset(much, '\n', CONFIG_BYTES_MAX + 1);
	write_file(in_folder("much"), much, CONFIG_BYTES_MAX);
	assert_int_equal(parse(in_folder("much"), NULL, 0), -1);
	write_file(in_folder("more"), much, CONFIG_BYTES_MAX + 1);
	refused(in_folder("more"), "more than 1 MiB");
	path = in_folder("fifo");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused(path, "no regular file"); /* and nobody waits for a writer */
	path = in_folder("link");
	assert_int_equal(symlink("/dev/zero", path), 0);
	refused(path, "no regular file");
	path = in_folder("open");
	write_file(path, "json\n", 5);
	assert_int_equal(chmod(path, 0666), 0);
	refused(path, "chmod o-w");
	assert_int_equal(chmod(path, 0644), 0);
	if (!geteuid()) {
		assert_int_equal(chown(path, 65534, 65534), 0);
		refused(path, "chown root");
	}
	path = in_folder("all");
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chmod(path, 01777), 0);
	refused(path, "chmod o-w"); /* whoever may make a file there gives orders, too */
	free(much);
}

static void folders(void **state)
{
	static const char *const others[] = {"d/20.conf", "d/10.conf", "d/.30.conf", "d/40.conf~"};
	char path[256], name[32];

	(void)state;
	snprintf(path, sizeof(path), "%s", in_folder("d"));
	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(parse(path, NULL, 0), -1);
	write_file(in_folder("d/20.conf"), "summary 20s\nlocal-port 2\n", 25);
	write_file(in_folder("d/10.conf"), "summary 10s\nlocal-port 1\n", 25);
	write_file(in_folder("d/.30.conf"), "no\n", 3);
	write_file(in_folder("d/40.conf~"), "no\n", 3);
	assert_int_equal(parse(path, NULL, 0), -1);
	assert_int_equal(options.summary_ns, 20 * SECOND);
	assert_int_equal(options.select.local_ports.len, 2);
	assert_int_equal(mkdir(in_folder("d/50.conf"), 0755), 0);
	refused(path, "50.conf': it is no regular file");
	assert_int_equal(rmdir(in_folder("d/50.conf")), 0);
	for (int i = 0; i < CONFIG_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "d/x%d.conf", i);
		write_file(in_folder(name), "", 0);
	}
	refused(path, "66 files, and at most 64");
	for (int i = 0; i < CONFIG_FILES_MAX; i++) {
		snprintf(name, sizeof(name), "d/x%d.conf", i);
		assert_int_equal(unlink(in_folder(name)), 0);
	}
	for (size_t i = 0; i < ARRAY_SIZE(others); i++)
		assert_int_equal(unlink(in_folder(others[i])), 0);
}

static void check_only(void **state)
{
	static const char *const check[] = {"--check-config"}, *const leaks[] = {"leaks"};

	(void)state;
	assert_int_equal(parse(text_file("json\n"), check, 1), EXIT_OK);
	assert_int_equal(parse(text_file("jsn\n"), check, 1), EXIT_USAGE);
	assert_int_equal(parse(NULL, check, 1), EXIT_USAGE);
	assert_non_null(strstr(why_wrong, "--config FILE"));
	assert_int_equal(parse(text_file("events lost\n"), leaks, 1), EXIT_USAGE);
	assert_non_null(strstr(why_wrong, "leaks does not take --config"));
}

static int set_up(void **state)
{
	(void)state;
	folder = folder_new();
	return 0;
}

static int tear_down(void **state)
{
	options_free(&options);
	(void)state;
	folder_remove(&folder);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines),
		cmocka_unit_test_setup_teardown(values, set_up, tear_down),
		cmocka_unit_test_setup_teardown(given, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wrong_together, set_up, tear_down),
		cmocka_unit_test_setup_teardown(byte_order_mark, set_up, tear_down),
		cmocka_unit_test_setup_teardown(hostile, set_up, tear_down),
		cmocka_unit_test_setup_teardown(folders, set_up, tear_down),
		cmocka_unit_test_setup_teardown(check_only, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
