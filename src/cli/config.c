// SPDX-License-Identifier: GPL-2.0-only
/*
 * The file may be anything: a FIFO, a device, a gigabyte, a program. It is opened without waiting, read up to a bound, and must
 * be text. The options are those of the command line, so what a value may be is decided where that is.
 */
#include "config.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define BLANKS " \t\r"
#define BOM "\xef\xbb\xbf" /* editors of other systems write it */

__attribute__((format(printf, 2, 3))) static int refuse(char why[CONFIG_WHY], const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(why, CONFIG_WHY, format, args);
	va_end(args);
	return -EINVAL;
}

static int refuse_line(const char **ret_why, const char *why)
{
	*ret_why = why;
	return -EINVAL;
}

/* Text up to the quote that closes, in place; the rest of the line must be empty. */
static int cut_quoted(char *text, char **ret_value, const char **ret_why)
{
	char quote = *text, *to = text, *from = text + 1;

	for (; *from && *from != quote; from++) {
		if (*from == '\\' && quote == '"') {
			from++;
			if (*from != '"' && *from != '\\')
				return refuse_line(ret_why, "in \"quotes\" \\ stands before \" or \\ only: use 'quotes'");
		}
		*to++ = *from;
	}
	if (!*from)
		return refuse_line(ret_why, "the quote is not closed");
	from++;
	if (*from && !strchr(BLANKS, *from))
		return refuse_line(ret_why, "after the closing quote the value goes on");
	from += strspn(from, BLANKS);
	if (*from && *from != '#')
		return refuse_line(ret_why, "after the closing quote there is more than a # comment");
	*to = '\0';
	*ret_value = text;
	return 1;
}

/* Text up to a comment, which a blank and # begin. */
static char *cut_plain(char *text)
{
	size_t len = 0;

	while (text[len] && !(text[len] == '#' && (!len || strchr(BLANKS, text[len - 1]))))
		len++;
	while (len && strchr(BLANKS, text[len - 1]))
		len--;
	text[len] = '\0';
	return len ? text : NULL;
}

int config_cut(char *line, struct config_line *ret, const char **ret_why)
{
	char *value;

	for (const char *c = line; *c; c++)
		if (((unsigned char)*c < ' ' && !strchr(BLANKS, *c)) || *c == 0x7f)
			return refuse_line(ret_why, "there is a control character: this is no text");
	line += strspn(line, BLANKS);
	if (!*line || *line == '#')
		return 0;
	*ret = (struct config_line){.key = line};
	value = line + strcspn(line, BLANKS "=");
	if (value == line)
		return refuse_line(ret_why, "the name of an option is missing before =");
	if (!*value)
		return 1;
	if (*value != '=') {
		*value++ = '\0';
		value += strspn(value, BLANKS);
	}
	if (*value == '=') {
		*value++ = '\0';
		value += strspn(value, BLANKS);
	}
	if (*value == '"' || *value == '\'')
		return cut_quoted(value, &ret->value, ret_why);
	ret->value = cut_plain(value);
	return 1;
}

static int take_text(const char *path, char *text, const struct config_reader *reader, char why[CONFIG_WHY])
{
	char where[PATH_MAX + 32], *rest = strncmp(text, BOM, strlen(BOM)) != 0 ? text : text + strlen(BOM), *line;
	const char *reason = NULL;
	struct config_line cut;
	unsigned int number = 0;
	int result = 0;

	while (!result && (line = strsep(&rest, "\n"))) {
		snprintf(where, sizeof(where), "%s:%u", path, ++number);
		result = config_cut(line, &cut, &reason);
		if (result < 0)
			return refuse(why, "%s: %s", where, reason);
		if (result)
			result = reader->take(reader->ctx, where, &cut);
	}
	return result;
}

/* The text of a regular file, ended by NUL; NULL with the reason in *ret_why. */
static char *read_text(int fd, const char **ret_why)
{
	char *text = malloc(CONFIG_BYTES_MAX + 2);
	size_t len = 0;
	ssize_t n = 1;

	while (text && n > 0 && len <= CONFIG_BYTES_MAX) {
		n = read(fd, text + len, CONFIG_BYTES_MAX + 1 - len);
		len += n > 0 ? (size_t)n : 0;
	}
	*ret_why = !text                     ? "out of memory"
		   : n < 0                   ? strerror(errno)
		   : len > CONFIG_BYTES_MAX  ? "it has more than 1 MiB, and a configuration has not"
		   : memchr(text, '\0', len) ? "it has bytes of 0, so it is no text"
					     : NULL;
	if (*ret_why) {
		free(text);
		return NULL;
	}
	text[len] = '\0';
	return text;
}

static const char *why_not(const struct stat *st)
{
	if (!S_ISREG(st->st_mode) && !S_ISDIR(st->st_mode))
		return "it is no regular file";
	if (st->st_uid && st->st_uid != geteuid())
		return "another user owns it, and so gives orders to who runs this: chown root";
	if (st->st_mode & S_IWOTH)
		return "everybody may write it, and so give orders to who runs this: chmod o-w";
	return NULL;
}

/* Of one that is open. */
static int read_file(int fd, const struct stat *st, const char *path, const struct config_reader *reader, char why[CONFIG_WHY])
{
	const char *reason = S_ISREG(st->st_mode) ? NULL : "it is no regular file";
	char *text = reason ? NULL : read_text(fd, &reason);
	int result;

	if (!text)
		return refuse(why, "--config '%s': %s", path, reason);
	result = reader->keep(reader->ctx, text);
	return result ?: take_text(path, text, reader, why);
}

static int is_config(const struct dirent *entry)
{
	size_t len = strlen(entry->d_name);

	return *entry->d_name != '.' && len > 5 && !strcmp(entry->d_name + len - 5, ".conf");
}

static int read_path(const char *path, bool is_in_folder, const struct config_reader *reader, char why[CONFIG_WHY]);

static int read_folder(const char *path, const struct config_reader *reader, char why[CONFIG_WHY])
{
	struct dirent **names = NULL;
	int n = scandir(path, &names, is_config, alphasort), result = 0;
	char file[PATH_MAX];

	if (n < 0)
		return refuse(why, "--config '%s': %s", path, strerror(errno));
	if (n > CONFIG_FILES_MAX)
		result = refuse(why, "--config '%s': it has %d files, and at most %d are read", path, n, CONFIG_FILES_MAX);
	for (int i = 0; i < n && !result; i++) {
		if (snprintf(file, sizeof(file), "%s/%s", path, names[i]->d_name) >= (int)sizeof(file))
			result = refuse(why, "--config '%s': the name is too long", path);
		else
			result = read_path(file, true, reader, why);
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return result;
}

static int read_path(const char *path, bool is_in_folder, const struct config_reader *reader, char why[CONFIG_WHY])
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), result;
	const char *reason;
	struct stat st;

	if (fd < 0 || fstat(fd, &st)) {
		result = refuse(why, "--config '%s': %s", path, strerror(errno));
		if (fd >= 0)
			close(fd);
		return result;
	}
	reason = why_not(&st);
	if (reason)
		result = refuse(why, "--config '%s': %s", path, reason);
	else if (S_ISDIR(st.st_mode) && !is_in_folder)
		result = read_folder(path, reader, why);
	else
		result = read_file(fd, &st, path, reader, why);
	close(fd);
	return result;
}

int config_read(const char *path, const struct config_reader *reader, char why[CONFIG_WHY])
{
	return read_path(path, false, reader, why);
}
