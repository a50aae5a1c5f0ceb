/* SPDX-License-Identifier: GPL-2.0-only */
/* librdkafka's properties: ours, and those of the user's file. */
#pragma once

#include "kafka_library.h"

#include <stdbool.h>

/*
 * `text`: lines of name=value; empty ones and those that begin with # say nothing. In a value of a property whose name ends in
 * .pem the two characters \n are a newline. 0, or -EINVAL with a sentence that names the line.
 */
int kafka_properties_read(const struct kafka_library *library, rd_kafka_conf_t *conf, const char *text, char *why,
			  size_t why_size);

/* One of ours, as "message.timeout.ms=0". 0, or -EINVAL with a sentence. */
int kafka_property_set(const struct kafka_library *library, rd_kafka_conf_t *conf, const char *line, char *why,
		       size_t why_size);
