// SPDX-License-Identifier: GPL-2.0-only
/*
 * Three kinds of attributes. What OpenTelemetry has a name for is renamed, and must have the type that goes with the name. All
 * else is tcplife.KEY, with the names of objects joined by dots and lists as lists; null is left out. And a few follow from
 * others: they are added. No two have the same name, since keys have no dots and none comes twice.
 */
#include "otlp.h"

#include <errno.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "format.h"
#include "json_write.h"
#include "otlp_body.h"
#include "put.h"
#include "rfc3339.h"

#define SCHEMA_URL                                                                                                             \
	"https://opentelemetry.io/schemas/1.42.0" /* of the names used here; docs/output.md says how stable each is */
#define OWN "tcplife."
#define SERVICE "tcplife-fsm"
#define DEPTH_MAX 8
#define NAME_MAX_LEN 128
#define EVENT_MAX 40
#define BODY_MAX 1024

struct writer {
	struct buf *b;
	const json_t *line;
	char *why; /* OTLP_WHY_LEN bytes */
	bool bad;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct writer *w, const char *format, ...)
{
	va_list args;

	if (w->bad)
		return;
	w->bad = true;
	va_start(args, format);
	vsnprintf(w->why, OTLP_WHY_LEN, format, args);
	va_end(args);
}

static const char *get_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

/* Values: protobuf's JSON has 64-bit integers as strings. */

static void put_int(struct buf *b, struct jsonw_key key, int64_t value)
{
	char text[sizeof("\"-9223372036854775808\"")];
	int len = snprintf(text, sizeof(text), "\"%lld\"", (long long)value);

	jsonw_raw(b, key, text, (size_t)len);
}

static void put_real(struct buf *b, const json_t *value)
{
	char text[40];
	size_t len = json_dumpb(value, text, sizeof(text), JSON_ENCODE_ANY); /* as snprintf(), but without the locale */

	if (len <= sizeof(text))
		jsonw_raw(b, KEY("doubleValue"), text, len);
}

static void put_string(struct buf *b, const char *text, size_t len)
{
	jsonw_open(b, KEY_NONE, '{');
	jsonw_text(b, KEY("stringValue"), text, len, SIZE_MAX);
	jsonw_close(b, '}');
}

static void check_key(struct writer *w, const char *key)
{
	size_t len = strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");

	if (!len || key[len])
		refuse(w, "a key is not of letters, digits and _");
}

static void put_value(struct writer *w, const json_t *value, unsigned int depth);

static void put_list(struct writer *w, const json_t *list, unsigned int depth)
{
	const json_t *item;
	size_t i;

	jsonw_open(w->b, KEY("arrayValue"), '{');
	jsonw_open(w->b, KEY("values"), '[');
	json_array_foreach(list, i, item) put_value(w, item, depth + 1);
	jsonw_close(w->b, ']');
	jsonw_close(w->b, '}');
}

static void put_object(struct writer *w, const json_t *object, unsigned int depth)
{
	const char *key;
	json_t *item;

	jsonw_open(w->b, KEY("kvlistValue"), '{');
	jsonw_open(w->b, KEY("values"), '[');
	json_object_foreach((json_t *)object, key, item)
	{
		if (json_is_null(item))
			continue;
		check_key(w, key);
		jsonw_open(w->b, KEY_NONE, '{');
		jsonw_word(w->b, KEY("key"), key);
		buf_str(w->b, "\"value\":");
		put_value(w, item, depth + 1);
		jsonw_close(w->b, '}');
	}
	jsonw_close(w->b, ']');
	jsonw_close(w->b, '}');
}

static void put_value(struct writer *w, const json_t *value, unsigned int depth)
{
	if (depth > DEPTH_MAX) {
		refuse(w, "more than %u levels of lists and objects", DEPTH_MAX);
		return;
	}
	if (json_is_string(value)) {
		put_string(w->b, json_string_value(value), json_string_length(value));
		return;
	}
	jsonw_open(w->b, KEY_NONE, '{'); /* of null nothing is inside: it keeps its place in a list */
	if (json_is_integer(value))
		put_int(w->b, KEY("intValue"), json_integer_value(value));
	else if (json_is_real(value))
		put_real(w->b, value);
	else if (json_is_boolean(value))
		jsonw_bool(w->b, KEY("boolValue"), json_is_true(value));
	else if (json_is_array(value))
		put_list(w, value, depth);
	else if (json_is_object(value))
		put_object(w, value, depth);
	jsonw_close(w->b, '}');
}

/* Attributes */

static void put_attribute(struct writer *w, const char *name, const json_t *value, unsigned int depth)
{
	jsonw_open(w->b, KEY_NONE, '{');
	jsonw_word(w->b, KEY("key"), name);
	buf_str(w->b, "\"value\":");
	put_value(w, value, depth);
	jsonw_close(w->b, '}');
}

static void put_text(struct buf *b, const char *name, const char *value)
{
	if (!value || !value[0])
		return;
	jsonw_open(b, KEY_NONE, '{');
	jsonw_word(b, KEY("key"), name);
	buf_str(b, "\"value\":");
	put_string(b, value, strlen(value));
	jsonw_close(b, '}');
}

/* A path that was cut is none, and stays under our own name. */
static bool exe_is_whole(const json_t *line)
{
	return !json_object_get(json_object_get(line, "process"), "exe_len");
}

struct rename {
	const char *key, *name;
	json_type type;
};

static const struct rename *find_rename(const struct writer *w, const char *key)
{
	static const struct rename renames[] = {
		{"family", "network.type", JSON_STRING},
		{"local_addr", "network.local.address", JSON_STRING},
		{"local_port", "network.local.port", JSON_INTEGER},
		{"peer_addr", "network.peer.address", JSON_STRING},
		{"peer_port", "network.peer.port", JSON_INTEGER},
		{"process.pid", "process.pid", JSON_INTEGER},
		{"process.exe", "process.executable.path", JSON_STRING},
		{"process.start", "process.creation.time", JSON_STRING},
		{"container.id", "container.id", JSON_STRING},
		{"container.pod_uid", "k8s.pod.uid", JSON_STRING},
	};

	for (size_t i = 0; i < sizeof(renames) / sizeof(renames[0]); i++) {
		if (!strcmp(key, renames[i].key))
			return strcmp(key, "process.exe") || exe_is_whole(w->line) ? &renames[i] : NULL;
	}
	return NULL;
}

/* `name` begins with OWN. */
static void put_key(struct writer *w, const char *name, const json_t *value, unsigned int depth)
{
	const struct rename *rename = find_rename(w, name + strlen(OWN));

	if (rename && json_typeof(value) != rename->type)
		refuse(w, "%s is not %s", rename->key, rename->type == JSON_STRING ? "a string" : "an integer");
	put_attribute(w, rename ? rename->name : name, value, depth);
}

/* These are fields of the record and of its source. */
static bool is_field(const char *key)
{
	return !strcmp(key, "ts") || !strcmp(key, "event") || !strcmp(key, "instance") || !strcmp(key, "host");
}

static void flatten(struct writer *w, const char *prefix, const json_t *object, unsigned int depth)
{
	char name[NAME_MAX_LEN];
	const char *key;
	json_t *value;

	if (depth > DEPTH_MAX) {
		refuse(w, "more than %u levels of objects", DEPTH_MAX);
		return;
	}
	json_object_foreach((json_t *)object, key, value)
	{
		check_key(w, key);
		if (json_is_null(value) || (!depth && is_field(key)))
			continue;
		if (snprintf(name, sizeof(name), "%s%s%s", prefix, depth ? "." : "", key) >= (int)sizeof(name))
			refuse(w, "a key is too long");
		else if (json_is_object(value))
			flatten(w, name, value, depth + 1);
		else
			put_key(w, name, value, depth);
	}
}

/* Attributes that follow from others. */

static void put_sides(struct writer *w)
{
	const char *role = get_text(w->line, "role");
	bool client = role && !strcmp(role, "client");
	const json_t *addr, *port;

	if (!client && (!role || strcmp(role, "server")))
		return;
	for (unsigned int i = 0; i < 2; i++) {
		addr = json_object_get(w->line, client == !i ? "local_addr" : "peer_addr");
		port = json_object_get(w->line, client == !i ? "local_port" : "peer_port");
		if (json_is_string(addr))
			put_attribute(w, i ? "server.address" : "client.address", addr, 0);
		if (json_is_integer(port))
			put_attribute(w, i ? "server.port" : "client.port", port, 0);
	}
}

static void put_executable(struct writer *w)
{
	const char *exe = get_text(json_object_get(w->line, "process"), "exe"), *slash = exe ? strrchr(exe, '/') : NULL;

	if (slash && exe_is_whole(w->line))
		put_text(w->b, "process.executable.name", slash + 1);
}

/* How a connection failed: the ends that are no error have none. */
static void put_error(struct writer *w, const char *event)
{
	static const char *const errors[] = {"refused", "timeout",  "unreachable", "no_port",
					     "aborted", "rst_sent", "rst_received"};
	const char *end = get_text(w->line, "end_reason");

	for (size_t i = 0; end && !strcmp(event, "connection") && i < sizeof(errors) / sizeof(errors[0]); i++) {
		if (!strcmp(end, errors[i]))
			put_text(w->b, "error.type", end);
	}
}

/* The state that the connection has at the time of the record. */
static void put_state(struct writer *w)
{
	static const char *const states[][2] = {
		{"SYN_SENT", "syn_sent"},     {"SYN_RECV", "syn_received"}, {"ESTABLISHED", "established"},
		{"FIN_WAIT1", "fin_wait_1"},  {"FIN_WAIT2", "fin_wait_2"},  {"TIME_WAIT", "time_wait"},
		{"CLOSE_WAIT", "close_wait"}, {"LAST_ACK", "last_ack"},     {"CLOSING", "closing"},
		{"LISTEN", "listen"},         {"CLOSE", "closed"},
	};
	const char *state = get_text(w->line, "new_state");

	state = state ? state : get_text(w->line, "state");
	for (size_t i = 0; state && i < sizeof(states) / sizeof(states[0]); i++) {
		if (!strcmp(state, states[i][0]))
			put_text(w->b, "network.connection.state", states[i][1]);
	}
}

static void put_attributes(struct writer *w, const char *event)
{
	jsonw_open(w->b, KEY("attributes"), '[');
	if (json_object_get(w->line, "conn_id") || json_object_get(w->line, "local_port"))
		put_text(w->b, "network.transport", "tcp");
	flatten(w, OWN, w->line, 0);
	put_sides(w);
	put_executable(w);
	put_error(w, event);
	put_state(w);
	jsonw_close(w->b, ']');
}

/*
 * What somebody should look at is a warning. A failed connection is none, since whoever can reach a port could make warnings
 * at will: error.type finds it.
 */
static bool is_warning(const char *event, const json_t *line)
{
	const char *what = get_text(line, "what");

	return !strcmp(event, "close_wait_leak") || (!strcmp(event, "finding") && what && strcmp(what, "down") != 0) ||
	       !strcmp(event, "lost") || (!strcmp(event, "meta") && what && !strcmp(what, "degraded"));
}

static void put_record(struct writer *w, const char *event, uint64_t time_ns, uint64_t observed_ns)
{
	bool warning = is_warning(event, w->line);
	char body[BODY_MAX];
	struct buf text;

	buf_init(&text, body, sizeof(body));
	otlp_body(event, w->line, &text);
	jsonw_open(w->b, KEY_NONE, '{');
	put_int(w->b, KEY("timeUnixNano"), (int64_t)time_ns);
	put_int(w->b, KEY("observedTimeUnixNano"), (int64_t)observed_ns);
	jsonw_uint(w->b, KEY("severityNumber"), warning ? 13 : 9);
	jsonw_word(w->b, KEY("severityText"), warning ? "WARN" : "INFO");
	jsonw_open(w->b, KEY("eventName"), '"');
	buf_str(w->b, OWN);
	buf_str(w->b, event);
	buf_str(w->b, "\",\"body\":");
	put_string(w->b, body, (size_t)(text.p - text.start));
	put_attributes(w, event);
	jsonw_close(w->b, '}');
}

/* Copies a string of the line; null is not known, too. */
static void read_source(struct writer *w, const char *key, char *ret, size_t size)
{
	const json_t *value = json_object_get(w->line, key);

	if (value && !json_is_null(value) && !json_is_string(value))
		refuse(w, "%s is not a string", key);
	else if (json_is_string(value) && json_string_length(value) >= size)
		refuse(w, "%s has more than %zu bytes", key, size - 1);
	else
		snprintf(ret, size, "%s", json_is_string(value) ? json_string_value(value) : "");
}

static void read_line(struct writer *w, uint64_t observed_ns, struct otlp_source *source)
{
	const char *event = get_text(w->line, "event"), *ts = get_text(w->line, "ts");
	struct otlp_source found = *source;
	int64_t time_us = 0;

	if (!event || !event[0] || strlen(event) > EVENT_MAX || event[strspn(event, "abcdefghijklmnopqrstuvwxyz0123456789_")])
		refuse(w, "event is not the name of a record");
	else if (!ts || !rfc3339_read(ts, &time_us))
		refuse(w, "ts is not a time like 2026-01-02T03:04:05.000000Z");
	read_source(w, "instance", found.instance, sizeof(found.instance));
	read_source(w, "host", found.host, sizeof(found.host));
	if (!w->bad && !strcmp(event, "meta"))
		read_source(w, "version", found.version, sizeof(found.version));
	else if (strcmp(found.instance, source->instance))
		found.version[0] = '\0';
	if (!w->bad)
		put_record(w, event, (uint64_t)time_us * 1000, observed_ns);
	if (w->b->overflow)
		refuse(w, "it takes too much room as a log record");
	if (!w->bad)
		*source = found;
}

int otlp_record(const struct otlp_line *line, struct otlp_source *source, struct buf *b, char ret_why[OTLP_WHY_LEN])
{
	json_error_t error;
	json_t *object;
	struct writer w = {.b = b, .why = ret_why};

	if (line->len > FORMAT_LINE_MAX) {
		refuse(&w, "it has more than %d bytes", FORMAT_LINE_MAX);
		return -EINVAL;
	}
	object = json_loadb(line->text, line->len, JSON_REJECT_DUPLICATES, &error);
	w.line = object;
	if (!object)
		refuse(&w, "not JSON: %.100s", error.text);
	else if (!json_is_object(object))
		refuse(&w, "not an object");
	else
		read_line(&w, line->observed_ns, source);
	json_decref(object);
	return w.bad ? -EINVAL : 0;
}

void otlp_begin(const struct otlp_source *source, struct buf *b)
{
	buf_str(b, "{\"resourceLogs\":[{\"resource\":{\"attributes\":[");
	put_text(b, "service.name", SERVICE);
	put_text(b, "service.version", source->version);
	put_text(b, "service.instance.id", source->instance);
	put_text(b, "host.name", source->host);
	jsonw_close(b, ']');
	jsonw_close(b, '}');
	buf_str(b, "\"schemaUrl\":\"" SCHEMA_URL "\",\"scopeLogs\":[{\"scope\":{");
	jsonw_word(b, KEY("name"), SERVICE);
	if (source->version[0])
		jsonw_text(b, KEY("version"), source->version, strlen(source->version), SIZE_MAX);
	jsonw_close(b, '}');
	buf_str(b, "\"schemaUrl\":\"" SCHEMA_URL "\",");
	jsonw_open(b, KEY("logRecords"), '[');
}

void otlp_end(struct buf *b)
{
	for (const char *bracket = "]}]}]}"; *bracket; bracket++)
		jsonw_close(b, *bracket);
	b->p--; /* the last comma */
}
