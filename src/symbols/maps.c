// SPDX-License-Identifier: GPL-2.0-only
#include "maps.h"

#include <string.h>

/* A number at *p, which stands behind it then. False: there is none, or `end` is not behind it. */
static bool number(const char **p, const char *line_end, unsigned int base, char end, uint64_t *ret)
{
	uint64_t value = 0;
	const char *at = *p;

	for (; at < line_end && *at != end; at++) {
		unsigned int digit = *at >= '0' && *at <= '9'   ? (unsigned int)(*at - '0')
				     : *at >= 'a' && *at <= 'f' ? (unsigned int)(*at - 'a' + 10)
								: base;

		if (digit >= base || value > UINT64_MAX / base - 1)
			return false;
		value = value * base + digit;
	}
	if (at == *p || at == line_end)
		return false;
	*p = at + 1;
	*ret = value;
	return true;
}

bool maps_parse(const char *line, size_t len, struct mapping *m)
{
	const char *p = line, *end = line + len;
	uint64_t offset, major, minor;

	*m = (struct mapping){0};
	if (!number(&p, end, 16, '-', &m->start) || !number(&p, end, 16, ' ', &m->end) || m->start >= m->end || end - p < 5)
		return false;
	m->code = p[2] == 'x';
	p += 5;
	if (!number(&p, end, 16, ' ', &offset) || !number(&p, end, 16, ':', &major) || !number(&p, end, 16, ' ', &minor) ||
	    !number(&p, end, 10, ' ', &m->inode))
		return false;
	m->major = (uint32_t)major;
	m->minor = (uint32_t)minor;
	while (p < end && *p == ' ')
		p++;
	m->path = p;
	m->path_len = (size_t)(end - p);
	return true;
}

void module_list_end(struct module_list *l)
{
	if (l->code && l->len < MODULES_MAX)
		l->modules[l->len++] = l->open;
	l->open.high = 0;
	l->code = false;
}

static void set_name(struct module_range *module, const struct mapping *m)
{
	static const char deleted[] = " (deleted)";
	size_t len = m->path_len, from;

	if (len > sizeof(deleted) && !memcmp(m->path + len - (sizeof(deleted) - 1), deleted, sizeof(deleted) - 1))
		len -= sizeof(deleted) - 1;
	for (from = len; from && m->path[from - 1] != '/'; from--)
		;
	len -= from;
	if (len > sizeof(module->name) - 1)
		len = sizeof(module->name) - 1;
	memset(module->name, 0, sizeof(module->name));
	memcpy(module->name, m->path + from, len);
}

/* The path of a process with another root begins with that, where it is known here at all. */
static bool is_of_system(const struct mapping *m)
{
	static const char *const folders[] = {"/lib/", "/lib64/", "/usr/lib/", "/usr/lib64/"};

	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		size_t len = strlen(folders[i]);
		const char *found = memmem(m->path, m->path_len, folders[i], len);

		if (found && (found == m->path || i >= 2))
			return memmem(found, (size_t)(m->path + m->path_len - found), ".so", 3);
	}
	return false;
}

void module_list_add(struct module_list *l, const struct mapping *m)
{
	bool same = l->open.high && m->inode == l->inode && m->major == l->major && m->minor == l->minor;

	if (!same) {
		module_list_end(l);
		if (!m->inode || !m->path_len || m->path[0] != '/')
			return;
		l->open = (struct module_range){.low = m->start, .start = m->start, .end = m->end};
		l->inode = m->inode;
		l->major = m->major;
		l->minor = m->minor;
		set_name(&l->open, m);
		l->open.of_system = is_of_system(m);
	}
	l->open.high = m->end;
	if (m->code && !l->code) {
		l->open.start = m->start;
		l->open.end = m->end;
		l->code = true;
	}
}
