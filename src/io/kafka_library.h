/* SPDX-License-Identifier: GPL-2.0-only */
/* librdkafka's functions, found in the library when the program runs: it does not need the library to start. */
#pragma once

#include <librdkafka/rdkafka.h>
#include <stddef.h>

#define KAFKA_CALLS(call)                                                                                                      \
	call(rd_kafka_conf_new);                                                                                               \
	call(rd_kafka_conf_destroy);                                                                                           \
	call(rd_kafka_conf_set);                                                                                               \
	call(rd_kafka_conf_set_opaque);                                                                                        \
	call(rd_kafka_conf_set_dr_msg_cb);                                                                                     \
	call(rd_kafka_conf_set_error_cb);                                                                                      \
	call(rd_kafka_new);                                                                                                    \
	call(rd_kafka_topic_new);                                                                                              \
	call(rd_kafka_produce);                                                                                                \
	call(rd_kafka_poll);                                                                                                   \
	call(rd_kafka_flush);                                                                                                  \
	call(rd_kafka_purge);                                                                                                  \
	call(rd_kafka_last_error);                                                                                             \
	call(rd_kafka_fatal_error);                                                                                            \
	call(rd_kafka_err2str)

struct kafka_library {
#define KAFKA_MEMBER(name) typeof(name) *name
	KAFKA_CALLS(KAFKA_MEMBER);
#undef KAFKA_MEMBER
};

/* 0, or -errno with a sentence. It stays loaded. */
int kafka_library_load(struct kafka_library *library, char *why, size_t why_size);
