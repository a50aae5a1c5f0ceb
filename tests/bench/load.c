// SPDX-License-Identifier: GPL-2.0-only
/*
 * Load for tests and the benchmark: many short TCP connections over the loopback of a network namespace of its own.
 *
 * A server thread accepts, reads to the end and closes; a client thread connects to 127.0.0.1 to 127.0.0.200 in turn and closes
 * at once, so each connection is ten transitions and no data. The client runs at most WINDOW connections ahead of the server:
 * an accept queue that overflows would drop SYNs and measure the retransmission timer.
 *
 * With --refused there is no server, and each attempt is answered by a reset. With --stream one connection carries data one
 * way, which sets many timers, and the rate is in MB/s.
 *
 * Prints "netns INODE" first, so that a reader can select its connections, and one line of figures at the end: with -r also the
 * median and the 99th percentile of how long connect() took. With --hold it opens connections, says "held N" and keeps them
 * until its standard input ends.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ADDRESSES 200
#define WINDOW 256
#define LATENCIES 1000000
#define PIECE (128 * 1024)

struct load {
	int listener;
	uint64_t count;       /* connections to make; 0: until the time is over */
	uint64_t duration_ns; /* 0: until the count is reached */
	uint64_t limit_ns;    /* give up after this long whatever is missing */
	uint64_t pace_ns;     /* from one connection to the next at the least; 0: as fast as it can */
	uint32_t *took_ns;    /* connect(), of the first LATENCIES; NULL: not measured */
	bool refused, stream;
	_Atomic uint64_t opened;
	_Atomic uint64_t served;
	_Atomic bool client_done;
};

static void die(const char *what)
{
	fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000000000ULL + ts.tv_nsec;
}

static uint16_t port = 8000;

static void enter_namespace(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd;

	if (unshare(CLONE_NEWNET))
		die("unshare");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 || ioctl(fd, SIOCSIFFLAGS, &request))
		die("lo up");
	close(fd);
}

static void print_namespace(void)
{
	struct stat st;

	if (stat("/proc/self/ns/net", &st))
		die("stat");
	printf("netns %llu\n", (unsigned long long)st.st_ino);
	fflush(stdout);
}

static int open_listener(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof(addr)) || listen(fd, 4096))
		die("listen");
	return fd;
}

static int open_connection(uint64_t number)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_port = htons(port)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK + number % ADDRESSES);
	if (fd < 0)
		die("socket");
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) && errno != ECONNREFUSED)
		die("connect");
	return fd;
}

/* One connection, or attempt, from begin to end. */
static void connect_once(struct load *load, uint64_t number)
{
	uint64_t begun = load->took_ns ? now_ns() : 0;
	int fd = open_connection(number);

	if (load->took_ns && number < LATENCIES)
		load->took_ns[number] = now_ns() - begun;
	close(fd);
}

static void *serve(void *arg)
{
	struct load *load = arg;
	static char buf[PIECE];

	for (;;) {
		int fd = accept4(load->listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			return NULL; /* the main thread shut the listener down */
		while (read(fd, buf, sizeof(buf)) > 0)
			;
		close(fd);
		atomic_fetch_add_explicit(&load->served, 1, memory_order_release);
	}
}

/* True while another connection is wanted. */
static bool more(const struct load *load, uint64_t begun, uint64_t opened)
{
	if (load->count && opened >= load->count)
		return false;
	/* the clock costs little beside a connection, but not nothing */
	if (opened % 64)
		return true;
	uint64_t elapsed = now_ns() - begun;

	return !(load->duration_ns && elapsed >= load->duration_ns) && elapsed < load->limit_ns;
}

static void wait_until(uint64_t when_ns)
{
	struct timespec ts = {.tv_sec = when_ns / 1000000000ULL, .tv_nsec = when_ns % 1000000000ULL};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
}

static void *connect_all(void *arg)
{
	struct load *load = arg;
	uint64_t begun = now_ns(), opened = 0;

	while (more(load, begun, opened)) {
		if (load->pace_ns)
			wait_until(begun + opened * load->pace_ns);
		connect_once(load, opened);
		atomic_store_explicit(&load->opened, ++opened, memory_order_release);
		while (!load->refused && opened - atomic_load_explicit(&load->served, memory_order_acquire) > WINDOW &&
		       now_ns() - begun < load->limit_ns)
			sched_yield();
	}
	atomic_store_explicit(&load->client_done, true, memory_order_release);
	return NULL;
}

/* In place of connect_all(): pieces of data, counted as connections are. */
static void *stream_all(void *arg)
{
	static char data[PIECE];
	struct load *load = arg;
	uint64_t begun = now_ns(), sent = 0;
	int fd = open_connection(0);

	while (more(load, begun, sent / PIECE * 64)) {
		ssize_t n = write(fd, data, sizeof(data));

		if (n < 0)
			die("write");
		sent += n;
	}
	close(fd);
	atomic_store(&load->opened, sent / 1000000);
	atomic_store(&load->served, sent / 1000000);
	return NULL;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static void print_latencies(struct load *load, uint64_t n)
{
	if (n > LATENCIES)
		n = LATENCIES;
	qsort(load->took_ns, n, sizeof(load->took_ns[0]), by_size);
	printf("median %.1f p99 %.1f us, ", load->took_ns[n / 2] / 1e3, load->took_ns[n * 99 / 100] / 1e3);
}

static int run(struct load *load)
{
	pthread_t client, server;
	uint64_t begun = now_ns(), opened, elapsed;

	if (pthread_create(&server, NULL, serve, load) ||
	    pthread_create(&client, NULL, load->stream ? stream_all : connect_all, load))
		die("thread");
	pthread_join(client, NULL);
	opened = atomic_load(&load->opened);
	if (load->refused)
		atomic_store(&load->served, opened);
	while (atomic_load_explicit(&load->served, memory_order_acquire) < opened && now_ns() - begun < load->limit_ns)
		sched_yield();
	elapsed = now_ns() - begun;
	shutdown(load->listener, SHUT_RDWR);
	pthread_join(server, NULL);
	if (load->took_ns && opened)
		print_latencies(load, opened);
	printf("connections %llu seconds %.3f rate %.0f\n", (unsigned long long)opened, elapsed / 1e9,
	       opened / (elapsed / 1e9));
	if ((load->count && opened < load->count) || atomic_load(&load->served) < opened) {
		fprintf(stderr, "load: gave up after %.0f s\n", load->limit_ns / 1e9);
		return 1;
	}
	return 0;
}

static int hold(const struct load *load)
{
	struct rlimit files;
	char c;

	if (getrlimit(RLIMIT_NOFILE, &files))
		die("getrlimit");
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	for (uint64_t i = 0; i < load->count; i++) {
		open_connection(i);
		if (accept4(load->listener, NULL, NULL, SOCK_CLOEXEC) < 0)
			die("accept");
	}
	printf("held %llu\n", (unsigned long long)load->count);
	fflush(stdout);
	while (read(STDIN_FILENO, &c, 1) > 0)
		;
	return 0; /* the kernel closes them all */
}

static const char usage[] =
	"usage: load [-n COUNT | -t SECONDS] [-r RATE] [-p PORT] [--hold] [--here] [--wait] [--limit SECONDS]\n"
	"  -n COUNT         make COUNT connections\n"
	"  -t SECONDS       make connections for so long\n"
	"  -r RATE          at most so many a second (as fast as it can)\n"
	"  -p PORT          of the server (8000)\n"
	"  --refused        to a port where nobody listens\n"
	"  --stream         send data on one connection; prints MB in place of connections\n"
	"  --hold           open COUNT connections and keep them until standard input ends\n"
	"  --wait           begin when a line comes on standard input\n"
	"  --here           stay in this network namespace\n"
	"  --limit SECONDS  give up after so long (default 60)\n";

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"hold", no_argument, NULL, 'H'},
		{"here", no_argument, NULL, 'S'},
		{"limit", required_argument, NULL, 'l'},
		{"refused", no_argument, NULL, 'R'},
		{"stream", no_argument, NULL, 'D'},
		{"wait", no_argument, NULL, 'W'},
		{},
	};
	struct load load = {.limit_ns = 60000000000ULL};
	bool hold_open = false, here = false, wait = false;
	int opt;

	while ((opt = getopt_long(argc, argv, "n:t:r:p:", longs, NULL)) != -1) {
		if (opt == 'n')
			load.count = strtoull(optarg, NULL, 10);
		else if (opt == 't')
			load.duration_ns = strtod(optarg, NULL) * 1e9;
		else if (opt == 'r')
			load.pace_ns = 1e9 / strtod(optarg, NULL);
		else if (opt == 'p')
			port = (uint16_t)strtoul(optarg, NULL, 10);
		else if (opt == 'l')
			load.limit_ns = strtod(optarg, NULL) * 1e9;
		else if (opt == 'R')
			load.refused = true;
		else if (opt == 'D')
			load.stream = true;
		else if (opt == 'H')
			hold_open = true;
		else if (opt == 'S')
			here = true;
		else if (opt == 'W')
			wait = true;
		else
			return fputs(usage, stderr), 2;
	}
	if (optind != argc || (!load.count && !load.duration_ns) || (hold_open && !load.count))
		return fputs(usage, stderr), 2;
	if (!here)
		enter_namespace();
	print_namespace();
	load.listener = open_listener();
	while (wait && getchar() != '\n' && !feof(stdin))
		;
	if (load.refused)
		port++;
	if (load.pace_ns)
		load.took_ns = malloc(LATENCIES * sizeof(*load.took_ns));
	return hold_open ? hold(&load) : run(&load);
}
