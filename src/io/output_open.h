/* SPDX-License-Identifier: GPL-2.0-only */
/* Opens what is written to, without a trap that another user has set in a folder such as /tmp. */
#pragma once

#include <limits.h>
#include <stdbool.h>

struct stat;

/* Nobody reads the FIFO yet: waits a moment; false gives up. `first`: nothing was said of it. */
typedef bool (*reader_wait_fn)(void *ctx, const char *path, bool first);

/* Beside errno's numbers, which end at 4095. */
enum output_refusal {
	OUTPUT_FOREIGN_LINK = 5000, /* on the way lies another user's symbolic link, in a sticky folder that all may write to */
	OUTPUT_FOREIGN_FILE,        /* it is another user's file, FIFO or socket in such a folder */
	OUTPUT_LOCKED,              /* another run rotates it, or writes to what this one is to rotate */
	OUTPUT_NOT_A_FILE,          /* what is no file is to be rotated */
	OUTPUT_GROUP,               /* it cannot be given to the group */
};

/* Do both names lead to one file or FIFO? NULL and "-" are standard output. A name without a file is like no other. */
bool output_same(const char *a, const char *b);

/* Does an output lead to the file or FIFO that is read? "-" of `input` is standard input. */
bool output_is_input(const char *output, const char *input);

/* What strerror() says of an errno, and a sentence for a refusal. */
const char *output_error(int error);

/*
 * A descriptor that blocks, or -errno, or -output_refusal. A new file has mode 0640, less the umask: it names processes.
 * `fresh` empties a file, else what is written is appended. -EINTR: `wait` gave up.
 */
int output_open(const char *path, bool fresh, reader_wait_fn wait, void *ctx);

/* Where a file was found, once all links are followed: for who renames it. */
struct output_place {
	int dir;     /* its folder, an O_PATH descriptor; -1: it has no name that could be changed */
	bool is_new; /* the file was made */
	char name[NAME_MAX + 1];
};

/* As output_open(), appending, but never waits: -ENXIO is a FIFO that nobody reads. The caller closes ret_place->dir. */
int output_open_now(const char *path, struct output_place *ret_place);

/* An O_PATH descriptor of what is there, e.g. a socket, by the same rules. */
int output_find(const char *path);

/* The folder that `path` is in, by the same rules, for reading, and the name there. -EISDIR: it has none. */
int output_open_folder(const char *path, char ret_name[NAME_MAX + 1]);

/* Whether the rules forbid to use what `st` describes: it is another user's, and all may write to its folder. */
bool output_is_foreign(const struct stat *dir, const struct stat *st);
