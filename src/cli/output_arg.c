// SPDX-License-Identifier: GPL-2.0-only
/* Keys of a query are the options whose field lies in `struct output_spec`: one row in option_rules.c makes both. */
#include "output_arg.h"

#include "option_rules.h"
#include "output_address.h"
#include "parse.h"
#include "src/core/record_types.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILES (1u << OUTPUT_FILE)
#define OTLPS (1u << OUTPUT_OTLP | 1u << OUTPUT_OTLPS)
#define NETWORK (1u << OUTPUT_KAFKA | OTLPS)

static const struct {
	const char *begin;
	enum output_kind kind;
	const char *looks; /* what it must look like */
} schemes[] = {
	{"file:", OUTPUT_FILE, "file:PATH"},
	{"unix:", OUTPUT_UNIX, "unix:PATH"},
	{"journal:", OUTPUT_JOURNAL, "journal:"},
	{"kafka://", OUTPUT_KAFKA, "kafka://HOST:PORT,../TOPIC"},
	{"otlp+http://", OUTPUT_OTLP, "otlp+http://HOST:PORT/v1/logs"},
	{"otlp+https://", OUTPUT_OTLPS, "otlp+https://HOST:PORT/v1/logs"},
};
#define SCHEMES (sizeof(schemes) / sizeof(schemes[0]))

/* Keys that only some kinds have. */
static const struct {
	const char *key;
	unsigned int kinds;
} limited[] = {
	{"rotate-bytes", FILES}, {"rotate-keep", FILES}, {"rotate-compress", FILES},         {"group", FILES},
	{"format", FILES},       {"spool", NETWORK},     {"properties", 1u << OUTPUT_KAFKA}, {"headers", OTLPS},
	{"ca", OTLPS},
};

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef", *at = strchr(digits, c | 0x20);

	return c && at ? (int)(at - digits) : -1;
}

/* %2C and its like, in place. False: it is none, or a NUL. */
static bool decode(char *text)
{
	char *to = text;

	for (; *text; text++, to++) {
		*to = *text;
		if (*text != '%')
			continue;
		int high = hex_digit(text[1]), low = high < 0 ? -1 : hex_digit(text[2]);
		if (low < 0 || high + low == 0)
			return false;
		*to = (char)(high << 4 | low);
		text += 2;
	}
	*to = '\0';
	return true;
}

static bool in_spec(const struct option_rule *rule)
{
	size_t from = offsetof(struct options, each);

	return rule->field >= from && rule->field < from + sizeof(struct output_spec);
}

static const struct option_rule *find_key(const char *key)
{
	for (size_t i = 0; i < option_rules_len; i++)
		if (in_spec(&option_rules[i]) && !strcmp(option_rules[i].name, key))
			return &option_rules[i];
	return NULL;
}

static bool is_stdout(const struct output_spec *spec)
{
	return spec->kind == OUTPUT_FILE && !strcmp(spec->address, "-");
}

static bool has_key(const struct output_spec *spec, const char *key)
{
	for (size_t i = 0; i < sizeof(limited) / sizeof(limited[0]); i++)
		if (!strcmp(limited[i].key, key))
			return (limited[i].kinds & 1u << spec->kind) && (!is_stdout(spec) || !strcmp(key, "format"));
	return true;
}

static int refuse_key(const char *key, const struct output_spec *spec, char *why)
{
	size_t len = (size_t)snprintf(why, OUTPUT_ARG_WHY, "'%.80s' is no option of this output: it has", key);
	const char *before = " ";

	for (size_t i = 0; i < option_rules_len && len < OUTPUT_ARG_WHY; i++) {
		if (!in_spec(&option_rules[i]) || !has_key(spec, option_rules[i].name))
			continue;
		len += (size_t)snprintf(why + len, OUTPUT_ARG_WHY - len, "%s%s", before, option_rules[i].name);
		before = ", ";
	}
	if (len < OUTPUT_ARG_WHY)
		snprintf(why + len, OUTPUT_ARG_WHY - len, ". A '?' in the name of a file is written file:a%%3Fb");
	return -EINVAL;
}

/* One key=value; a flag may stand alone. *ret_rotate: the key, if it is one that only a rotation needs. */
static int take_pair(struct output_spec *spec, char *pair, const char **ret_rotate, char *why)
{
	char *value = strchr(pair, '='), *bad = NULL, words[512];
	const struct option_rule *rule;
	struct options space = {0};
	int err;

	if (value)
		*value++ = '\0';
	rule = find_key(pair);
	if (!rule || !has_key(spec, pair))
		return refuse_key(pair, spec, why);
	if (rule->arg && (!value || !*value))
		return snprintf(why, OUTPUT_ARG_WHY, "%s needs a value: %s=%s", pair, pair, rule->arg), -EINVAL;
	if (!rule->arg && value)
		return snprintf(why, OUTPUT_ARG_WHY, "%s takes no value", pair), -EINVAL;
	if (value && !decode(value))
		return snprintf(why, OUTPUT_ARG_WHY, "'%.80s': after %% stand two hex digits", value), -EINVAL;
	/* The first `events` replaces the default, a second one adds to the first. */
	if (rule->field == offsetof(struct options, each.events) && !spec->events_given) {
		spec->events = 0;
		spec->events_given = true;
	}
	if (rule->field == offsetof(struct options, each.rotate_keep) ||
	    rule->field == offsetof(struct options, each.rotate_compress))
		*ret_rotate = rule->name;
	spec->detail_given |= rule->field == offsetof(struct options, each.detail);
	space.each = *spec;
	err = option_set(rule, value, &space, &bad);
	*spec = space.each;
	if (err == -EINVAL) {
		option_words(rule, rule->expects, words, sizeof(words));
		snprintf(why, OUTPUT_ARG_WHY, "%s '%.80s': %s", pair, bad, words);
		free(bad);
	}
	return err;
}

/* DIR,SIZE in place. */
static int split_spool(struct output_spec *spec, char *why)
{
	char *comma = spec->spool ? strrchr(spec->spool, ',') : NULL;

	if (!spec->spool)
		return 0;
	if (!comma || *spec->spool != '/' || !parse_size(comma + 1, &spec->spool_bytes) || spec->spool_bytes < 1 << 20)
		return snprintf(why, OUTPUT_ARG_WHY,
				"spool '%.80s': a spool is a folder and a size of at least 1M, like "
				"/var/spool/tcplife-fsm,1G",
				spec->spool),
		       -EINVAL;
	*comma = '\0';
	return 0;
}

static int take_query(struct output_spec *spec, char *query, char *why)
{
	const char *rotate = NULL;
	int err = 0;

	for (char *pair, *rest = query; !err && (pair = strsep(&rest, "&"));)
		err = take_pair(spec, pair, &rotate, why);
	if (!err && rotate && !spec->rotate_bytes)
		return snprintf(why, OUTPUT_ARG_WHY,
				"%s has no effect without rotate-bytes, the size at which a new file begins: add "
				"rotate-bytes=100M",
				rotate),
		       -EINVAL;
	return err ?: split_spool(spec, why);
}

/* kafka:b/t: a kind of which only the slashes are missing. Any other name is a file's. */
static const char *lacks_slashes(const char *address)
{
	for (size_t i = 0; i < SCHEMES; i++) {
		size_t word = strcspn(schemes[i].begin, ":") + 1;

		if (schemes[i].begin[word] && !strncmp(address, schemes[i].begin, word))
			return schemes[i].looks;
	}
	return NULL;
}

static int take_address(struct output_spec *spec, char *address, char *why)
{
	const char *looks = "a file's name";
	size_t scheme = 0;

	while (scheme < SCHEMES && strncmp(address, schemes[scheme].begin, strlen(schemes[scheme].begin)) != 0)
		scheme++;
	if (scheme == SCHEMES && strstr(address, "://"))
		return snprintf(why, OUTPUT_ARG_WHY,
				"an output is a file, - for standard output, unix:PATH, journal:, kafka://HOST:PORT/TOPIC, "
				"otlp+http://HOST:PORT/v1/logs or otlp+https://HOST:PORT/v1/logs"),
		       -EINVAL;
	if (scheme == SCHEMES && lacks_slashes(address))
		return snprintf(why, OUTPUT_ARG_WHY, "it is written %s; a file of this name, ./%.80s", lacks_slashes(address),
				address),
		       -EINVAL;
	if (scheme < SCHEMES) {
		spec->kind = schemes[scheme].kind;
		looks = schemes[scheme].looks;
		address += strlen(schemes[scheme].begin);
		if (!decode(address))
			return snprintf(why, OUTPUT_ARG_WHY, "after %% stand two hex digits"), -EINVAL;
	}
	spec->address = address;
	if (spec->kind == OUTPUT_FILE)
		spec->name = address;
	if (is_stdout(spec)) { /* what all files have, it has not */
		spec->group = NULL;
		spec->rotate_bytes = 0;
	}
	if (!*address && spec->kind != OUTPUT_JOURNAL)
		return snprintf(why, OUTPUT_ARG_WHY, "it is %s", looks), -EINVAL;
	return output_address_check(spec->kind, address, why, OUTPUT_ARG_WHY);
}

/* A journal is for what needs somebody's eyes. */
static uint32_t default_events(const struct output_spec *spec)
{
	return spec->kind != OUTPUT_JOURNAL ? spec->events
					    : 1u << RECORD_CLOSE_WAIT_LEAK | 1u << RECORD_CLOSE_WAIT_RESOLVED |
						      1u << RECORD_LOST | 1u << RECORD_META;
}

int output_arg_parse(struct output_spec *ret, const char *arg, const struct output_spec *defaults, char why[OUTPUT_ARG_WHY])
{
	size_t len = strlen(arg) + 1;
	char *name = malloc(2 * len), *address, *query;
	int err;

	*ret = *defaults;
	ret->kind = OUTPUT_FILE;
	ret->text = name;
	if (!name)
		return -ENOMEM;
	memcpy(name, arg, len);
	query = strchr(name, '?');
	if (query)
		*query++ = '\0';
	address = memcpy(name + len, name, strlen(name) + 1); /* which decode() may change */
	ret->name = name;
	err = take_address(ret, address, why);
	ret->events = default_events(ret);
	err = err ?: query ? take_query(ret, query, why) : 0;
	if (err)
		output_arg_free(ret);
	return err;
}

void output_arg_free(struct output_spec *spec)
{
	free(spec->text);
	*spec = (struct output_spec){0};
}
