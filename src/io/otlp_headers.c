// SPDX-License-Identifier: GPL-2.0-only
/*
 * What may stand in a header is what RFC 9110 (5.1 and 5.5) lets stand in one, of ASCII: so no line can end the header or begin
 * another one. The headers that describe the body and the connection are not the user's.
 */
#include "otlp_headers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define TOKEN "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"

/* The name of what we set, or NULL. */
static const char *find_own(const char *name, size_t len)
{
	static const char *const own[] = {"Connection", "Content-Encoding",  "Content-Length", "Content-Type",   "Expect",
					  "Host",       "Transfer-Encoding", "Upgrade",        "Accept-Encoding"};

	for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
		if (strlen(own[i]) == len && !strncasecmp(own[i], name, len))
			return own[i];
	}
	return NULL;
}

/* NULL: it is a header; else what is wrong with it. */
static const char *judge(const char *line, size_t len)
{
	size_t name = strspn(line, TOKEN), i;

	if (!name || name >= len || line[name] != ':')
		return "is not \"Name: value\"";
	if (find_own(line, name))
		return "is a header that the tool sets itself";
	for (i = name + 1; i < len && (line[i] == ' ' || line[i] == '\t'); i++)
		;
	if (i == len)
		return "has no value";
	for (; i < len; i++) {
		if ((line[i] < ' ' || line[i] > '~') && line[i] != '\t')
			return "has a character that no header may have";
	}
	return NULL;
}

static int refuse(unsigned int number, const char *what, char *why, size_t why_size)
{
	snprintf(why, why_size, "line %u of the file that headers= names %s", number, what);
	return -EINVAL;
}

int otlp_headers_read(const char *text, const struct otlp_headers_user *user, char *why, size_t why_size)
{
	unsigned int number = 0, count = 0;
	char header[OTLP_HEADER_MAX];
	const char *wrong;
	size_t len;
	int err;

	for (const char *next, *line = text; *line; line = next) {
		len = strcspn(line, "\n");
		next = line + len + (line[len] == '\n');
		number++;
		len -= len && line[len - 1] == '\r';
		if (!len || line[0] == '#')
			continue;
		if (len >= sizeof(header))
			return refuse(number, "is too long", why, why_size);
		if (++count > OTLP_HEADERS_MAX)
			return refuse(number, "is one header too many: 64 are taken", why, why_size);
		memcpy(header, line, len);
		header[len] = '\0';
		wrong = judge(header, len);
		if (wrong)
			return refuse(number, wrong, why, why_size);
		err = user->add(user->ctx, header);
		if (err)
			return err;
	}
	return 0;
}
