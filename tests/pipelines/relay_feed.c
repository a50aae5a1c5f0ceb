// SPDX-License-Identifier: GPL-2.0-only
/*
 * Feeds lines to a relay, through a real queue, as the tracer does, and says what became of them.
 *
 * usage: relay_feed kafka|otlp ADDRESS [key=value]...
 *   lines=N rate=N (per second, 0: as fast as the queue takes) connections=N pad=N (bytes) hold=MS (before the end)
 *   wait=MS (at most, until nothing waits) drop=1 (a full queue drops, else the feeder waits)
 *   from=PATH (its lines, again and again, instead of made-up ones)
 *   secrets=PATH ca=PATH tls=1 spool=DIR spool-bytes=N queue=BYTES
 *
 * Commands on stdin: "counts" prints counts now, "end" ends the feeding. Each line that it prints is JSON.
 */
#include "src/cmd/helper_main.h"
#include "src/io/destination.h"
#include "src/io/queue.h"
#include "src/io/relay.h"
#include "src/io/wait.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MS UINT64_C(1000000)
#define LAST_WAIT_NS (1500 * MS) /* as the tracer */
#define LINE_MAX_BYTES 40000

struct feed {
	struct relay_config config;
	struct relay_counts last;
	uint64_t lines, rate, connections, pad, hold_ms, wait_ms, queue_bytes;
	bool drop;
	const char *from;
	FILE *source;
	struct destination *destination;
	struct queue *queue;
	uint64_t made;
	bool ended, deaf;
};

static void set(struct feed *f, char *text)
{
	char *value = strchr(text, '=');
	struct {
		const char *name;
		uint64_t *number;
		const char **word;
	} const options[] = {
		{"lines", &f->lines, NULL},
		{"rate", &f->rate, NULL},
		{"connections", &f->connections, NULL},
		{"pad", &f->pad, NULL},
		{"hold", &f->hold_ms, NULL},
		{"wait", &f->wait_ms, NULL},
		{"queue", &f->queue_bytes, NULL},
		{"spool-bytes", &f->config.spool_bytes, NULL},
		{"spool", NULL, &f->config.spool},
		{"secrets", NULL, &f->config.secrets},
		{"ca", NULL, &f->config.ca},
		{"from", NULL, &f->from},
	};

	if (!value) {
		fprintf(stderr, "relay_feed: %s is not key=value\n", text);
		exit(2);
	}
	*value++ = '\0';
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		if (strcmp(text, options[i].name))
			continue;
		if (options[i].number)
			*options[i].number = strtoull(value, NULL, 10);
		else
			*options[i].word = value;
		return;
	}
	if (!strcmp(text, "tls") || !strcmp(text, "drop")) {
		*(*text == 't' ? &f->config.tls : &f->drop) = *value == '1';
		return;
	}
	fprintf(stderr, "relay_feed: no option %s\n", text);
	exit(2);
}

static size_t read_line(struct feed *f, char *line)
{
	if (!fgets(line, LINE_MAX_BYTES, f->source)) {
		rewind(f->source);
		if (!fgets(line, LINE_MAX_BYTES, f->source))
			exit(1);
	}
	return strlen(line);
}

/* A line whose content follows from its number: of connection n % connections, the (n / connections)th. */
static size_t make_line(const struct feed *f, char *line, uint64_t n)
{
	size_t len =
		(size_t)sprintf(line, "{\"n\":%llu,\"conn_id\":\"c%llu\",\"name\":\"\\\"conn_id\\\":\\\"no\\\"\",\"pad\":\"",
				(unsigned long long)n, (unsigned long long)(n % f->connections));
	size_t pad = f->pad < LINE_MAX_BYTES - 200 ? f->pad : LINE_MAX_BYTES - 200;

	memset(line + len, 'x', pad);
	memcpy(line + len + pad, "\"}\n", 3);
	return len + pad + 3;
}

static void print_counts(const char *when, const struct relay_counts *c, const struct queue_stats *q, uint64_t made)
{
	printf("{\"when\":\"%s\",\"made\":%llu,\"dropped\":%llu,\"queue_lost\":%llu,\"written\":%llu,\"delivered\":%llu,"
	       "\"lost\":%llu,"
	       "\"spooled\":%llu,\"waiting\":%llu,\"earlier_waiting\":%llu,\"earlier_delivered\":%llu,\"earlier_lost\":%llu,"
	       "\"torn\":%llu,\"restarts\":%llu,\"error\":\"",
	       when, (unsigned long long)made, (unsigned long long)q->dropped, (unsigned long long)q->lost,
	       (unsigned long long)c->written, (unsigned long long)c->delivered, (unsigned long long)c->lost,
	       (unsigned long long)c->spooled, (unsigned long long)c->waiting, (unsigned long long)c->earlier_waiting,
	       (unsigned long long)c->earlier_delivered, (unsigned long long)c->earlier_lost, (unsigned long long)c->torn,
	       (unsigned long long)c->restarts);
	for (const char *p = c->error; *p; p++)
		putchar(*p == '"' || *p == '\\' || (unsigned char)*p < ' ' ? '?' : *p);
	printf("\"}\n");
	fflush(stdout);
}

static void say(struct feed *f, const char *when)
{
	struct relay_counts counts;
	struct queue_stats stats;

	relay_counts(f->destination, &counts);
	queue_stats(f->queue, &stats);
	print_counts(when, &counts, &stats, f->made);
}

/* Waits for a command until `deadline`. */
static void take_command(struct feed *f, uint64_t deadline)
{
	struct pollfd in = {.fd = f->deaf ? -1 : STDIN_FILENO, .events = POLLIN};
	char text[256];
	ssize_t n;

	if (wait_poll(&in, 1, deadline) <= 0)
		return;
	n = read(STDIN_FILENO, text, sizeof(text) - 1);
	f->deaf = n <= 0;
	if (f->deaf)
		return;
	text[n] = '\0';
	if (strstr(text, "counts"))
		say(f, "asked");
	f->ended = f->ended || strstr(text, "end");
}

static void put(struct feed *f, const char *line, size_t len)
{
	if (f->drop) {
		queue_put(f->queue, line, len, false);
		return;
	}
	while (!f->ended && !queue_try(f->queue, line, len, false))
		take_command(f, wait_now() + MS);
	if (f->ended)
		queue_drop(f->queue);
}

static void feed(struct feed *f)
{
	static char line[LINE_MAX_BYTES];
	uint64_t start = wait_now();

	while (!f->ended && f->made < f->lines) {
		uint64_t due = f->rate ? start + f->made * 1000 / f->rate * MS : 0;

		take_command(f, f->made % 256 && !due ? 1 : due);
		if (f->ended)
			break;
		size_t len = f->source ? read_line(f, line) : make_line(f, line, f->made);

		f->made++;
		put(f, line, len);
	}
}

static void wait_for_delivery(struct feed *f)
{
	uint64_t until = wait_now() + f->wait_ms * MS;
	struct relay_counts c;
	struct queue_stats q;

	while (!f->ended && wait_now() < until) {
		queue_stats(f->queue, &q);
		relay_counts(f->destination, &c);
		if (!q.stuck_ns && !c.waiting && !c.spooled && !c.earlier_waiting)
			break;
		take_command(f, wait_now() + 10 * MS);
	}
	until = wait_now() + f->hold_ms * MS;
	while (!f->ended && wait_now() < until)
		take_command(f, until);
}

int main(int argc, char **argv)
{
	struct feed f = {.lines = 1000, .connections = 100, .wait_ms = 20000, .queue_bytes = 1 << 20};
	struct queue_stats stats;
	char why[512];
	int err;

	helper_run_if_asked(argc, argv);
	if (argc < 3)
		return 2;
	signal(SIGPIPE, SIG_IGN);
	f.config.kind = strcmp(argv[1], "otlp") ? RELAY_KAFKA : RELAY_OTLP;
	f.config.name = f.config.address = argv[2];
	f.config.last = &f.last;
	for (int i = 3; i < argc; i++)
		set(&f, argv[i]);
	if (f.from && !(f.source = fopen(f.from, "r"))) {
		perror(f.from);
		return 2;
	}
	err = relay_open(&f.destination, &f.config, why, sizeof(why));
	if (err) {
		fprintf(stderr, "%s\n", why);
		return 6;
	}
	if (queue_open(&f.queue, f.destination, f.queue_bytes, 100 * MS))
		return 1;
	say(&f, "started");
	feed(&f);
	say(&f, "fed");
	wait_for_delivery(&f);
	uint64_t closing = wait_now();

	queue_close(f.queue, LAST_WAIT_NS, &stats);
	print_counts("closed", &f.last, &stats, f.made);
	printf("{\"closing_ms\":%llu}\n", (unsigned long long)((wait_now() - closing) / MS));
	return 0;
}
