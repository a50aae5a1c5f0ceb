// SPDX-License-Identifier: GPL-2.0-only
/* Whether an option has the same value in two sets of options, by the type of its value. */
#include "option_rules.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return !a || !b ? a == b : !strcmp(a, b);
}

static bool same_texts(const struct value_list *a, const struct value_list *b)
{
	const char **x = a->items, **y = b->items;

	for (size_t i = 0; a->len == b->len && i < a->len; i++)
		if (!same_text(x[i], y[i]))
			return false;
	return a->len == b->len;
}

static bool same_list(enum option_type type, const struct value_list *a, const struct value_list *b)
{
	size_t size = type == OPTION_PORTS  ? sizeof(struct port_range)
		      : type == OPTION_NETS ? sizeof(struct cidr)
					    : sizeof(uint32_t);

	return a->len == b->len && (!a->len || !memcmp(a->items, b->items, a->len * size));
}

bool option_same(const struct option_rule *rule, const struct options *a, const struct options *b)
{
	const void *x = (const char *)a + rule->field, *y = (const char *)b + rule->field;

	switch (rule->type) {
	case OPTION_FLAG:
		return *(const bool *)x == *(const bool *)y;
	case OPTION_TEXT:
	case OPTION_COMM:
	case OPTION_CGROUP:
		return same_text(*(char *const *)x, *(char *const *)y);
	case OPTION_DURATION:
	case OPTION_MOMENT:
	case OPTION_SIZE:
	case OPTION_PERCENT:
		return *(const uint64_t *)x == *(const uint64_t *)y;
	case OPTION_TEXTS:
		return same_texts(x, y);
	case OPTION_PIDS:
	case OPTION_NETNS:
	case OPTION_PORTS:
	case OPTION_NETS:
		return same_list(rule->type, x, y);
	default:
		return *(const uint32_t *)x == *(const uint32_t *)y;
	}
}
