/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What a run says of itself when it is asked: a struct, the JSON document of it (docs/status.md, docs/schema-status.json), the
 * struct of such a document, and a text for people. All of it is bounded, and a document may come from anybody.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STATUS_JSON_MAX (64u << 10) /* what fits all that there can be */
#define STATUS_TEXT_MAX (64u << 10)
#define STATUS_WHY 160

#define STATUS_HOOKS_MAX 32
#define STATUS_OUTPUTS_MAX 8
#define STATUS_LOST_MAX 16
#define STATUS_FINDINGS_MAX 16
#define STATUS_OPTIONS_MAX 48
#define STATUS_PROBLEMS_MAX 16

struct status_hook {
	const char *name, *type;
	bool attached, not_needed; /* neither: it is missing */
	const char *why;           /* not attached; "" if it is */
};

struct status_output {
	const char *name, *kind;
	uint64_t delivered, waiting; /* records, as all but times */
	uint64_t lag_us;             /* so long, at the most, has waited what waits longest */
	int64_t success_wall_ns;     /* when it delivered last; 0: never */
	uint64_t dropped, lost;      /* there was no room in its queue; not delivered for good */
	uint64_t earlier_waiting;    /* what runs before have left in its spool */
	const char *error;           /* why it does not take records now; NULL: it does */
	int64_t failing_wall_ns;     /* since when */
};

struct status_lost {
	const char *stage;
	uint64_t count;
};

struct status_finding {
	const char *id, *severity, *message;
	int64_t since_wall_ns;
	uint64_t pid; /* of the process that it is about; 0: none is known */
	const char *comm;
};

struct status_option {
	const char *name, *value; /* NULL: it has none */
};

struct status {
	const char *version, *hostname;
	const char *instance; /* NULL: not known yet */
	uint64_t pid;
	int64_t start_wall_ns, now_wall_ns;
	uint64_t uptime_us;
	uint64_t events; /* from the kernel */
	size_t hooks_len, outputs_len, lost_len, findings_len, options_len;
	const struct status_hook *hooks;
	const struct status_output *outputs;
	const struct status_lost *lost; /* each stage, since the start */
	uint64_t connections, max_connections, table_bytes;
	uint64_t leaks_open;                          /* sockets in CLOSE_WAIT that an alert stands for */
	uint64_t ring_used, ring_highest, ring_bytes; /* of the fullest one: now, and since the start; room of one */
	uint64_t cpu_us, cpu_recent_ppm;              /* recent: of one CPU, of the last 10 to 20 s */
	uint64_t helpers_cpu_us;                      /* of its other processes, since the start; cpu_us is without */
	uint64_t rss_bytes;
	const char *level; /* how much is written: "full", or less above a limit */
	bool findings_watched;
	uint64_t findings_count; /* those that stand, which may be more than are in the list */
	const struct status_finding *findings;
	const struct status_option *options; /* in force, as they were given */
	const char *filter;                  /* NULL: none */

	/* Of a document alone: what an operator must see. The writer finds it out. */
	size_t problems_len;
	const char *const *problems;
};

/* The number of bytes, which are one line; 0: it did not fit. */
size_t status_json(const struct status *status, char *buf, size_t size);

/* The next sentence on what is wrong, from *at 0 on; false: that was all. */
#define STATUS_PROBLEM_MAX 640
bool status_problem(const struct status *status, size_t *at, char sentence[STATUS_PROBLEM_MAX]);

/* What a document says, in memory of its own. */
struct status_document;
struct status_document *status_read(const char *text, size_t len, char why[STATUS_WHY]); /* NULL: it is none */
const struct status *status_of(const struct status_document *document);
char *status_document_line(const struct status_document *document); /* all of it, in ASCII, for free(); NULL: no memory */
void status_document_free(struct status_document *document);        /* NULL is fine */

/* The number of bytes. `socket`: where it was asked. */
size_t status_text(const struct status *status, const char *socket, char *buf, size_t size);
