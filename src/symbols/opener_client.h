/* SPDX-License-Identifier: GPL-2.0-only */
/* The parser's end of the opener: a struct file_source. It waits a little longer than the opener may take, and no longer. */
#pragma once

#include "opener_protocol.h"
#include "helper_pages.h"

struct opener_client {
	int socket;
	const struct control_page *control;
	uint64_t number; /* of the last request */
	uint64_t cpu_ns; /* what all answers took */
	struct answer answer;
};

/* `client` must not move. */
void opener_client_init(struct opener_client *client, int socket, const struct control_page *control);
bool opener_client_is_ready(const struct opener_client *client); /* else nothing can be opened now */
struct file_source opener_client_source(struct opener_client *client);
