// SPDX-License-Identifier: GPL-2.0-only
#ifdef WITH_KAFKA
#include "kafka_library.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define LIBRARY "librdkafka.so.1"

static void *find(void *handle, const char *name, const char **missing)
{
	void *found = dlsym(handle, name);

	if (!found)
		*missing = name;
	return found;
}

int kafka_library_load(struct kafka_library *library, char *why, size_t why_size)
{
	void *handle = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	const char *missing = NULL, *error;

	if (!handle) {
		error = dlerror();
		snprintf(why, why_size,
			 "Kafka needs " LIBRARY ": install the package librdkafka1 (Debian, Ubuntu) or librdkafka (Fedora): %s",
			 error ? error : "it cannot be loaded");
		return -ELIBACC;
	}
#define KAFKA_FIND(name) library->name = (typeof(library->name))find(handle, #name, &missing)
	KAFKA_CALLS(KAFKA_FIND);
#undef KAFKA_FIND
	if (!missing)
		return 0;
	snprintf(why, why_size, LIBRARY " is too old: it has no %s()", missing);
	return -ELIBBAD;
}
#endif
