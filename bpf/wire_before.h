/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The wire of what the run before knew: wire.h includes this. These events come from the state file (--state-file) and stand at
 * the begin of the stream: a WIRE_BEFORE, then what it kept.
 */
#pragma once

enum wire_before_flags {
	WIRE_BEFORE_ENDED = 1,      /* it ended in order; else it was killed after it had written this */
	WIRE_BEFORE_OTHER_BOOT = 2, /* the host has started again since: all sockets are gone, and times are of another clock */
};

struct wire_before {
	struct wire_hdr hdr;
	__u64 written_ns;      /* CLOCK_MONOTONIC of that boot: what follows was so then */
	__s64 written_wall_ns; /* the same by the wall clock */
	__u32 flags;           /* enum wire_before_flags */
	__u32 pad;
	char boot_id[40];  /* NUL-terminated, as the next one */
	char instance[16]; /* 12 hex digits */
};

enum wire_known_flags {
	WIRE_KNOWN_ALERT = 1,       /* it has an alert; without it the other flags but LOWER_BOUND are 0 */
	WIRE_KNOWN_SINGLE = 2,      /* of its own; else it is one of its group's */
	WIRE_KNOWN_EMITTED = 4,     /* a record has counted it */
	WIRE_KNOWN_LOWER_BOUND = 8, /* since_ns is the latest possible time */
	WIRE_KNOWN_OPENED = 16,     /* by connect(); else accepted */
	WIRE_KNOWN_SIDE_CERTAIN = 32,
	WIRE_KNOWN_CAUSE_CERTAIN = 64,
};

/* A socket in CLOSE_WAIT. Has the ident part, and of an alert the task part if its process is known. */
struct wire_known {
	struct wire_hdr hdr;
	__u64 since_ns; /* when it entered CLOSE_WAIT, by the clock of written_ns */
	__u8 flags;     /* enum wire_known_flags */
	__u8 cause;     /* enum leak_cause */
	__u8 role;      /* enum conn_role */
	__u8 from;      /* enum conn_from: where its process was seen */
	__u32 unseen_s; /* so long before written_ns some run knew last that it was there */
};

#define WIRE_AGE_NS_MAX ((1ull << 62) - 1) /* 146 years */

/* So many of a group's sockets have ended in this way, and no record has counted it. `known` is the last of them. */
struct wire_ended {
	struct wire_known known; /* without an alert that is open: since_ns, unseen_s and flags of its alert are 0 */
	__u64 count;
	__u64 in_state_ns;   /* at most WIRE_AGE_NS_MAX */
	__s64 after_wall_ns; /* as in struct leak_resolved_record */
	__u8 resolution;     /* enum leak_resolution */
	__u8 pad[7];
	char boot_id[16]; /* the begin of its boot id, NUL-terminated; "": that of the struct wire_before */
};

enum wire_standing_flags {
	WIRE_STANDING_OF = 1,     /* `of` is known */
	WIRE_STANDING_OLDEST = 2, /* oldest_ns is */
	WIRE_STANDING_CAUSE_CERTAIN = 4,
	WIRE_STANDING_OPENER_ENDED = 8,
};

/* A finding, as struct finding_record has it. hdr.cookie is of an example. Parts as of a WIRE_KNOWN. */
struct wire_standing {
	struct wire_hdr hdr;
	__u64 number;
	__u64 since_ns;
	__u64 count, limit, of;
	__u64 oldest_ns, window_ns, theirs;
	__u32 opener_tgid;
	__u8 id;    /* enum finding_id */
	__u8 about; /* enum finding_about */
	__u8 flags; /* enum wire_standing_flags */
	__u8 cause; /* enum leak_cause */
	__u8 role;  /* enum conn_role */
	__u8 from;  /* enum conn_from */
	__u8 pad[2];
	__u32 cause_count; /* of `count` */
	char opener_comm[WIRE_COMM_LEN];
};

/* How far a leak scan came, which is 0 in older recordings. What it has not met may be there all the same. */
enum wire_leak_reach {
	WIRE_REACH_WHOLE = 0,
	WIRE_REACH_HELD = 1, /* all that a process holds: some namespaces could not be entered */
	WIRE_REACH_PART = 2, /* it failed */
	WIRE_REACH_MAX = 3,
};
