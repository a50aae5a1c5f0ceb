// SPDX-License-Identifier: GPL-2.0-only
#ifdef WITH_KAFKA
#include "kafka_properties.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What would make the counts wrong, or contradict the command line. */
static const struct {
	const char *name, *why;
} fixed[] = {
	{"enable.idempotence", "it is always on, so that no line is lost or sent twice by a retry"},
	{"bootstrap.servers", "brokers are named by kafka://BROKERS/TOPIC"},
	{"metadata.broker.list", "brokers are named by kafka://BROKERS/TOPIC"},
	{"delivery.report.only.error", "each line that is delivered is counted"},
	{"dr_cb", "each line that is delivered is counted"},
	{"dr_msg_cb", "each line that is delivered is counted"},
	{"transactional.id", "lines are not written in transactions"},
	{"plugin.library.paths", "no other library is loaded"},
};

static char *trim(char *text)
{
	size_t len;

	while (isspace((unsigned char)*text))
		text++;
	len = strlen(text);
	while (len && isspace((unsigned char)text[len - 1]))
		text[--len] = '\0';
	return text;
}

static void put_newlines(char *value)
{
	char *to = value;

	for (; *value; to++) {
		bool newline = value[0] == '\\' && value[1] == 'n';

		*to = newline ? '\n' : *value;
		value += newline ? 2 : 1;
	}
	*to = '\0';
}

static bool ends_in_pem(const char *name)
{
	size_t len = strlen(name);

	return len > 4 && !strcmp(name + len - 4, ".pem");
}

/* `line` is cut into pieces. */
static int set(const struct kafka_library *k, rd_kafka_conf_t *conf, char *line, char *why, size_t why_size)
{
	char *equals = strchr(line, '='), *name, *value, error[192];
	rd_kafka_conf_res_t result;

	if (!equals || equals == line) {
		snprintf(why, why_size, "it is not name=value");
		return -EINVAL;
	}
	*equals = '\0';
	name = trim(line);
	value = trim(equals + 1);
	if (ends_in_pem(name))
		put_newlines(value);
	result = k->rd_kafka_conf_set(conf, name, value, error, sizeof(error));
	if (result == RD_KAFKA_CONF_OK)
		return 0;
	if (result == RD_KAFKA_CONF_UNKNOWN)
		snprintf(why, why_size, "librdkafka has no property %s", name);
	else
		snprintf(why, why_size, "%s", error);
	return -EINVAL;
}

int kafka_property_set(const struct kafka_library *k, rd_kafka_conf_t *conf, const char *line, char *why, size_t why_size)
{
	char *copy = strdup(line);
	int err = copy ? set(k, conf, copy, why, why_size) : -ENOMEM;

	free(copy);
	return err;
}

static const char *why_fixed(const char *line)
{
	size_t len = strcspn(line, "= \t");

	for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
		if (strlen(fixed[i].name) == len && !memcmp(line, fixed[i].name, len))
			return fixed[i].why;
	}
	return NULL;
}

static int read_line(const struct kafka_library *k, rd_kafka_conf_t *conf, char *line, char *why, size_t why_size)
{
	const char *fixed_why;

	line = trim(line);
	if (!*line || *line == '#')
		return 0;
	fixed_why = why_fixed(line);
	if (!fixed_why)
		return set(k, conf, line, why, why_size);
	snprintf(why, why_size, "%.*s cannot be set: %s", (int)strcspn(line, "= \t"), line, fixed_why);
	return -EINVAL;
}

int kafka_properties_read(const struct kafka_library *k, rd_kafka_conf_t *conf, const char *text, char *why, size_t why_size)
{
	char *copy = strdup(text), *rest = copy, *line, reason[224] = "";
	int number = 0, err = copy ? 0 : -ENOMEM;

	while (!err && (line = strsep(&rest, "\n"))) {
		number++;
		err = read_line(k, conf, line, reason, sizeof(reason));
		if (err)
			snprintf(why, why_size, "line %d of the properties: %s", number, reason);
	}
	if (copy)
		explicit_bzero(copy, strlen(text));
	free(copy);
	return err;
}
#endif
