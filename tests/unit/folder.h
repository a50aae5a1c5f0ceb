/* SPDX-License-Identifier: GPL-2.0-only */
/* A temporary folder of a test, and numbered lines in its files. Include it before cmocka.h's other users: it asserts. */
#ifndef FOLDER_H
#define FOLDER_H

#include "src/io/destination.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct folder {
	char path[64], file[80]; /* the folder, and the name of the file that most tests write */
};

static inline struct folder folder_new(void)
{
	struct folder f = {.path = "/tmp/tcplife-fsm-test-XXXXXX"};

	assert_non_null(mkdtemp(f.path));
	snprintf(f.file, sizeof(f.file), "%s/out.json", f.path);
	return f;
}

static inline void folder_remove(const struct folder *f)
{
	DIR *dir = opendir(f->path);
	struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		if (unlinkat(dirfd(dir), entry->d_name, 0))
			(void)unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
	}
	closedir(dir);
	assert_false(rmdir(f->path));
}

struct path {
	char text[120];
};

/* The file's name with a suffix: beside(&f, ".1").text */
static inline struct path beside(const struct folder *f, const char *suffix)
{
	struct path path;

	snprintf(path.text, sizeof(path.text), "%s%s", f->file, suffix);
	return path;
}

static inline void folder_write(const char *path, const char *text, int flags)
{
	int fd = open(path, O_WRONLY | O_CREAT | flags, 0640);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

/* A file's text, which the caller frees. */
static inline char *folder_read(const char *path)
{
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	assert_non_null(in);
	if (getdelim(&text, &size, '\0', in) < 0) {
		free(text);
		text = strdup("");
	}
	fclose(in);
	return text;
}

static inline void assert_file(const char *path, const char *text)
{
	char *is = folder_read(path);

	assert_string_equal(is, text);
	free(is);
}

static inline bool exists(const char *path)
{
	struct stat st;

	return !lstat(path, &st);
}

/* write() as the queue does it: the rest again after a part of it. 0 or -errno. */
static inline int write_all(struct destination *d, const char *data, size_t len)
{
	ssize_t written;

	for (; len; data += written, len -= (size_t)written) {
		written = d->write(d, data, len);
		if (written < 0)
			return (int)written;
	}
	return 0;
}

static inline void put(struct destination *d, const char *text)
{
	assert_int_equal(write_all(d, text, strlen(text)), 0);
}

/* Line `n` of a writer: its number and a filling of a length that depends on it. Returns the length. */
#define LINE_MAX_BYTES 400
static inline size_t numbered_line(char line[LINE_MAX_BYTES], char writer, unsigned int n)
{
	size_t filling = 20 + n * 7919u % 300;
	size_t head = (size_t)sprintf(line, "%c %u ", writer, n);

	memset(line + head, 'a' + (char)(n % 26), filling);
	line[head + filling] = '\n';
	return head + filling + 1;
}

/*
 * Checks that each line of `path` (gzip: through zlib) is a whole one of one of `writers`, whose numbers grow, and moves
 * next[i] on. Numbers may be left out if `gaps`. Returns the number of lines.
 */
static inline unsigned int check_lines(FILE *in, const char *writers, unsigned int *next, bool gaps)
{
	char *line = NULL, expected[LINE_MAX_BYTES + 1];
	size_t size = 0, count = 0;
	ssize_t len;

	while ((len = getline(&line, &size, in)) > 0) {
		const char *writer = strchr(writers, line[0]);
		unsigned int n = (unsigned int)strtoul(line + 1, NULL, 10);

		assert_non_null(writer);
		assert_true(gaps ? n >= next[writer - writers] : n == next[writer - writers]);
		expected[numbered_line(expected, line[0], n)] = '\0';
		assert_string_equal(line, expected);
		next[writer - writers] = n + 1;
		count++;
	}
	free(line);
	return (unsigned int)count;
}

/* In a child of its own, which may change what it has of the system. */
static inline void in_child(void (*test)(const struct folder *folder))
{
	struct folder f = folder_new();
	int status;

	if (!fork()) {
		test(&f);
		_exit(0);
	}
	assert_true(wait(&status) > 0);
	assert_int_equal(status, 0);
	folder_remove(&f);
}

#endif
