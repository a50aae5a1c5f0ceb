// SPDX-License-Identifier: GPL-2.0-only
#include "runtime.h"

#include <stddef.h>
#include <string.h>

#define LEN(array) (sizeof(array) / sizeof((array)[0]))

static bool begins(const char *text, const char *with)
{
	return !strncmp(text, with, strlen(with));
}

static bool begins_one_of(const char *text, const char *const *list, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (begins(text, list[i]))
			return true;
	}
	return false;
}

/* python3.11, libpython3.11.so.1.0 */
static bool is_python(const char *name, uint8_t *ret_version)
{
	static const char word[] = "python3";
	const char *at = begins(name, "lib") ? name + 3 : name;
	unsigned int version = 0;

	if (!begins(at, word))
		return false;
	at += sizeof(word) - 1;
	for (at += *at == '.'; *at >= '0' && *at <= '9' && version < 20; at++)
		version = version * 10 + (unsigned int)(*at - '0');
	*ret_version = (uint8_t)version;
	return true;
}

struct runtime runtime_of_file(const char *name)
{
	struct runtime r = {0};

	if (is_python(name, &r.version))
		r.kind = RUNTIME_PYTHON;
	else if (begins(name, "libjvm.so"))
		r.kind = RUNTIME_JAVA;
	else if (!strcmp(name, "node") || !strcmp(name, "nodejs") || begins(name, "libnode.so"))
		r.kind = RUNTIME_NODE;
	return r;
}

bool runtime_has_file(const char *name)
{
	static const char *const java[] = {"libjava.so", "libnet.so", "libnio.so", "libextnet.so", "libjli.so"};

	return runtime_of_file(name).kind || begins_one_of(name, java, LEN(java)) || strstr(name, ".cpython-3");
}

bool runtime_has_function(const char *line)
{
	static const char *const libraries[] = {/* C++ and Rust */
						"std::", "core::", "alloc::", "__gnu_cxx::", "__rustc::",
						/* Go's packages, those that are on the way to a socket */
						"runtime.", "runtime/", "net.", "net/", "syscall.", "internal/", "crypto/",
						"database/", "vendor/", "bufio.", "io.", "os.", "context.", "sync.", "sync/",
						"time."};

	return begins_one_of(line + strspn(line, "<&"), libraries, LEN(libraries)); /* <core::Type as Trait>::function */
}

bool runtime_is_call(const char *line)
{
	static const char *const calls[] = {"connect", "accept", "accept4"};

	line += strspn(line, "_");
	line += begins(line, "libc_") ? 5 : begins(line, "GI_") ? 3 : 0;
	line += strspn(line, "_");
	for (size_t i = 0; i < LEN(calls); i++) {
		if (begins(line, calls[i]) && (line[strlen(calls[i])] == ' ' || line[strlen(calls[i])] == '+'))
			return true;
	}
	return false;
}
