// SPDX-License-Identifier: GPL-2.0-only
#include "line_reader.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#define READ_BYTES (1 << 18)

struct line_reader {
	gzFile file;
	uint64_t size;
	bool is_terminal;
	unsigned int at, len; /* of data */
	size_t line_len;
	char data[READ_BYTES];
	char line[LINE_READER_MAX];
};

int line_reader_open(struct line_reader **ret_reader, const char *path)
{
	int fd = strcmp(path, "-") ? open(path, O_RDONLY | O_CLOEXEC) : fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 0);
	struct line_reader *r;
	struct stat st;

	if (fd < 0)
		return -errno;
	r = calloc(1, sizeof(*r));
	if (!r || fstat(fd, &st) || S_ISDIR(st.st_mode)) {
		int err = !r ? -ENOMEM : S_ISDIR(st.st_mode) ? -EISDIR : -errno;

		free(r);
		close(fd);
		return err;
	}
	r->is_terminal = isatty(fd);
	r->size = S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0;
	r->file = gzdopen(fd, "r");
	if (!r->file) {
		free(r);
		close(fd);
		return -ENOMEM;
	}
	gzbuffer(r->file, READ_BYTES);
	*ret_reader = r;
	return 0;
}

static bool fill(struct line_reader *r)
{
	int n = gzread(r->file, r->data, sizeof(r->data));

	r->at = 0;
	r->len = n > 0 ? (unsigned int)n : 0;
	return n > 0;
}

bool line_reader_next(struct line_reader *r, const char **ret_line, size_t *ret_len)
{
	size_t len = 0;
	bool any = false;

	for (;;) {
		const char *begin, *end;
		size_t piece, kept;

		if (r->at == r->len && !fill(r))
			break;
		any = true;
		begin = r->data + r->at;
		end = memchr(begin, '\n', r->len - r->at);
		piece = end ? (size_t)(end - begin) : r->len - r->at;
		kept = piece < sizeof(r->line) - len ? piece : sizeof(r->line) - len;
		memcpy(r->line + len, begin, kept);
		len += kept;
		r->at += (unsigned int)piece + (end != NULL);
		if (end)
			break;
	}
	*ret_line = r->line;
	*ret_len = len;
	return any;
}

const char *line_reader_error(struct line_reader *r)
{
	int number;
	const char *text = gzerror(r->file, &number);

	if (number == Z_BUF_ERROR)
		return "the compressed data end too early";
	return number == Z_ERRNO ? strerror(errno) : number < 0 ? text : NULL;
}

uint64_t line_reader_done(struct line_reader *r)
{
	z_off_t at = gzoffset(r->file);

	return at > 0 ? (uint64_t)at : 0;
}

uint64_t line_reader_size(const struct line_reader *r)
{
	return r->size;
}

bool line_reader_is_terminal(const struct line_reader *r)
{
	return r->is_terminal;
}

void line_reader_close(struct line_reader *r)
{
	if (!r)
		return;
	gzclose(r->file);
	free(r);
}
