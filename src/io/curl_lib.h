/* SPDX-License-Identifier: GPL-2.0-only */
/* libcurl, loaded when it is wanted: the program starts without it. Each function has the prototype of the library's header. */
#pragma once

#include <curl/curl.h>
#include <stddef.h>

#define CURL_LIB_FUNCTIONS(X)                                                                                                  \
	X(global_init)                                                                                                         \
	X(global_cleanup)                                                                                                      \
	X(easy_init)                                                                                                           \
	X(easy_setopt)                                                                                                         \
	X(easy_getinfo)                                                                                                        \
	X(easy_strerror)                                                                                                       \
	X(easy_cleanup)                                                                                                        \
	X(slist_append)                                                                                                        \
	X(slist_free_all)                                                                                                      \
	X(multi_init)                                                                                                          \
	X(multi_add_handle)                                                                                                    \
	X(multi_remove_handle)                                                                                                 \
	X(multi_perform)                                                                                                       \
	X(multi_poll)                                                                                                          \
	X(multi_info_read)                                                                                                     \
	X(multi_cleanup)

struct curl_lib {
	void *handle;
#define CURL_LIB_MEMBER(name) __typeof__(curl_##name) *name;
	CURL_LIB_FUNCTIONS(CURL_LIB_MEMBER)
#undef CURL_LIB_MEMBER
};

/* 0, or -errno with a sentence for the user in `why`. */
int curl_lib_load(struct curl_lib *lib, char *why, size_t why_size);
void curl_lib_unload(struct curl_lib *lib);
