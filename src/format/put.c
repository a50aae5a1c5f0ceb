// SPDX-License-Identifier: GPL-2.0-only
#include "put.h"

#include "fmt.h"
#include "units.h"
#include "utf8.h"
#include "src/core/record_types.h"

/* Appends what a function of fmt.h or units.h writes. */
#define PUT(b, max, call)                                                                                                      \
	do {                                                                                                                   \
		char p[max];                                                                                                   \
		buf_put(b, p, (size_t)((call)-p));                                                                             \
	} while (0)

void put_uint(struct buf *b, uint64_t value)
{
	PUT(b, FMT_UINT_MAX, fmt_uint(p, value));
}

void put_hex(struct buf *b, uint64_t value)
{
	PUT(b, FMT_HEX_MAX, fmt_hex(p, value));
}

void put_time(struct buf *b, int64_t wall_ns)
{
	PUT(b, FMT_TIME_LEN, fmt_time(p, wall_ns));
}

void put_duration(struct buf *b, uint64_t us)
{
	PUT(b, UNITS_MAX, units_duration(p, us));
}

void put_size(struct buf *b, uint64_t bytes)
{
	PUT(b, UNITS_MAX, units_size(p, bytes));
}

void put_text_uint(struct buf *b, const char *before, uint64_t value)
{
	buf_str(b, before);
	put_uint(b, value);
}

void put_text_duration(struct buf *b, const char *before, uint64_t us)
{
	buf_str(b, before);
	put_duration(b, us);
}

void put_spaces(struct buf *b, size_t used, size_t width)
{
	if (used >= width || !buf_room(b, width - used))
		return;
	memset(b->p, ' ', width - used);
	b->p += width - used;
}

void put_address(struct buf *b, const struct wire_ident *id, bool local)
{
	bool ipv4 = fmt_is_ipv4(id);

	if (!ipv4)
		buf_char(b, '[');
	PUT(b, FMT_ADDR_MAX, fmt_addr(p, local ? id->local_addr : id->peer_addr, ipv4));
	if (!ipv4)
		buf_char(b, ']');
}

void put_bare_address(struct buf *b, const struct wire_ident *id, bool local)
{
	PUT(b, FMT_ADDR_MAX, fmt_addr(p, local ? id->local_addr : id->peer_addr, fmt_is_ipv4(id)));
}

void put_endpoint(struct buf *b, const struct wire_ident *id, bool local, char unknown)
{
	uint16_t port = local ? id->local_port : id->peer_port;

	put_address(b, id, local);
	buf_char(b, ':');
	if (port)
		put_uint(b, port);
	else
		buf_char(b, unknown);
}

size_t put_safe(struct buf *b, const char *text, size_t len, size_t max, bool ascii)
{
	size_t columns = 0;

	for (size_t i = 0, used; i < len; i += used) {
		char escape[4 * 4];
		uint32_t code;
		used = 1;
		if (text[i] >= ' ' && text[i] <= '~' && columns < max) { /* nearly all are */
			buf_char(b, text[i]);
			columns++;
			continue;
		}
		used = utf8_decode(text + i, len - i, &code);
		bool prints = used && !utf8_is_control(code) && (!ascii || code < 0x80);
		if (!used)
			used = 1;
		size_t need = prints ? 1 : 4 * used;
		if (columns + need > max)
			break;
		columns += need;
		if (prints) {
			buf_put(b, text + i, used);
			continue;
		}
		for (size_t k = 0; k < used; k++) {
			memcpy(escape + 4 * k, "\\x", 2);
			fmt_hex_bytes(escape + 4 * k + 2, text + i + k, 1);
		}
		buf_put(b, escape, need);
	}
	return columns;
}

size_t put_process(struct buf *b, const struct conn_tuple *t, size_t max, bool ascii)
{
	size_t columns = put_safe(b, t->task.comm, strnlen(t->task.comm, sizeof(t->task.comm)), max, ascii);
	char pid[FMT_UINT_MAX];
	size_t len = (size_t)(fmt_uint(pid, t->task.tgid) - pid);

	buf_char(b, '[');
	buf_put(b, pid, len);
	buf_char(b, ']');
	return columns + len + 2;
}
