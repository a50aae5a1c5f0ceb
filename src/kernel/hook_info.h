/* SPDX-License-Identifier: GPL-2.0-only */
/* What commands show of the kernel's hooks, and of a failure to use them. */
#pragma once

#include "bpf/wire.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who loads a hook. */
enum hook_set {
	HOOKS_TRACE,    /* the collector: bpf/trace.bpf.c, in the order in which they are attached */
	HOOKS_SCAN,     /* the collector: bpf/scan.bpf.c */
	HOOKS_LEAKS,    /* the leak scan */
	HOOKS_STACKS,   /* --stacks: connect(), then accept() in two ways */
	HOOKS_FEATURES, /* no hooks, but what a run needs or likes besides */
};

/* A hook as this program knows it. */
struct hook {
	enum hook_set set;
	const char *program; /* in bpf/ */
	const char *name,
		*type;          /* of the tracepoint, function or iterator; tp_btf, fentry, fexit, iter, tp, feature, process */
	int min_args, max_args; /* that we understand, of a tracepoint or function */
	enum wire_tw_tier tier; /* the tier that it belongs to; OFF: none, it is always wanted */
	bool misses_are_losses; /* a run that the kernel skipped is an event lost */
	const char *fact;       /* what it shows */
	const char *fallback;   /* what is used, or missing, without it */
};

/* What is made of it here. */
struct hook_state {
	const struct hook *hook;
	bool available;  /* this kernel has it in a form that we understand, and refused no program for it */
	bool used;       /* loaded and attached */
	bool not_needed; /* nothing is missing without it: another hook shows the same, or it is switched off */
	char why[240];   /* why not; "" if used */
};
#define HOOKS_MAX 32 /* of one list */

enum collector_problem {
	COLLECTOR_OK,
	COLLECTOR_NO_PRIVILEGE, /* a capability is missing */
	COLLECTOR_NO_KERNEL,    /* the kernel lacks a feature */
	COLLECTOR_FAILED,       /* anything else */
};

struct collector_failure {
	enum collector_problem problem;
	char text[240]; /* one plain sentence, for the user */
};

/* For a sentence that the user should see while the run goes on. */
typedef void (*warn_fn)(const char *format, ...);
