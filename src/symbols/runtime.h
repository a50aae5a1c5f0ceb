/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What is the programmer's own in a program, and what its language's runtime or the system brought; by names alone, which the
 * program chose. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum runtime_kind {
	RUNTIME_NONE,
	RUNTIME_PYTHON,
	RUNTIME_JAVA,
	RUNTIME_NODE,
};

struct runtime {
	enum runtime_kind kind;
	uint8_t version; /* Python's 3.N; 0: not known */
};

/* The runtime that a file is, by the last part of its path. */
struct runtime runtime_of_file(const char *name);

/* A file of a runtime, or an extension of one: nothing in it is the programmer's own. */
bool runtime_has_file(const char *name);

/* Of a standard library that is linked into programs (C++, Rust, Go), by the frame's line. */
bool runtime_has_function(const char *line);

/* connect() or accept() itself, as a static program has it. */
bool runtime_is_call(const char *line);
