/* SPDX-License-Identifier: GPL-2.0-only */
/* What the user wants of an output of records: -o URL with its query, and before that the options that hold for all outputs. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum output_kind { OUTPUT_FILE, OUTPUT_UNIX, OUTPUT_JOURNAL, OUTPUT_KAFKA, OUTPUT_OTLP, OUTPUT_OTLPS, OUTPUT_KINDS };

/* As the run says (--json), or whatever it says. */
enum output_format { OUTPUT_AS_RUN, OUTPUT_JSON, OUTPUT_TABLE, OUTPUT_CSV, OUTPUT_FORMATS };

/* What a full queue does. */
enum output_on_full { OUTPUT_DROP, OUTPUT_BLOCK, OUTPUT_EXIT, OUTPUT_ON_FULL_MAX };

#define OUTPUTS_MAX 8

struct output_spec {
	enum output_kind kind;
	char *text;          /* owned: what name, address and texts of the query point into */
	const char *name;    /* what it is called: the URL without its query */
	const char *address; /* a path, "-": standard output; of a network output what follows "//" */

	/* How much */
	uint32_t events;                 /* 1 << enum record_kind */
	bool events_given, detail_given; /* in its own query */
	uint32_t detail;                 /* enum format_detail */
	uint32_t sample;                 /* one of so many connections; 0 and 1: all */
	uint32_t format;                 /* enum output_format */
	uint32_t on_full;

	/* Of a file */
	const char *group;     /* of a new file; NULL: as the system gives it */
	uint64_t rotate_bytes; /* 0: never */
	uint32_t rotate_keep;
	bool rotate_compress;

	/* Of a network output */
	const char *spool; /* a folder; NULL: none */
	uint64_t spool_bytes;
	const char *properties; /* a file, as the next two; NULL: none */
	const char *headers;
	const char *ca;
};
