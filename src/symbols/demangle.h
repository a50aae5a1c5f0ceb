/* SPDX-License-Identifier: GPL-2.0-only */
/* The linker's names of C++ and Rust functions, as their programmers write them. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define MANGLED_MAX 1024 /* libiberty's stack grows with it; it refuses longer ones of C++ itself */

/*
 * `name`, which may be anything, without types of parameters: "pool::Client::open". What has no room in `ret` is left out:
 * first the arguments of templates, then the end. False: it is no such name. The stack is bounded; the time is not, since names
 * can be made over which libiberty thinks for ages: the parser's is bounded from outside.
 */
bool demangle(const char *name, char *ret, size_t size);
