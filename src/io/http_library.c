// SPDX-License-Identifier: GPL-2.0-only
#ifdef WITH_HTTP
#include "http_library.h"

#ifdef LINKED_STATIC
/* Stands for each function of the TLS library that libmicrohttpd could use: Makefile. A server without TLS asks for none. */
int http_no_tls(void);
__attribute__((used)) int http_no_tls(void)
{
	return -1;
}

int http_library_load(struct http_library *library, char *why, size_t why_size)
{
	(void)why, (void)why_size;
#define HTTP_LINKED(name) library->name = name
	HTTP_CALLS(HTTP_LINKED);
#undef HTTP_LINKED
	return 0;
}
#else
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
#endif
