// SPDX-License-Identifier: GPL-2.0-only
#ifdef WITH_OTLP
#include "curl_lib.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "libcurl.so.4"

/* True if the library has it. dlsym() gives an object pointer, which POSIX lets us read as one to a function. */
static bool find(void *handle, const char *name, void *ret_function)
{
	void *found = dlsym(handle, name);

	memcpy(ret_function, &found, sizeof(found));
	return found;
}

int curl_lib_load(struct curl_lib *lib, char *why, size_t why_size)
{
	const char *missing = NULL;

	memset(lib, 0, sizeof(*lib));
	lib->handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (!lib->handle) {
		snprintf(why, why_size,
			 "OpenTelemetry output needs libcurl, which cannot be loaded (%s). Install the package libcurl4 "
			 "(Debian, "
			 "Ubuntu) or libcurl (Fedora)",
			 dlerror());
		return -ENOENT;
	}
#define CURL_LIB_FIND(name)                                                                                                    \
	if (!find(lib->handle, "curl_" #name, &lib->name))                                                                     \
		missing = "curl_" #name;
	CURL_LIB_FUNCTIONS(CURL_LIB_FIND)
#undef CURL_LIB_FIND
	if (!missing && !lib->global_init(CURL_GLOBAL_DEFAULT))
		return 0;
	if (missing)
		snprintf(why, why_size, LIBRARY " is too old: it has no %s. OpenTelemetry output needs libcurl 7.77 or later",
			 missing);
	else
		snprintf(why, why_size, LIBRARY " cannot be initialised");
	dlclose(lib->handle);
	lib->handle = NULL;
	return -ENOSYS;
}

void curl_lib_unload(struct curl_lib *lib)
{
	if (!lib->handle)
		return;
	lib->global_cleanup();
	dlclose(lib->handle);
	lib->handle = NULL;
}
#endif
