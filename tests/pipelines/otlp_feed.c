// SPDX-License-Identifier: GPL-2.0-only
/*
 * Drives the OpenTelemetry transport as the relay does: lines of standard input go to a server, and standard output says what
 * became of them. It ends, and closes the transport, at the end of the input.
 *
 *     otlp_feed [-t] [-p] [-H headers] [-c ca] [-w ms] ADDRESS    -t: TLS; -p: patient; -w: how long the close may take
 *
 * A line that begins with @ is for this program: "@wait MS" polls for at most so long, until all lines have an outcome;
 * "@skip MS" lets time pass at once: clock_gettime() is ours here; "@patience MS" is how long a line tries to find room.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "src/io/otlp.h"

static int64_t skipped_s;

int clock_gettime(clockid_t id, struct timespec *ts)
{
	int err = (int)syscall(SYS_clock_gettime, id, ts);

	ts->tv_sec += id == CLOCK_MONOTONIC ? skipped_s : 0;
	return err;
}

struct feed {
	struct transport *transport;
	size_t taken, delivered, lost, refused, full;
	long patience_ms;
};

static void on_delivered(void *ctx, size_t lines)
{
	struct feed *feed = ctx;

	feed->delivered += lines;
	printf("delivered %zu\n", lines);
}

static void on_lost(void *ctx, size_t lines, const char *why)
{
	struct feed *feed = ctx;

	feed->lost += lines;
	printf("lost %zu %s\n", lines, why);
}

static double now_s(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void wait_for_outcomes(struct feed *feed, int ms)
{
	double end = now_s() + ms / 1e3;

	while (feed->delivered + feed->lost < feed->taken && now_s() < end)
		feed->transport->poll(feed->transport, 50);
	printf("waited\n");
}

static void send_line(struct feed *feed, const char *line, size_t len)
{
	double end = now_s() + (double)feed->patience_ms / 1e3;
	int err;

	while ((err = feed->transport->send(feed->transport, line, len)) == -EAGAIN && now_s() < end)
		feed->transport->poll(feed->transport, 50);
	feed->taken += !err;
	feed->full += err == -EAGAIN;
	feed->refused += err && err != -EAGAIN;
	if (err == -EAGAIN)
		printf("full\n");
	else
		feed->transport->poll(feed->transport, 0);
}

static void obey(struct feed *feed, const char *command)
{
	long value = strtol(command + strcspn(command, " "), NULL, 10);

	if (!strncmp(command, "@wait", 5))
		wait_for_outcomes(feed, (int)value);
	else if (!strncmp(command, "@skip", 5))
		skipped_s += value / 1000;
	else if (!strncmp(command, "@patience", 9))
		feed->patience_ms = value;
}

struct input {
	char text[1 << 16];
	size_t used, len; /* what stands before `used` is done */
	bool ended;
};

/* While nothing comes, the transport goes on. NULL: the end; the last line may have no newline. */
static const char *next_line(struct input *in, struct feed *feed, size_t *ret_len)
{
	struct pollfd fd = {.fd = STDIN_FILENO, .events = POLLIN};
	char *line, *end;
	ssize_t got;

	for (;;) {
		line = in->text + in->used;
		end = memchr(line, '\n', in->len - in->used);
		if (end || (in->ended && in->len > in->used)) {
			*ret_len = end ? (size_t)(end + 1 - line) : in->len - in->used;
			in->used += *ret_len;
			return line;
		}
		if (in->ended)
			return NULL;
		memmove(in->text, line, in->len - in->used);
		in->len -= in->used;
		in->used = 0;
		while (!poll(&fd, 1, 0))
			feed->transport->poll(feed->transport, 20);
		got = read(STDIN_FILENO, in->text + in->len, sizeof(in->text) - in->len);
		in->ended = got <= 0;
		in->len += got > 0 ? (size_t)got : 0;
	}
}

static char *read_file(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	size_t size = 0;

	if (!file || getdelim(&text, &size, '\0', file) < 0) {
		fprintf(stderr, "otlp_feed: %s cannot be read\n", path);
		exit(2);
	}
	fclose(file);
	return text;
}

static int read_options(int argc, char **argv, struct transport_config *config)
{
	int option, close_ms = 2000;

	while ((option = getopt(argc, argv, "tpH:c:w:")) != -1) {
		if (option == 't')
			config->tls = true;
		else if (option == 'p')
			config->patient = true;
		else if (option == 'H')
			config->secrets = read_file(optarg);
		else if (option == 'c')
			config->ca = read_file(optarg);
		else if (option == 'w')
			close_ms = atoi(optarg);
		else
			exit(2);
	}
	config->address = argv[optind] ? argv[optind] : "";
	return close_ms;
}

int main(int argc, char **argv)
{
	struct feed feed = {.patience_ms = 10000};
	struct transport_config config = {.outcome = {&feed, on_delivered, on_lost}};
	int close_ms = read_options(argc, argv, &config);
	static struct input in;
	char why[256] = "";
	const char *line;
	size_t len;
	double begun;

	setvbuf(stdout, NULL, _IOLBF, 0);
	if (otlp_open(&feed.transport, &config, why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	while ((line = next_line(&in, &feed, &len))) {
		if (line[0] == '@')
			obey(&feed, line);
		else
			send_line(&feed, line, len);
	}
	begun = now_s();
	feed.transport->close(feed.transport, close_ms);
	printf("end taken=%zu delivered=%zu lost=%zu refused=%zu full=%zu close_s=%.3f\n", feed.taken, feed.delivered,
	       feed.lost, feed.refused, feed.full, now_s() - begun);
	free((void *)config.secrets);
	free((void *)config.ca);
	return 0;
}
