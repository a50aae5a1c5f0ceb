// SPDX-License-Identifier: GPL-2.0-only
#include "output_kinds.h"

#include "src/format/format.h"
#include "src/host/group.h"
#include "src/io/file.h"
#include "src/io/journal.h"
#include "src/io/message.h"
#include "src/io/relay.h"
#include "src/io/unix_socket.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct opening {
	const struct output_spec *spec;
	reader_wait_fn wait;
	void *ctx;
	char *why;
};

__attribute__((format(printf, 1, 2))) static void print(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	message_print("tcplife-fsm: ", format, args, false);
	va_end(args);
}

/* file_settings.say */
static void say(void *ctx, const char *sentence)
{
	(void)ctx;
	print("%s", sentence);
}

static int open_file(struct destination **out, const struct opening *opening)
{
	const struct output_spec *spec = opening->spec;
	const struct format *format = output_format_of(spec, false);
	char head[FORMAT_LINE_MAX];
	struct file_settings settings = {
		.group = GROUP_NONE,
		.rotate_bytes = spec->rotate_bytes,
		.rotate_keep = spec->rotate_keep,
		.rotate_compress = spec->rotate_compress,
		.say = say,
	};
	int err;

	if (format->begin_once) {
		head[format->begin(NULL, head, sizeof(head) - 1)] = '\0';
		settings.head = head;
	}
	err = spec->group ? group_find(spec->group, &settings.group) : 0;
	if (err) {
		snprintf(opening->why, OUTPUT_WHY, "this host has no group %.80s", spec->group);
		return err;
	}
	err = file_open_lines(out, spec->address, &settings, opening->wait, opening->ctx);
	if (err == -OUTPUT_GROUP)
		snprintf(opening->why, OUTPUT_WHY,
			 "it cannot be given to the group %.80s: name one that this user is in, or run as root", spec->group);
	return err;
}

static int open_unix(struct destination **out, const struct opening *opening)
{
	int err = unix_socket_open(out, opening->spec->address);

	if (err == -ENOENT || err == -ECONNREFUSED)
		snprintf(opening->why, OUTPUT_WHY, "nobody listens there (%s): start the peer first", strerror(-err));
	return err;
}

static int open_journal(struct destination **out, const struct opening *opening)
{
	int err = journal_open(out, opening->spec->address);

	if (err == -ENOENT || err == -ECONNREFUSED)
		snprintf(opening->why, OUTPUT_WHY, "no journal runs here (%s)", strerror(-err));
	return err;
}

#if defined(WITH_KAFKA) || defined(WITH_OTLP)
static int open_relay(struct destination **out, const struct opening *opening)
{
	const struct output_spec *spec = opening->spec;
	const bool kafka = spec->kind == OUTPUT_KAFKA;
	const struct relay_config config = {
		.kind = kafka ? RELAY_KAFKA : RELAY_OTLP,
		.name = spec->name,
		.address = spec->address,
		.tls = spec->kind == OUTPUT_OTLPS,
		.secrets = kafka ? spec->properties : spec->headers,
		.ca = spec->ca,
		.spool = spec->spool,
		.spool_bytes = spec->spool_bytes,
	};

	return relay_open(out, &config, opening->why, OUTPUT_WHY);
}
#endif

static const struct {
	int (*open)(struct destination **out, const struct opening *opening); /* NULL: not in this build */
	const struct format *format;                                          /* NULL: as the run, or as the user says */
} kinds[OUTPUT_KINDS] = {
	[OUTPUT_FILE] = {open_file, NULL},
	[OUTPUT_UNIX] = {open_unix, &format_json},
	[OUTPUT_JOURNAL] = {open_journal, &format_journal},
#ifdef WITH_KAFKA
	[OUTPUT_KAFKA] = {open_relay, &format_json},
#endif
#ifdef WITH_OTLP
	[OUTPUT_OTLP] = {open_relay, &format_json},
	[OUTPUT_OTLPS] = {open_relay, &format_json},
#endif
};

int output_destination(struct destination **out, const struct output_spec *spec, reader_wait_fn wait, void *ctx,
		       char why[OUTPUT_WHY])
{
	const struct opening opening = {spec, wait, ctx, why};

	*why = '\0';
	if (kinds[spec->kind].open)
		return kinds[spec->kind].open(out, &opening);
	snprintf(why, OUTPUT_WHY, "this build has no such output: `tcplife-fsm version` names those that are in");
	return -EOPNOTSUPP;
}

const struct format *output_format_of(const struct output_spec *spec, bool json)
{
	if (kinds[spec->kind].format)
		return kinds[spec->kind].format;
	if (spec->format == OUTPUT_CSV)
		return &format_csv;
	if (spec->format != OUTPUT_AS_RUN)
		json = spec->format == OUTPUT_JSON;
	return json ? &format_json : &format_text;
}

bool outputs_have_processes(const struct output_spec *specs, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (specs[i].kind == OUTPUT_KAFKA || specs[i].kind == OUTPUT_OTLP || specs[i].kind == OUTPUT_OTLPS)
			return true;
	}
	return false;
}

const char *output_kind_name(enum output_kind kind)
{
	static const char *const names[OUTPUT_KINDS] = {
		[OUTPUT_FILE] = "file",   [OUTPUT_UNIX] = "unix", [OUTPUT_JOURNAL] = "journal",
		[OUTPUT_KAFKA] = "kafka", [OUTPUT_OTLP] = "otlp", [OUTPUT_OTLPS] = "otlp"};

	return names[kind];
}
