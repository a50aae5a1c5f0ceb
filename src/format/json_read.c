// SPDX-License-Identifier: GPL-2.0-only
/*
 * Of a line, the keys that a ladder or a selection needs are read, and must be as docs/schema.json has them. A list that is
 * longer than a record can hold is cut, and the record is then not complete.
 */
#include "json_read.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "rfc3339.h"

#define HEX "0123456789abcdef"
#define US_MAX ((UINT64_C(1) << 53) - 1)

struct reader {
	struct json_read *r;
	char *why; /* JSON_READ_WHY_LEN bytes */
	bool bad;
};

__attribute__((format(printf, 2, 3))) static void refuse(struct reader *rd, const char *format, ...)
{
	va_list args;

	if (rd->bad)
		return;
	rd->bad = true;
	va_start(args, format);
	vsnprintf(rd->why, JSON_READ_WHY_LEN, format, args);
	va_end(args);
}

/* Values: null and what is absent are not known, and read as 0 or NULL. */

/* An integer from 0 to `max`; *ret_known may be NULL. */
static uint64_t get_uint(struct reader *rd, const json_t *object, const char *key, uint64_t max, bool *ret_known)
{
	const json_t *value = json_object_get(object, key);
	bool known = value && !json_is_null(value);

	if (known && (!json_is_integer(value) || json_integer_value(value) < 0 || (uint64_t)json_integer_value(value) > max)) {
		refuse(rd, "%s is not an integer from 0 to %" PRIu64, key, max);
		known = false;
	}
	if (ret_known)
		*ret_known = known;
	return known ? (uint64_t)json_integer_value(value) : 0;
}

static uint32_t get_u32(struct reader *rd, const json_t *object, const char *key, bool *ret_known)
{
	return (uint32_t)get_uint(rd, object, key, UINT32_MAX, ret_known);
}

static uint64_t get_us(struct reader *rd, const json_t *object, const char *key, bool *ret_known)
{
	return get_uint(rd, object, key, US_MAX, ret_known);
}

static const char *get_text(struct reader *rd, const json_t *object, const char *key)
{
	const json_t *value = json_object_get(object, key);

	if (value && !json_is_null(value) && !json_is_string(value))
		refuse(rd, "%s is not a string", key);
	return json_string_value(value);
}

/* Its number by `name`. */
static unsigned int get_word(struct reader *rd, const json_t *object, const char *key, const char *(*name)(unsigned int),
			     unsigned int max)
{
	const char *word = get_text(rd, object, key);

	for (unsigned int i = 0; word && i < max; i++) {
		if (name(i) && !strcmp(name(i), word))
			return i;
	}
	if (word)
		refuse(rd, "%s has a value that this version does not know", key);
	return 0;
}

static bool get_bool(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

/* In us since 1970. */
static int64_t get_time(struct reader *rd, const json_t *object, const char *key, bool *ret_known)
{
	const char *text = get_text(rd, object, key);
	int64_t us = 0;

	*ret_known = text;
	if (text && !rfc3339_read(text, &us))
		refuse(rd, "%s is not a time like 2026-01-02T03:04:05.000000Z", key);
	return us;
}

/* Who */

static void read_id(struct reader *rd, const json_t *object)
{
	const char *id = get_text(rd, object, "conn_id"),
		   *cookie = id && strlen(id) > LADDER_BOOT_LEN ? id + LADDER_BOOT_LEN + 1 : "";
	struct ladder_end *end = &rd->r->end;
	size_t len = strspn(cookie, HEX);

	if (!len || len > 16 || cookie[len] || strspn(id, HEX) != LADDER_BOOT_LEN || id[LADDER_BOOT_LEN] != '.') {
		refuse(rd, "conn_id is not 8 hex digits, a dot and the socket cookie in hex");
	} else {
		memcpy(end->boot, id, LADDER_BOOT_LEN);
		end->rec.t.cookie = strtoull(cookie, NULL, 16);
	}
	end->rec.t.generation = get_u32(rd, object, "generation", NULL);
}

static void read_address(struct reader *rd, const json_t *object, const char *key, bool ipv4, uint8_t addr[16])
{
	const char *text = get_text(rd, object, key);

	if (!text)
		return;
	if (ipv4) {
		memset(addr, 0, 10);
		memset(addr + 10, 0xff, 2);
	}
	if (inet_pton(ipv4 ? AF_INET : AF_INET6, text, ipv4 ? addr + 12 : addr) != 1)
		refuse(rd, "%s is not an address of its family", key);
}

static void read_addresses(struct reader *rd, const json_t *object)
{
	const char *family = get_text(rd, object, "family"), *local = get_text(rd, object, "local_addr");
	struct conn_tuple *t = &rd->r->end.rec.t;
	bool ipv4;

	if (!family && !local)
		return;
	ipv4 = family ? !strcmp(family, "ipv4") : !strchr(local, ':'); /* --detail short has no family */
	if (family && !ipv4 && strcmp(family, "ipv6")) {
		refuse(rd, "family is neither ipv4 nor ipv6");
		return;
	}
	t->id_known = true;
	t->id.family = ipv4 && !get_bool(object, "v4_mapped") ? AF_INET : AF_INET6;
	read_address(rd, object, "local_addr", ipv4, t->id.local_addr);
	read_address(rd, object, "peer_addr", ipv4, t->id.peer_addr);
	t->id.local_port = (uint16_t)get_uint(rd, object, "local_port", UINT16_MAX, NULL);
	t->id.peer_port = (uint16_t)get_uint(rd, object, "peer_port", UINT16_MAX, NULL);
	t->id.netns = get_u32(rd, object, "netns", NULL);
}

/* The exact bytes are in a second key, KEY_hex, where the first could not have them. At most `size`, no NUL behind them. */
static void read_bytes(struct reader *rd, const json_t *object, const char *key, char *bytes, size_t size)
{
	const char *hex, *text = get_text(rd, object, key);
	char key_hex[16];
	size_t len;
	unsigned int byte;

	snprintf(key_hex, sizeof(key_hex), "%s_hex", key);
	hex = get_text(rd, object, key_hex);
	len = hex ? strlen(hex) : text ? strlen(text) : 0;
	if (len > (hex ? 2 : 1) * size)
		refuse(rd, "%s has more than %zu bytes", key, size);
	else if (hex && (len % 2 || strspn(hex, HEX) != len))
		refuse(rd, "%s is not hex", key_hex);
	else if (!hex && len)
		memcpy(bytes, text, len);
	for (size_t i = 0; hex && !rd->bad && i < len / 2; i++) {
		sscanf(hex + 2 * i, "%2x", &byte);
		bytes[i] = (char)byte;
	}
}

static void read_owner(struct reader *rd, const json_t *object)
{
	const json_t *process = json_object_get(object, "process");
	struct conn_tuple *t = &rd->r->end.rec.t;

	t->role = get_word(rd, object, "role", conn_role_name, CONN_ROLE_MAX);
	rd->r->has_cgroup = get_text(rd, object, "cgroup");
	read_bytes(rd, object, "cgroup", rd->r->cgroup, sizeof(rd->r->cgroup) - 1);
	if (!process || json_is_null(process))
		return;
	if (!json_is_object(process)) {
		refuse(rd, "process is not an object");
		return;
	}
	t->from = get_word(rd, process, "from", conn_from_name, CONN_FROM_MAX);
	if (t->from == CONN_FROM_NONE)
		t->from = CONN_FROM_SCAN;
	t->task.tgid = get_u32(rd, process, "pid", NULL);
	read_bytes(rd, process, "comm", t->task.comm, WIRE_COMM_LEN);
}

/* Its life */

static const json_t *get_list(struct reader *rd, const json_t *object, const char *key)
{
	const json_t *list = json_object_get(object, key);

	if (list && !json_is_array(list))
		refuse(rd, "%s is not a list", key);
	return json_is_array(list) ? list : NULL;
}

static void read_span(struct reader *rd, const json_t *item, struct conn_span *span)
{
	if (!get_text(rd, item, "state") || !get_text(rd, item, "ev"))
		refuse(rd, "an entry of timeline has no state or no ev");
	span->state = (uint8_t)get_word(rd, item, "state", conn_state_name, WIRE_STATE_MAX);
	span->at_us = get_us(rd, item, "at_us", NULL);
	span->us = get_us(rd, item, "us", &span->us_known);
	span->by = (uint8_t)get_word(rd, item, "by", conn_by_name, CONN_BY_MAX);
	span->ev = (uint8_t)get_word(rd, item, "ev", conn_ev_name, CONN_EV_MAX);
}

static void read_segment(struct reader *rd, const json_t *item, struct conn_segment *seg)
{
	bool repeated;

	if (!get_text(rd, item, "dir") || !get_text(rd, item, "flags") || !get_text(rd, item, "ev"))
		refuse(rd, "an entry of segments has no dir, no flags or no ev");
	seg->at_us = get_us(rd, item, "at_us", &seg->at_known);
	seg->dir = (uint8_t)get_word(rd, item, "dir", conn_dir_name, CONN_DIR_MAX);
	seg->flags = (uint8_t)get_word(rd, item, "flags", conn_flags_name, CONN_FLAGS_MAX);
	seg->proof = (uint8_t)get_word(rd, item, "ev", conn_proof_name, CONN_PROOF_MAX);
	seg->seq = get_us(rd, item, "seq", &seg->seq_known);
	seg->ack = get_us(rd, item, "ack", &seg->ack_known);
	seg->n = get_u32(rd, item, "n", &repeated);
	if (!repeated)
		seg->n = 1;
	seg->at_us_last = get_us(rd, item, "at_us_last", &seg->last_known);
}

static void read_lists(struct reader *rd, const json_t *object)
{
	const json_t *timeline = get_list(rd, object, "timeline"), *segments = get_list(rd, object, "segments"), *item;
	struct conn_record *rec = &rd->r->end.rec;
	size_t i;

	json_array_foreach(timeline, i, item)
	{
		if (i < CONN_TIMELINE_MAX)
			read_span(rd, item, &rec->timeline[rec->timeline_len++]);
	}
	json_array_foreach(segments, i, item)
	{
		if (i < CONN_SEGMENTS_MAX)
			read_segment(rd, item, &rec->segments[rec->segments_len++]);
	}
	if (json_array_size(timeline) > CONN_TIMELINE_MAX || json_array_size(segments) > CONN_SEGMENTS_MAX)
		rec->complete = false;
}

static void read_counters(struct reader *rd, const json_t *object)
{
	const json_t *tcp = json_object_get(object, "tcp"), *resets = json_object_get(object, "resets");
	const json_t *isn = json_object_get(object, "isn"), *again = json_object_get(object, "retransmits");
	struct conn_record *rec = &rd->r->end.rec;
	const char *reason = get_text(rd, resets, "reason");
	bool sent_known;

	rec->isn_local = get_u32(rd, isn, "local", &rec->isn_local_known);
	rec->isn_peer = get_u32(rd, isn, "peer", &rec->isn_peer_known);
	rec->stats.bytes_sent = get_us(rd, tcp, "bytes_sent", &sent_known);
	rec->sent_unknown = !sent_known;
	rec->payload_acked = get_us(rd, tcp, "bytes_acked", &rec->stats_known);
	rec->payload_received = get_us(rd, tcp, "bytes_received", NULL);
	rec->unread_bytes = get_u32(rd, tcp, "unread_bytes", &rec->unread_known);
	rec->unsent_bytes = get_u32(rd, tcp, "unsent_bytes", NULL);
	rec->retransmits.syn = get_u32(rd, again, "syn", NULL);
	rec->retransmits.synack = get_u32(rd, again, "synack", NULL);
	rec->retransmits.data = get_u32(rd, again, "data", NULL);
	rec->retransmits.fin = get_u32(rd, again, "fin", NULL);
	rec->resets.sent = get_u32(rd, resets, "sent", NULL);
	rec->resets.received = get_u32(rd, resets, "received", NULL);
	if (reason)
		snprintf(rd->r->end.reset_reason, sizeof(rd->r->end.reset_reason), "%s", reason);
}

static void read_time_wait(struct reader *rd, const json_t *object)
{
	const json_t *value = json_object_get(object, "time_wait");
	struct conn_time_wait *tw = &rd->r->end.rec.time_wait;
	bool restarts_known;

	if (!json_is_object(value))
		return;
	tw->entered = true;
	tw->us = get_us(rd, value, "us", &tw->us_known);
	tw->fin_wait2 = json_object_get(value, "fin_wait2_us");
	tw->fin_wait2_us = get_us(rd, value, "fin_wait2_us", &tw->fin_wait2_us_known);
	tw->restarts = get_u32(rd, value, "restarts", &restarts_known);
	tw->restarts_unknown = !restarts_known;
	tw->end = get_word(rd, value, "end", conn_tw_end_name, WIRE_CAUSE_MAX);
	tw->ev = get_word(rd, value, "ev", conn_ev_name, CONN_EV_MAX);
}

/* How long the timeline says that it was; false if its last state is open-ended. */
static bool timeline_us(const struct conn_record *rec, uint64_t *ret_us)
{
	const struct conn_span *last = rec->timeline_len ? &rec->timeline[rec->timeline_len - 1] : NULL;

	*ret_us = last ? last->at_us + (last->us_known ? last->us : 0) : 0;
	return !last || last->us_known;
}

static void read_times(struct reader *rd, const json_t *object)
{
	struct ladder_end *end = &rd->r->end;
	struct conn_record *rec = &end->rec;
	bool ts_known, end_known;
	int64_t ts_us = get_time(rd, object, "ts", &ts_known), end_us = get_time(rd, object, "end", &end_known);
	uint64_t life_us = get_us(rd, object, "duration_us", &rec->duration_known);

	if (!ts_known)
		refuse(rd, "ts is missing");
	if (!end_known)
		end_us = ts_us;
	end->start_us = get_time(rd, object, "start", &rec->start_known);
	if (!rec->duration_known && !timeline_us(rec, &life_us) && rec->start_known &&
	    end_us - end->start_us > (int64_t)life_us)
		life_us = (uint64_t)(end_us - end->start_us);
	if (!rec->start_known)
		end->start_us = end_us > (int64_t)life_us ? end_us - (int64_t)life_us : 0;
	end->ts = (uint64_t)ts_us * 1000;
	rec->start_ns = (uint64_t)end->start_us * 1000;
	rec->end_ns = rec->start_ns + life_us * 1000;
	rec->handshake_us = get_us(rd, object, "handshake_us", &rec->handshake_known);
}

static void read_connection(struct reader *rd, const json_t *object)
{
	struct conn_record *rec = &rd->r->end.rec;

	rec->final = get_bool(object, "final");
	rec->complete = get_bool(object, "complete");
	rec->gaps = get_u32(rd, object, "gaps", NULL);
	rec->closed_by = get_word(rd, object, "closed_by", conn_side_name, CONN_SIDE_MAX);
	rec->end = get_word(rd, object, "end_reason", conn_end_name, CONN_END_MAX);
	rec->close_kind = get_word(rd, object, "close_kind", conn_close_kind_name, CONN_CLOSE_KIND_MAX);
	read_id(rd, object);
	read_addresses(rd, object);
	read_owner(rd, object);
	read_lists(rd, object);
	read_counters(rd, object);
	read_time_wait(rd, object);
	read_times(rd, object);
}

int json_read_record(const json_t *object, struct json_read *ret, char ret_why[JSON_READ_WHY_LEN])
{
	struct reader rd = {.r = ret, .why = ret_why};

	memset(ret, 0, sizeof(*ret));
	read_connection(&rd, object);
	return rd.bad ? -EINVAL : 0;
}

int json_read_kind(const json_t *object, char ret_why[JSON_READ_WHY_LEN])
{
	struct reader rd = {.why = ret_why};
	const char *event = get_text(&rd, object, "event");

	if (!event)
		refuse(&rd, "not a record: the key event is missing");
	for (int kind = 0; event && kind < RECORD_MAX; kind++) {
		if (!strcmp(event, record_kind_name((unsigned int)kind)))
			return kind;
	}
	return rd.bad ? -EINVAL : RECORD_MAX;
}

int json_read_line(const char *line, size_t len, struct json_read *ret, char ret_why[JSON_READ_WHY_LEN])
{
	json_error_t error;
	json_t *object = json_loadb(line, len, JSON_REJECT_DUPLICATES, &error);
	int kind, result = 0;

	memset(ret, 0, sizeof(*ret));
	if (!object) {
		snprintf(ret_why, JSON_READ_WHY_LEN, "not JSON: %.100s", error.text);
		return -EINVAL;
	}
	kind = json_read_kind(object, ret_why);
	if (kind == RECORD_CONNECTION || kind == RECORD_PROGRESS)
		result = json_read_record(object, ret, ret_why) ?: 1;
	json_decref(object);
	return kind < 0 ? kind : result;
}
