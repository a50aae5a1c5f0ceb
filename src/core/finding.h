/* SPDX-License-Identifier: GPL-2.0-only */
/* What a consumer sees of what is wrong on a host. record_types.h names both structs. */
#pragma once

#include "record_types.h"

/* Which of the addresses and ports of its tuple hold for all of a finding. The others are 0. */
enum finding_about {
	FINDING_LOCAL_ADDR = 1,
	FINDING_LOCAL_PORT = 2,
	FINDING_PEER_ADDR = 4,
	FINDING_PEER_PORT = 8,
};

/* What `count` and `of` count, and who is meant by the process, depends on the id: docs/output.md. */
struct finding_record {
	enum finding_id id;
	enum finding_severity severity;
	enum finding_what what;
	uint64_t number;     /* of this finding: the same from up to down, and in other runs */
	uint64_t since_ns;   /* when it came up */
	uint32_t about;      /* bits of enum finding_about */
	struct conn_tuple t; /* cookie: of an example, the oldest; 0: none */
	uint64_t count, limit;
	bool of_known;
	uint64_t of;
	uint32_t limit_percent; /* of `of`; 0: none */
	bool oldest_known;
	uint64_t oldest_ns;    /* at least */
	uint64_t window_ns;    /* what is counted per time was counted for so long; else 0 */
	uint64_t theirs;       /* of `count`, those of the process; 0: all, or none is known */
	enum leak_cause cause; /* the commonest */
	uint64_t cause_count;  /* of `count`, those with this cause; 0: it has none */
	bool cause_certain;
	struct wire_task opener; /* who opened what a child holds; tgid 0: not known */
	bool opener_ended;       /* false: it runs, or that is not known */
};

/* Takes what has come up, gone, or stands. */
typedef void (*finding_fn)(void *ctx, const struct finding_record *finding);

/* What `diagnose` has looked at. */
struct diagnosis {
	uint64_t findings, ignored, left_out; /* left_out: there was no room for them */
	uint64_t watched_us, asked_us;        /* asked_us is more if the user ended it */
	uint64_t connections, sockets;        /* ended in this time; found at the start */
	uint64_t namespaces, namespaces_missed;
	uint64_t socket_scans;
	const char *scans_failed; /* why the last one that failed did; NULL: none has */
	uint64_t lost;            /* events */
	const struct record_hook *hooks;
	size_t hooks_len;
	bool foreign_pids;
};
