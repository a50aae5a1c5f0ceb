/* SPDX-License-Identifier: GPL-2.0-only */
/* What the tracer asks of the process that keeps CAP_SYS_ADMIN, and what that answers: messages of a SOCK_SEQPACKET socket. */
#pragma once

#include "netns_files.h"

#include <stdint.h>

enum admin_kind {
	ADMIN_FILES = 1, /* with a network namespace, and the link of NETNS_ITERATOR if that is wanted: opens files there */
	ADMIN_NETNS_OF,  /* with a socket: opens its network namespace */
	ADMIN_DELEGATED, /* with a directory: systemd has marked it as delegated */
};

struct admin_request {
	uint32_t kind;
	uint32_t wanted; /* ADMIN_FILES: of netns_files_open() */
};

/* With a descriptor for each file that is 0, in their order; of ADMIN_NETNS_OF with one if `error` is 0. */
struct admin_answer {
	int32_t error; /* 0 or -errno */
	int32_t files[NETNS_FILES];
};
