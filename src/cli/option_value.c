// SPDX-License-Identifier: GPL-2.0-only
/* How each type of value is taken: from the text of an argument into its field of struct options. */
#include "option_rules.h"

#include "parse.h"
#include "src/format/format.h"
#include "src/host/netns.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool is_word(const struct option_rule *rule, uint32_t value, const char *word)
{
	const char *other = rule->type == OPTION_ENDS ? format_text_end(value) : NULL;

	return (rule->word(value) && parse_name_equal(word, rule->word(value))) || (other && parse_name_equal(word, other));
}

/* The value of a word, or rule->words. */
static uint32_t find_word(const struct option_rule *rule, const char *word)
{
	uint32_t value = 0;

	while (value < rule->words && !is_word(rule, value, word))
		value++;
	if (value == rule->words && rule->type == OPTION_STATES)
		parse_state_alias(word, &value);
	return value;
}

/* An item of `size` bytes more in a list. */
static int append(struct value_list *list, const void *item, size_t size)
{
	char *items = reallocarray(list->items, list->len + 1, size);

	if (!items)
		return -ENOMEM;
	memcpy(items + list->len++ * size, item, size);
	list->items = items;
	return 0;
}

static bool parse_netns(const char *word, uint32_t *ret_inode)
{
	uint64_t inode;

	if (!parse_number(word, 1, UINT32_MAX, &inode))
		return netns_by_name(word, ret_inode);
	*ret_inode = (uint32_t)inode;
	return true;
}

static int take_item(enum option_type type, const char *word, struct value_list *list)
{
	struct port_range ports;
	struct cidr net;
	uint32_t number;

	if (type == OPTION_PIDS)
		return parse_pid(word, &number) ? append(list, &number, sizeof(number)) : -EINVAL;
	if (type == OPTION_NETNS)
		return parse_netns(word, &number) ? append(list, &number, sizeof(number)) : -EINVAL;
	if (type == OPTION_PORTS)
		return parse_ports(word, &ports) ? append(list, &ports, sizeof(ports)) : -EINVAL;
	return parse_cidr(word, &net) ? append(list, &net, sizeof(net)) : -EINVAL;
}

/* A value, or a word of a list. 0, -ENOMEM, or -EINVAL: then the field is of no use. */
static int take(const struct option_rule *rule, const char *word, void *field)
{
	uint32_t *number = field, value = find_word(rule, word);
	uint64_t wide;

	if (rule->type == OPTION_COMM && (!*word || strlen(word) >= WIRE_COMM_LEN))
		return -EINVAL;
	if (rule->type == OPTION_CGROUP && *word != '/')
		return -EINVAL;
	switch (rule->type) {
	case OPTION_DURATION:
		return parse_duration(word, field) ? 0 : -EINVAL;
	case OPTION_SIZE:
		if (!parse_size(word, &wide) || wide < rule->min || wide > rule->max)
			return -EINVAL;
		*(uint64_t *)field = wide;
		return 0;
	case OPTION_PERCENT:
		if (!parse_percent(word, &wide) || wide > rule->max)
			return -EINVAL;
		*(uint64_t *)field = wide;
		return 0;
	case OPTION_NUMBER:
		if (!parse_number(word, rule->min, rule->max, &wide))
			return -EINVAL;
		*number = (uint32_t)wide;
		return 0;
	case OPTION_SAMPLE:
		if (strncmp(word, "1/", 2) != 0 || !parse_number(word + 2, rule->min, rule->max, &wide))
			return -EINVAL;
		*number = (uint32_t)wide;
		return 0;
	case OPTION_MOMENT:
		return parse_moment(word, field) ? 0 : -EINVAL;
	case OPTION_TEXTS:
		return *word ? append(field, &word, sizeof(word)) : -EINVAL;
	case OPTION_WORD:
		*number = value;
		return value < rule->words ? 0 : -EINVAL;
	case OPTION_STATES:
	case OPTION_ENDS:
	case OPTION_WORDS:
		*number |= value < rule->words ? 1u << value : 0;
		return value < rule->words ? 0 : -EINVAL;
	case OPTION_PIDS:
	case OPTION_NETNS:
	case OPTION_PORTS:
	case OPTION_NETS:
		return take_item(rule->type, word, field);
	default:
		*(const char **)field = word;
		return 0;
	}
}

static int take_list(const struct option_rule *rule, const char *arg, void *field, char **ret_bad)
{
	for (;;) {
		size_t len = strcspn(arg, ",");
		char *word = strndup(arg, len);
		int err = word ? take(rule, word, field) : -ENOMEM;

		if (err == -EINVAL)
			*ret_bad = word;
		else
			free(word);
		if (err || !arg[len])
			return err;
		arg += len + 1;
	}
}

int option_set(const struct option_rule *rule, const char *arg, struct options *options, char **ret_bad)
{
	void *field = (char *)options + rule->field;
	int err;

	if (rule->type == OPTION_FLAG) {
		*(bool *)field = true;
		return 0;
	}
	if (option_is_list(rule))
		return take_list(rule, arg, field, ret_bad);
	err = take(rule, arg, field);
	if (err == -EINVAL) {
		*ret_bad = strdup(arg);
		return *ret_bad ? -EINVAL : -ENOMEM;
	}
	return err;
}
