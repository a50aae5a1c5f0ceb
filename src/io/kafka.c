// SPDX-License-Identifier: GPL-2.0-only
/*
 * A producer of librdkafka. All lines of one connection have its id as their key, so they lie in one partition, in order. The
 * library calls back on our thread only, within rd_kafka_poll() and rd_kafka_flush().
 */
#ifdef WITH_KAFKA
#include "kafka.h"

#include "kafka_library.h"
#include "kafka_properties.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define KEY_MAX 64
#define ID_TEXT "\"conn_id\":\"" /* a quotation mark within a JSON string has a backslash before it: this is a key */

struct kafka {
	struct transport transport; /* first */
	struct kafka_library library;
	struct transport_outcome outcome;
	rd_kafka_t *producer;
	rd_kafka_topic_t *topic;
	char fatal[256];
};

static void on_report(rd_kafka_t *producer, const rd_kafka_message_t *message, void *opaque)
{
	struct kafka *k = opaque;
	const char *why;

	(void)producer;
	if (!message->err) {
		k->outcome.delivered(k->outcome.ctx, 1);
		return;
	}
	why = message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT
		      ? "Kafka: the run ended before the line was delivered"
		      : k->library.rd_kafka_err2str(message->err);
	k->outcome.lost(k->outcome.ctx, 1, why);
}

/* No line is lost by it, but it is why lines wait. */
static void on_error(rd_kafka_t *producer, int err, const char *reason, void *opaque)
{
	struct kafka *k = opaque;

	k->outcome.lost(k->outcome.ctx, 0, reason);
	if (err != RD_KAFKA_RESP_ERR__FATAL)
		return;
	k->library.rd_kafka_fatal_error(producer, k->fatal, sizeof(k->fatal));
	k->transport.fatal = k->fatal;
}

static const char *find_key(const char *line, size_t len, size_t *ret_len)
{
	const char *id = memmem(line, len, ID_TEXT, strlen(ID_TEXT)), *end;

	*ret_len = 0;
	if (!id)
		return NULL;
	id += strlen(ID_TEXT);
	len -= (size_t)(id - line);
	end = memchr(id, '"', len < KEY_MAX ? len : KEY_MAX);
	if (!end)
		return NULL;
	*ret_len = (size_t)(end - id);
	return id;
}

/* The newline ends a line of a file; a message needs none. */
static int kafka_send(struct transport *t, const char *line, size_t len)
{
	struct kafka *k = (struct kafka *)t;
	rd_kafka_resp_err_t err;
	size_t key_len;
	const char *key;

	if (len && line[len - 1] == '\n')
		len--;
	key = find_key(line, len, &key_len);
	if (!k->library.rd_kafka_produce(k->topic, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, (void *)line, len, key, key_len,
					 NULL))
		return 0;
	err = k->library.rd_kafka_last_error();
	if (err == RD_KAFKA_RESP_ERR__QUEUE_FULL || err == RD_KAFKA_RESP_ERR__FATAL)
		return -EAGAIN;
	k->outcome.lost(k->outcome.ctx, 0, k->library.rd_kafka_err2str(err));
	return -EREMOTEIO;
}

static void kafka_poll(struct transport *t, int timeout_ms)
{
	struct kafka *k = (struct kafka *)t;

	k->library.rd_kafka_poll(k->producer, timeout_ms);
}

/* The producer is left to the end of the process: its threads may wait for a peer. */
static void kafka_close(struct transport *t, int timeout_ms)
{
	struct kafka *k = (struct kafka *)t;

	k->library.rd_kafka_flush(k->producer, timeout_ms);
	k->library.rd_kafka_purge(k->producer, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	while (k->library.rd_kafka_poll(k->producer, 0) > 0)
		;
}

static int configure(const struct kafka *k, rd_kafka_conf_t *conf, const struct transport_config *c, char *why, size_t why_size)
{
	/* librdkafka's other defaults hold: lines expire after 5 minutes. */
	const char *const ours[] = {"enable.idempotence=true", "queue.buffering.max.kbytes=65536", "client.id=tcplife-fsm"};
	int err = 0;

	for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]) && !err; i++)
		err = kafka_property_set(&k->library, conf, ours[i], why, why_size);
	if (!err && c->secrets)
		err = kafka_properties_read(&k->library, conf, c->secrets, why, why_size);
	if (!err && c->patient)
		err = kafka_property_set(&k->library, conf, "message.timeout.ms=0", why, why_size);
	return err;
}

/* "brokers/topic", which the command line has checked: 0, or -EINVAL with a sentence. */
static int split(const char *address, char **ret_brokers, const char **ret_topic, char *why, size_t why_size)
{
	const char *slash = strrchr(address, '/'), *topic = slash ? slash + 1 : "";

	if (!slash || slash == address || !*topic) {
		snprintf(why, why_size, "kafka://%s is not kafka://BROKER[:PORT][,BROKER...]/TOPIC", address);
		return -EINVAL;
	}
	*ret_topic = topic;
	*ret_brokers = malloc(strlen("bootstrap.servers=") + (size_t)(slash - address) + 1);
	if (!*ret_brokers)
		return -ENOMEM;
	sprintf(*ret_brokers, "bootstrap.servers=%.*s", (int)(slash - address), address);
	return 0;
}

/* A producer and its topic. */
static int start(struct kafka *k, rd_kafka_conf_t *conf, const char *topic, char *why, size_t why_size)
{
	char error[192];

	k->library.rd_kafka_conf_set_opaque(conf, k);
	k->library.rd_kafka_conf_set_dr_msg_cb(conf, on_report);
	k->library.rd_kafka_conf_set_error_cb(conf, on_error);
	k->producer = k->library.rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
	if (!k->producer) {
		snprintf(why, why_size, "librdkafka: %s", error);
		k->library.rd_kafka_conf_destroy(conf);
		return -EINVAL;
	}
	k->topic = k->library.rd_kafka_topic_new(k->producer, topic, NULL);
	if (k->topic)
		return 0;
	snprintf(why, why_size, "librdkafka: topic %s: %s", topic,
		 k->library.rd_kafka_err2str(k->library.rd_kafka_last_error()));
	return -EINVAL;
}

int kafka_open(struct transport **out, const struct transport_config *c, char *why, size_t why_size)
{
	struct kafka *k = calloc(1, sizeof(*k));
	rd_kafka_conf_t *conf;
	char *brokers = NULL;
	const char *topic;
	int err;

	if (!k)
		return -ENOMEM;
	k->transport = (struct transport){.send = kafka_send, .poll = kafka_poll, .close = kafka_close};
	k->outcome = c->outcome;
	err = split(c->address, &brokers, &topic, why, why_size);
	err = err ?: kafka_library_load(&k->library, why, why_size);
	if (!err) {
		conf = k->library.rd_kafka_conf_new();
		err = kafka_property_set(&k->library, conf, brokers, why, why_size);
		err = err ?: configure(k, conf, c, why, why_size);
		err = err ?: start(k, conf, topic, why, why_size);
	}
	free(brokers);
	if (err)
		free(k);
	else
		*out = &k->transport;
	return err;
}
#endif
