// SPDX-License-Identifier: GPL-2.0-only
#include "perf_name.h"

#include <string.h>

static bool begins(const char *text, size_t len, const char *with)
{
	return len >= strlen(with) && !memcmp(text, with, strlen(with));
}

static void set_file(struct perf_name *n, const char *path, size_t len)
{
	const char *slash = memrchr(path, '/', len);

	n->file = slash && !begins(path, len, "node:") ? slash + 1 : path;
	n->file_len = (size_t)(path + len - n->file);
}

/* A number before `end`, behind a colon: *ret_len becomes the length of what is before that. */
static bool cut_number(const char *text, size_t *len, uint32_t *ret)
{
	size_t at = *len;
	uint32_t value = 0, unit = 1;

	for (; at && text[at - 1] >= '0' && text[at - 1] <= '9' && unit < 1000000000; at--, unit *= 10)
		value += (uint32_t)(text[at - 1] - '0') * unit;
	if (at == *len || !at || text[at - 1] != ':')
		return false;
	*len = at - 1;
	*ret = value;
	return true;
}

/* py::dial:/srv/pool.py */
static void parse_python(struct perf_name *n, const char *text, size_t len)
{
	static const char library[] = "/lib/python3.";
	const char *colon = memchr(text, ':', len), *path;

	n->function = text;
	n->function_len = len;
	while (colon && (colon + 1 == text + len || (colon[1] != '/' && colon[1] != '<')))
		colon = memchr(colon + 1, ':', (size_t)(text + len - colon - 1)); /* a relative path, or a name with a colon */
	if (!colon)
		colon = memchr(text, ':', len);
	if (!colon || colon == text || colon + 1 == text + len)
		return;
	path = colon + 1;
	n->function_len = (size_t)(colon - text);
	set_file(n, path, (size_t)(text + len - path));
	n->of_runtime = *path == '<' || (memmem(path, (size_t)(text + len - path), library, sizeof(library) - 1) &&
					 !memmem(path, (size_t)(text + len - path), "-packages/", 10));
}

/* JS:*dial /srv/pool.js:10:3, where the mark before the name is how it is compiled */
static void parse_script(struct perf_name *n, const char *text, size_t len)
{
	static const char nameless[] = "(anonymous)";
	const char *space;
	size_t path_len;
	uint32_t column;

	if (len && strchr("~*^+'", *text)) {
		text++;
		len--;
	}
	n->function = text;
	n->function_len = len;
	for (space = memchr(text, ' ', len); space && space + 1 < text + len;
	     space = memchr(space + 1, ' ', (size_t)(text + len - space - 1))) {
		if (space[1] == '/' || begins(space + 1, (size_t)(text + len - space - 1), "node:") ||
		    begins(space + 1, (size_t)(text + len - space - 1), "file:"))
			break; /* the name may have a space, as that of a getter has */
	}
	if (!space || space + 1 >= text + len)
		return;
	path_len = (size_t)(text + len - space - 1);
	if (!cut_number(space + 1, &path_len, &column) || !cut_number(space + 1, &path_len, &n->line) || !path_len)
		return;
	n->function_len = (size_t)(space - text);
	if (!n->function_len) {
		n->function = nameless;
		n->function_len = sizeof(nameless) - 1;
	}
	set_file(n, space + 1, path_len);
	n->of_runtime = begins(space + 1, path_len, "node:");
}

/* int shop.Pool.dial(java.lang.String, int) */
static void parse_java(struct perf_name *n, const char *text, size_t len)
{
	static const char *const own[] = {"java.", "javax.", "jdk.", "sun.", "com.sun."};
	const char *bracket = memchr(text, '(', len), *space;

	n->function = text;
	n->function_len = len;
	n->of_runtime = true; /* an interpreter, an adapter, a stub */
	if (!bracket || text[len - 1] != ')' || bracket == text)
		return;
	space = memrchr(text, ' ', (size_t)(bracket - text));
	n->function = space ? space + 1 : text;
	n->function_len = (size_t)(bracket - n->function);
	n->of_runtime = !n->function_len;
	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++)
		n->of_runtime |= begins(n->function, n->function_len, own[i]);
}

void perf_name_parse(const char *name, struct perf_name *ret)
{
	static const char *const scripts[] = {"JS:", "Eval:", "Script:", "Function:", "LazyCompile:"};
	size_t len = strlen(name);

	*ret = (struct perf_name){0};
	if (begins(name, len, "py::")) {
		parse_python(ret, name + 4, len - 4);
		return;
	}
	for (size_t i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++) {
		if (begins(name, len, scripts[i])) {
			parse_script(ret, name + strlen(scripts[i]), len - strlen(scripts[i]));
			return;
		}
	}
	parse_java(ret, name, len);
}
