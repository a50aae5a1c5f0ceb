/* SPDX-License-Identifier: GPL-2.0-only */
/* What the parser asks and the opener answers, each a message of a SOCK_SEQPACKET socket. Neither trusts the other. */
#pragma once

#include "file_source.h"

#include <stdbool.h>

#define BUILD_ID_MIN 4
#define BUILD_ID_MAX 64
#define OPEN_MAX_NS 200000000ull /* the opener ends itself when an answer takes longer */

enum request_kind {
	REQUEST_MODULES = 1, /* which files with code the program has mapped */
	REQUEST_FILE = 2,    /* the file that is mapped from start to end */
	REQUEST_DEBUG = 3,   /* the host's debug information for a build id */
	REQUEST_MAP = 4,     /* what the program's runtime says of the code that it generates */
	REQUEST_MAX = 5,
};

struct request {
	uint64_t number; /* never used again: what answers an older one is closed */
	struct program_id program;
	uint64_t start, end;
	uint32_t kind; /* enum request_kind */
	uint32_t build_id_len;
	uint8_t build_id[BUILD_ID_MAX];
};

/* With a descriptor for REQUEST_FILE, REQUEST_DEBUG and REQUEST_MAP if `error` is 0. */
struct answer {
	uint64_t number;
	int32_t error; /* 0 or a negative errno */
	uint32_t modules_len;
	uint64_t cpu_ns;                          /* what it took: it counts as the process's */
	struct module_range modules[MODULES_MAX]; /* only modules_len of them are sent */
};

static inline size_t answer_size(const struct answer *answer)
{
	return offsetof(struct answer, modules) + answer->modules_len * sizeof(answer->modules[0]);
}

/* `size` bytes were received. */
bool request_valid(const struct request *request, size_t size);
bool answer_valid(const struct answer *answer, size_t size);

/* One message without waiting; with `fd`, unless that is -1. 0 or -errno. */
int protocol_send(int socket, const void *message, size_t size, int fd);

/*
 * One message without waiting: its size, 0 at the end of the stream, or -errno. *ret_fd is what came with it, or -1; whatever
 * came besides is closed.
 */
long protocol_receive(int socket, void *message, size_t size, int *ret_fd);
