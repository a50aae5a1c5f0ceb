/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A format turns a record into bytes. One file per format.
 *
 * Pure as the core is: what it writes depends on its input only, so that a replay gives the same bytes. It writes into the
 * caller's buffer and never to a file.
 */
#pragma once

#include "src/core/record_types.h"

#define FORMAT_LINE_MAX 8000 /* bytes of one record in JSON, newline included */

/* How much of a connection a JSON line has. */
enum format_detail { FORMAT_FULL, FORMAT_STANDARD, FORMAT_SHORT, FORMAT_DETAIL_MAX };
const char *format_detail_name(unsigned int detail);

/* What an output held when it was opened: how the run before ended. */
struct format_before {
	char instance[13];
	bool ended_known; /* else nothing shows whether it wrote that */
	bool ended;       /* in order: its last record is a `meta` "stop" */
	uint64_t down_us; /* from its last record to the begin of this run; see docs/output.md for the clock */
};

struct format_options {
	enum format_detail detail;
	uint32_t sample;                    /* one of so many connections has records; 0 and 1: all */
	bool wide;                          /* -w */
	bool full_time;                     /* -T */
	const struct format_before *before; /* NULL: nothing is known of one */
};

/* A part of a line that was written before. */
struct format_part {
	size_t len; /* 0: not yet */
	char text[512];
};

/*
 * What a line says of the run is the same in all of them. What it says of a process depends on the key and the path alone, and
 * many lines in a row say the same. Zero at first. It changes what a line costs, never what it says.
 */
struct format_memory {
	struct format_part instance, host, conn_id;
	struct {
		char name[WIRE_CA_LEN];
		struct format_part part;
	} congestion;
	struct format_process {
		struct format_process_key {
			struct process process;
			int64_t start_wall_ns;
			uint8_t from, exe_known, exe_deleted, detail;
			uint32_t unused; /* 0 */
		} key;
		char exe[256];
		struct format_part part;
	} processes[16];
};

/* A record with all that its line depends on. */
struct format_input {
	const struct record_context *context;
	const struct format_options *options;
	const struct record *rec;
	const struct record_owner *owner; /* NULL: the record is not about a connection */
	uint64_t seq;                     /* what the line carries if it is delivered */
	struct format_memory *memory;     /* of lines before, by the same format in the same run; NULL: none */
};

/* It is about a connection of the boot before. */
static inline bool format_other_boot(const struct record *rec)
{
	return rec->kind == RECORD_CLOSE_WAIT_RESOLVED && rec->leak_resolved->boot_id;
}

/* Of the ids of a record; NULL: not known. */
static inline const char *format_boot_id(const struct record_context *context, const struct record *rec)
{
	return format_other_boot(rec) ? rec->leak_resolved->boot_id : context->boot_id;
}

struct format {
	/* Bytes before the first record, e.g. the table's header; returns their number. NULL: none. */
	size_t (*begin)(const struct format_options *options, char *buf, size_t size);
	bool begin_once; /* not again in a file that has lines */

	/* Returns the number of bytes, 0 for a record that this format does not show. `size` is at least FORMAT_LINE_MAX. */
	size_t (*format)(const struct format_input *in, char *buf, size_t size);
};

extern const struct format format_text;
extern const struct format format_json;
extern const struct format format_csv;
extern const struct format format_csv_leak; /* of `leaks`: close_wait_leak only */

/* 1 << enum record_kind: what has a row of CSV. */
#define FORMAT_CSV_EVENTS (1u << RECORD_CONNECTION | 1u << RECORD_PROGRESS | 1u << RECORD_LOST)
extern const struct format format_journal; /* datagrams; with less than two FORMAT_LINE_MAX some lack their TCPLIFE_JSON */

/* The table's word for an end; NULL: it has none. */
const char *format_text_end(enum conn_end end);

/* One sentence with the meaning of each letter in the text table's STATES column and of its short words. */
extern const char format_text_legend[];
