// SPDX-License-Identifier: GPL-2.0-only
#include "json_common.h"

#include "src/core/record_clock.h"

int64_t json_wall(const struct json *j, uint64_t ts)
{
	return record_wall_ns(j->context, ts);
}

void json_text(struct json *j, struct jsonw_key key, const char *text)
{
	jsonw_text(&j->b, key, text, text ? strlen(text) : 0, JSON_STRING_MAX);
}

void json_path(struct json *j, struct json_path_keys keys, const char *path)
{
	size_t len = path ? strlen(path) : 0, exact = len < JSON_HEX_MAX ? len : JSON_HEX_MAX;
	bool cut;

	if (!jsonw_bytes(&j->b, keys.text, &(struct jsonw_bytes){path, len, JSON_PATH_MAX}, &cut)) {
		jsonw_hex_bytes(&j->b, keys.hex, path, exact);
		cut = cut || exact < len;
	}
	if (cut)
		jsonw_uint(&j->b, keys.len, len);
}

void json_reason(struct json *j, uint32_t reason)
{
	const struct record_context *context = j->context;
	const char *name = reason && context->reason_name ? context->reason_name(context->ctx, reason) : NULL;

	jsonw_text(&j->b, KEY("reason"), name, name ? strlen(name) : 0, JSON_REASON_MAX);
}

bool json_remember(const struct json *j, struct format_part *part, const char *begin)
{
	size_t len = (size_t)(j->b.p - begin);

	if (j->b.overflow || len > sizeof(part->text))
		return false;
	memcpy(part->text, begin, len);
	part->len = len;
	return true;
}

void json_repeat(struct json *j, struct format_part *part, void (*write)(struct json *j))
{
	const char *begin = j->b.p;

	if (part && part->len) {
		buf_put(&j->b, part->text, part->len);
		return;
	}
	write(j);
	if (part)
		json_remember(j, part, begin);
}

/* The boot id keeps numbers of two boots apart; cookies count from 1. */
char *json_put_boot(const struct json *j, char *p, struct jsonw_key key, const char *mark)
{
	const char *boot_id = j->boot_id;

	p = PIECE(piece_quote(p, key), "00000000");
	for (char *to = p - 8; to < p && boot_id && *boot_id; to++)
		*to = *boot_id++;
	while (*mark)
		*p++ = *mark++;
	return p;
}

char *json_put_id(const struct json *j, char *p, struct jsonw_key key, const char *mark, uint64_t number)
{
	return piece_unquote(fmt_hex(json_put_boot(j, p, key, mark), number));
}
