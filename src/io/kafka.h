/* SPDX-License-Identifier: GPL-2.0-only */
/* Lines to a topic of Kafka, by librdkafka, which is loaded when it is needed. Address: "broker[:port][,broker...]/topic". */
#pragma once

#include "transport.h"

int kafka_open(struct transport **out, const struct transport_config *config, char *why, size_t why_size);
