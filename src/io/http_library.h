/* SPDX-License-Identifier: GPL-2.0-only */
/* libmicrohttpd's functions, found in the library when the program runs: it does not need the library to start. */
#pragma once

#include <microhttpd.h>
#include <stddef.h>

#define HTTP_CALLS(call)                                                                                                       \
	call(MHD_start_daemon);                                                                                                \
	call(MHD_get_daemon_info);                                                                                             \
	call(MHD_run);                                                                                                         \
	call(MHD_get_timeout);                                                                                                 \
	call(MHD_get_connection_info);                                                                                         \
	call(MHD_lookup_connection_value);                                                                                     \
	call(MHD_create_response_from_buffer);                                                                                 \
	call(MHD_create_response_from_callback);                                                                               \
	call(MHD_add_response_header);                                                                                         \
	call(MHD_queue_response);                                                                                              \
	call(MHD_destroy_response)

struct http_library {
#define HTTP_MEMBER(name) typeof(name) *name
	HTTP_CALLS(HTTP_MEMBER);
#undef HTTP_MEMBER
};

/* 0, or -errno with a sentence. It stays loaded. */
int http_library_load(struct http_library *library, char *why, size_t why_size);
