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

void json_path(struct json *j, struct jsonw_key key, const char *path)
{
	jsonw_text(&j->b, key, path, path ? strlen(path) : 0, JSON_PATH_MAX);
}

void json_reason(struct json *j, uint32_t reason)
{
	const struct record_context *context = j->context;
	const char *name = reason && context->reason_name ? context->reason_name(context->ctx, reason) : NULL;

	jsonw_text(&j->b, KEY("reason"), name, name ? strlen(name) : 0, JSON_REASON_MAX);
}

/* The boot id keeps numbers of two boots apart; cookies count from 1. */
void json_id(struct json *j, struct jsonw_key key, const char *mark, uint64_t number)
{
	const char *boot_id = j->context->boot_id;
	char id[8 + JSON_MARK_MAX + FMT_HEX_MAX + 1], *p = id + 8;

	memset(id, '0', 8);
	if (boot_id)
		memcpy(id, boot_id, strnlen(boot_id, 8));
	while (*mark)
		*p++ = *mark++;
	*fmt_hex(p, number) = '\0';
	jsonw_word(&j->b, key, id);
}

void json_cookie(struct json *j, struct jsonw_key key, uint64_t cookie)
{
	json_id(j, key, ".", cookie);
}
