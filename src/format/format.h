/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A sink turns a record into bytes. One file per output format, one row in sinks[].
 *
 * Pure as the core is: what a sink prints depends on the record, the context and its own options only, so that a replay gives
 * the same bytes. Sinks write into the caller's buffer and never to a file.
 */
#ifndef FORMAT_H
#define FORMAT_H

#include "src/core/conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FORMAT_LINE_MAX 8000 /* bytes of one record in JSON, newline included */

struct record_hook {                   /* a row of meta.hooks */
	const char *name, *type, *why; /* why: "" when used */
	bool ok;
	bool spare; /* not used, and nothing is missing without it */
};

struct record_limits {
	uint64_t max_connections, ring_bytes;
};

struct record_meta {
	const char *what; /* start ready reload degraded stop */
	const struct record_hook *hooks;
	size_t hooks_len;
	struct record_limits limits;
};

/* Where in its program a connection was opened. */
struct record_stack {
	const char *frames;        /* one a line, the innermost first, printable ASCII; "" none */
	enum wire_stack_note note; /* what it is not */
	bool accepted;             /* at accept(), not at connect() */
};

/* What is known of a connection's surroundings, looked up by the owner module. Strings may be NULL: not known. */
struct record_owner {
	const char *exe;
	const char *cgroup;
	const char *container_id; /* 64 hex digits, not NUL-terminated; NULL outside a container */
	const char *pod_uid;      /* pod_uid_len bytes; NULL when the path has none */
	size_t pod_uid_len;
	const struct record_stack *stack; /* NULL: nobody asked for stacks */
};

/* The same for all records of a run: from the recording's header in a replay. */
struct record_context {
	const char *instance; /* 12 hex digits */
	const char *hostname;
	const char *boot_id; /* with dashes, as the kernel gives it */
	const char *version, *kernel, *arch, *libbpf;
	int64_t clock_offset_ns;                                /* wall = monotonic + this; may change during a run */
	int64_t boot_offset_ns;                                 /* wall = boottime + this: for the start of processes */
	const char *(*reason_name)(void *ctx, uint32_t reason); /* the kernel's name, or NULL */
	void *ctx;
};

struct format_options {
	bool wide;      /* -w */
	bool full_time; /* -T */
};

struct format {
	const char *name;
	/* Bytes before the first record, e.g. the table's header; returns their number. NULL: none. */
	size_t (*begin)(const struct format_options *options, char *buf, size_t size);
	/*
	 * One record; returns the number of bytes written, 0 for a record that this format does not show. `size` is at least
	 * FORMAT_LINE_MAX. `owner` is NULL for records without a connection. `seq` is what the line carries if it is delivered.
	 */
	size_t (*format)(const struct record_context *context, const struct format_options *options, const struct record *rec,
			 const struct record_owner *owner, uint64_t seq, char *buf, size_t size);
};

extern const struct format format_text;
extern const struct format format_json;

/* One sentence with the meaning of each letter in the text table's STATES column and of its short words. */
extern const char format_text_legend[];

#endif
