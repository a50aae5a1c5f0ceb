// SPDX-License-Identifier: GPL-2.0-only
/*
 * A line of any bytes as an OpenTelemetry log record. Whatever it says: a reason why it is none, or a record that makes a
 * request of valid JSON, and that has each attribute once.
 */
#include "src/format/buf.h"
#include "src/format/otlp.h"

#include <jansson.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool holds)
{
	if (!holds)
		abort();
}

static const json_t *first(const json_t *object, const char *key)
{
	return json_array_get(json_object_get(object, key), 0);
}

static void check_attributes(const json_t *record)
{
	const json_t *item, *attributes = json_object_get(record, "attributes");
	json_t *seen = json_object();
	const char *name;
	size_t i;

	json_array_foreach(attributes, i, item)
	{
		name = json_string_value(json_object_get(item, "key"));
		check(name && name[0] && !json_object_get(seen, name) && json_is_object(json_object_get(item, "value")));
		json_object_set_new(seen, name, json_true());
	}
	json_decref(seen);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char text[OTLP_SOURCE_MAX + OTLP_RECORD_MAX], record[OTLP_RECORD_MAX];
	const struct otlp_line line = {.text = (const char *)data, .len = size, .observed_ns = UINT64_MAX >> 1};
	struct otlp_source source = {.version = "1"};
	char why[OTLP_WHY_LEN] = "";
	struct buf one, all;
	json_t *request;

	buf_init(&one, record, sizeof(record));
	if (otlp_record(&line, &source, &one, why)) {
		check(why[0]);
		return 0;
	}
	buf_init(&all, text, sizeof(text));
	otlp_begin(&source, &all);
	buf_put(&all, one.start, (size_t)(one.p - one.start));
	otlp_end(&all);
	check(!one.overflow && !all.overflow);
	request = json_loadb(all.start, (size_t)(all.p - all.start), JSON_REJECT_DUPLICATES, NULL);
	check(request);
	check_attributes(first(first(first(request, "resourceLogs"), "scopeLogs"), "logRecords"));
	json_decref(request);
	return 0;
}
