// SPDX-License-Identifier: GPL-2.0-only
#include "csv_cells.h"

#include "fmt.h"
#include "put.h"
#include "src/core/record_clock.h"

#include <string.h>
#include <sys/socket.h>

#define PATH_COLUMNS 512 /* of a name or a path */

/* The same calls write the header and each row. True: the cell's value is to follow. */
bool csv_cell(struct csv *c, const char *title)
{
	if (c->begun)
		buf_char(&c->b, ',');
	c->begun = true;
	if (!c->in)
		buf_str(&c->b, title);
	return c->in;
}

void csv_cell_uint(struct csv *c, const char *title, bool known, uint64_t value)
{
	if (csv_cell(c, title) && known)
		put_uint(&c->b, value);
}

/* One of our own words. */
void csv_cell_word(struct csv *c, const char *title, const char *word)
{
	if (csv_cell(c, title) && word)
		buf_str(&c->b, word);
}

void csv_cell_bool(struct csv *c, const char *title, bool known, bool value)
{
	csv_cell_word(c, title, !known ? NULL : value ? "true" : "false");
}

void csv_cell_time(struct csv *c, const char *title, bool known, uint64_t ts)
{
	if (csv_cell(c, title) && known)
		put_time(&c->b, record_wall_ns(c->in->context, ts));
}

static void csv_cell_addr(struct csv *c, const char *title, const uint8_t *addr, bool ipv4)
{
	char text[FMT_ADDR_MAX];

	if (csv_cell(c, title) && addr)
		buf_put(&c->b, text, (size_t)(fmt_addr(text, addr, ipv4) - text));
}

/* Some programs pass over spaces, and take the wide forms of a sign for it. */
static bool is_formula(const char *text, size_t len)
{
	static const char *const begins[] = {"=", "+", "-", "@", "'", "\uff1d", "\uff0b", "\uff0d", "\uff20"};

	for (; len && *text == ' '; len--)
		text++;
	for (size_t i = 0; i < sizeof(begins) / sizeof(begins[0]); i++)
		if (len >= strlen(begins[i]) && !memcmp(text, begins[i], strlen(begins[i])))
			return true;
	return false;
}

/* Foreign bytes. NULL: not known. */
void csv_cell_text(struct csv *c, const char *title, const char *text, size_t len)
{
	char safe[4 * PATH_COLUMNS];
	struct buf b;

	if (!csv_cell(c, title) || !text)
		return;
	buf_init(&b, safe, sizeof(safe));
	put_safe(&b, text, len, PATH_COLUMNS, false);
	buf_char(&c->b, '"');
	if (is_formula(b.start, (size_t)(b.p - b.start)))
		buf_char(&c->b, '\'');
	for (const char *p = b.start; p < b.p; p++) {
		if (*p == '"')
			buf_char(&c->b, '"');
		buf_char(&c->b, *p);
	}
	buf_char(&c->b, '"');
}

void csv_cell_path(struct csv *c, const char *title, const char *path)
{
	csv_cell_text(c, title, path, path ? strlen(path) : 0);
}

void csv_tuple(struct csv *c, const struct conn_tuple *t, const struct record_owner *owner, bool is)
{
	const struct wire_ident *id = &t->id;
	bool known = t->id_known, ipv4 = known && fmt_is_ipv4(id), process = t->from != CONN_FROM_NONE;
	const char *boot = c->in && c->in->context->boot_id ? c->in->context->boot_id : "00000000";

	if (csv_cell(c, "conn_id") && is) {
		buf_put(&c->b, boot, strnlen(boot, 8));
		buf_char(&c->b, '.');
		put_hex(&c->b, t->cookie);
	}
	csv_cell_word(c, "family", !known ? NULL : ipv4 ? "ipv4" : "ipv6");
	csv_cell_addr(c, "local_addr", known ? id->local_addr : NULL, ipv4);
	csv_cell_uint(c, "local_port", known && id->local_port, id->local_port);
	csv_cell_addr(c, "peer_addr", known ? id->peer_addr : NULL, ipv4);
	csv_cell_uint(c, "peer_port", known && id->peer_port, id->peer_port);
	csv_cell_word(c, "role", conn_role_name(t->role));
	csv_cell_uint(c, "netns", known && id->netns, id->netns);
	csv_cell_uint(c, "process.pid", process, t->task.tgid);
	csv_cell_text(c, "process.comm", process ? t->task.comm : NULL, strnlen(t->task.comm, sizeof(t->task.comm)));
	csv_cell_path(c, "process.exe", process && owner ? owner->exe : NULL);
	csv_cell_uint(c, "process.uid", process && t->task.uid != UINT32_MAX, t->task.uid);
	csv_cell_path(c, "cgroup", owner ? owner->cgroup : NULL);
	csv_cell_text(c, "container.id", owner && !owner->id_claimed ? owner->container_id : NULL, 64);
}
