/* SPDX-License-Identifier: GPL-2.0-only */
/* Whose a connection is, beyond what its events say. */
#pragma once

#include "bpf/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where in its program a connection was opened. */
struct record_stack {
	const char *frames;        /* one a line, the innermost first, printable ASCII; "" none */
	enum wire_stack_note note; /* what it is not */
	bool accepted;             /* at accept(), not at connect() */
	struct wire_stack_about about;
};

/* What /proc shows of a process that lives, to the tool alone: no recording has it. */
struct record_running {
	const char *cmdline; /* cmdline_len bytes, one argument behind the other with a space between; "" not known */
	size_t cmdline_len;
	bool cmdline_cut; /* it is longer */
	uint64_t age_us;
	uint32_t tid;   /* a thread of it that runs, since its first one may have ended; 0: not known */
	uint32_t netns; /* the network namespace that it is in; 0: not known */
	bool fds_known, fds_limit_known;
	uint64_t fds_open, fds_limit;
};

/* What is known of a connection's process and control group. Strings may be NULL: not known. */
struct record_owner {
	const char *exe;
	bool exe_deleted;   /* another file, or none, has that path now */
	const char *cgroup; /* the socket's */
	const char *unit;   /* of systemd: unit_len bytes of a control group's path; NULL: none */
	size_t unit_len;
	const char *user;         /* the name of leak_user(); NULL: not asked for, or it has none */
	bool container_known;     /* else nothing is known of a container, not even that there is none */
	const char *container_id; /* 64 hex digits, not NUL-terminated; NULL outside a container */
	const char *pod_uid;      /* pod_uid_len bytes; NULL when the path has none */
	size_t pod_uid_len;
	bool id_claimed, pod_claimed;         /* a user may have made it up */
	const struct record_stack *stack;     /* NULL: nobody asked for stacks */
	const struct record_running *running; /* NULL: it was not asked for, or has ended */
};
