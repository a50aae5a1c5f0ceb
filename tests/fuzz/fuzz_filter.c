// SPDX-License-Identifier: GPL-2.0-only
/*
 * Any bytes as the arguments of a filter, one a line: a sentence why it is none, or an expression. Of a connection of which all
 * is known, an expression or its negation is true; of one of which nothing is known, neither unless it is always so.
 */
#include "src/cli/ss_filter.h"
#include "src/pipeline/filter.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define ARGS_MAX 64

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static int parse(struct filter *filter, const char *const *args, size_t len)
{
	char why[SS_FILTER_WHY] = "";
	int err = ss_filter_parse(filter, args, len, why);

	check(!err || (err == -EINVAL && *why && memchr(why, '\0', sizeof(why))));
	check(err || (filter->len <= FILTER_NODES_MAX && (filter->len || filter->states || !filter->excluded)));
	return err;
}

static void check_values(const struct filter *is, const struct filter *is_not)
{
	static const struct wire_ident v4 = {
		.family = AF_INET,
		.local_addr = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 1},
		.peer_addr = {[10] = 0xff, [11] = 0xff, [12] = 127, [15] = 1},
		.local_port = 443,
		.peer_port = 50000,
	};
	static const struct wire_ident v6 = {
		.family = AF_INET6, .local_addr = {[15] = 1}, .peer_addr = {[0] = 0x20}, .local_port = 8080, .peer_port = 22};
	const struct filter_subject known[] = {{.id = &v4, .cgroup = "/a/b"}, {.id = &v6, .cgroup = "/"}};
	const struct filter_subject unknown = {0};

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		check(filter_matches(is, &known[i]) != filter_matches(is_not, &known[i]));
	check(!filter_matches(is, &unknown) || !filter_matches(is_not, &unknown));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *rest = text;
	const char *args[ARGS_MAX + 2];
	struct filter is, is_not;
	size_t len = 1;

	check(text);
	memcpy(text, data, size);
	text[size] = '\0';
	while (rest && len <= ARGS_MAX)
		args[len++] = strsep(&rest, "\n");
	if (!parse(&is, args + 1, len - 1)) {
		args[0] = "not (";
		args[len] = ")";
		if (is.len && !is.states && !parse(&is_not, args, len + 1)) { /* not if it is as large as a filter may be */
			check_values(&is, &is_not);
			filter_free(&is_not);
		}
		filter_free(&is);
	}
	free(text);
	return 0;
}
