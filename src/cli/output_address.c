// SPDX-License-Identifier: GPL-2.0-only
#include "output_address.h"

#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define TOPIC_MAX 249 /* of Kafka, as the letters are */
#define TOPIC_LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
#define HOST_MAX 255
#define PORT_DIGITS 5

/* HOST or HOST:PORT, an IPv6 address in brackets. `len` bytes of the text. */
static bool is_host(const char *text, size_t len)
{
	size_t host = *text == '[' ? strcspn(text, "]") + 1 : strcspn(text, ":/,"), digits;
	char port[PORT_DIGITS + 1];
	uint64_t number;

	if (!len || !host || host > len || host > HOST_MAX || strcspn(text, " \t\n") < len)
		return false;
	if (host == len)
		return true;
	digits = len - host - 1;
	if (text[host] != ':' || digits > PORT_DIGITS)
		return false;
	snprintf(port, sizeof(port), "%.*s", (int)digits, text + host + 1);
	return parse_number(port, 1, UINT16_MAX, &number);
}

static int refuse_host(const char *text, size_t len, char *why, size_t size)
{
	snprintf(why, size, "'%.*s' is no HOST or HOST:PORT", (int)(len < 80 ? len : 80), text);
	return -EINVAL;
}

/* BROKER[:PORT],.../TOPIC */
static int check_kafka(const char *address, char *why, size_t size)
{
	const char *slash = strrchr(address, '/'), *topic = slash ? slash + 1 : "";
	size_t len = strlen(topic), broker;

	if (!slash)
		return snprintf(why, size, "it has no topic: it is kafka://HOST:PORT,../TOPIC"), -EINVAL;
	for (const char *at = address; at <= slash; at += broker + 1) {
		broker = strcspn(at, ",");
		if (at + broker > slash)
			broker = (size_t)(slash - at);
		if (!is_host(at, broker))
			return refuse_host(at, broker, why, size);
	}
	if (len && len <= TOPIC_MAX && strspn(topic, TOPIC_LETTERS) == len)
		return 0;
	snprintf(why, size, "'%.80s' is no topic: it has 1 to %d letters, digits, '.', '_' and '-'", topic, TOPIC_MAX);
	return -EINVAL;
}

/* HOST:PORT/PATH */
static int check_url(const char *address, char *why, size_t size)
{
	size_t len = strcspn(address, "/");

	return is_host(address, len) ? 0 : refuse_host(address, len, why, size);
}

int output_address_check(enum output_kind kind, const char *address, char *why, size_t size)
{
	switch (kind) {
	case OUTPUT_KAFKA:
		return check_kafka(address, why, size);
	case OUTPUT_OTLP:
	case OUTPUT_OTLPS:
		return check_url(address, why, size);
	default:
		return 0;
	}
}
