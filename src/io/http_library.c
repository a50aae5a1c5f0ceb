// SPDX-License-Identifier: GPL-2.0-only
#ifdef WITH_HTTP
#include "http_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>

#define LIBRARY "libmicrohttpd.so.12"

static void *find(void *handle, const char *name, const char **missing)
{
	void *found = dlsym(handle, name);

	if (!found)
		*missing = name;
	return found;
}

int http_library_load(struct http_library *library, char *why, size_t why_size)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const char *missing = NULL;

	if (!handle) {
		snprintf(why, why_size,
			 "--metrics needs " LIBRARY ": install libmicrohttpd12 (Debian, Ubuntu) or libmicrohttpd (Fedora), or "
			 "use --metrics-file");
		return -ELIBACC;
	}
#define HTTP_FIND(name) library->name = (typeof(library->name))find(handle, #name, &missing)
	HTTP_CALLS(HTTP_FIND);
#undef HTTP_FIND
	if (!missing)
		return 0;
	snprintf(why, why_size, LIBRARY " is too old: it has no %s()", missing);
	return -ELIBBAD;
}
#endif
