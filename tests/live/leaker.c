// SPDX-License-Identifier: GPL-2.0-only
/* leaker KIND=COUNT...: leaves sockets in CLOSE_WAIT, in each kind's way, and says so as leakers.py does. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int must(int value, const char *what)
{
	if (value < 0) {
		perror(what);
		exit(1);
	}
	return value;
}

static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* The FIN was acknowledged: the other end is in CLOSE_WAIT. */
static void wait_for_ack(int client)
{
	struct tcp_info info = {0};
	socklen_t len;

	for (;;) {
		len = sizeof(info);
		must(getsockopt(client, IPPROTO_TCP, TCP_INFO, &info, &len), "TCP_INFO");
		if (info.tcpi_state == TCP_FIN_WAIT2)
			return;
		usleep(1000);
	}
}

static int listen_here(struct sockaddr_in *addr, int backlog)
{
	socklen_t len = sizeof(*addr);
	int fd = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	must(bind(fd, (struct sockaddr *)addr, len), "bind");
	must(listen(fd, backlog), "listen");
	must(getsockname(fd, (struct sockaddr *)addr, &len), "getsockname");
	return fd;
}

static int leak(const char *kind, int listener, const struct sockaddr_in *addr)
{
	int client = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket"), server = -1;
	char buf[200];

	memset(buf, 'x', sizeof(buf));
	must(connect(client, (const struct sockaddr *)addr, sizeof(*addr)), "connect");
	if (strcmp(kind, "never_accepted") != 0)
		server = must(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept4");
	if (!strcmp(kind, "data_unread"))
		must((int)send(client, buf, 100, 0), "send");
	must(shutdown(client, SHUT_WR), "shutdown");
	if (!strcmp(kind, "eof_read_not_closed"))
		must((int)recv(server, buf, sizeof(buf), 0), "recv");
	return client * (1 << 16) + (server < 0 ? 0xffff : server);
}

static void make(const char *kind, int count, bool first)
{
	struct sockaddr_in addr;
	int listener = listen_here(&addr, count + 1), *ends = calloc((size_t)count, sizeof(*ends));

	for (int i = 0; i < count; i++)
		ends[i] = leak(kind, listener, &addr);
	printf("%s\"%s\":[", first ? "" : ",", kind);
	for (int i = 0, shown = 0; i < count; i++) {
		wait_for_ack(ends[i] >> 16);
		if ((ends[i] & 0xffff) != 0xffff)
			printf("%s%d", shown++ ? "," : "", ends[i] & 0xffff);
	}
	putchar(']');
	free(ends);
}

int main(int argc, char **argv)
{
	struct rlimit files;
	char exe[4096] = "";
	double from = now();

	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	must((int)readlink("/proc/self/exe", exe, sizeof(exe) - 1), "readlink");
	printf("{\"fds\":{");
	for (int i = 1; i < argc; i++) {
		char *count = strchr(argv[i], '=');

		*count = '\0';
		make(argv[i], atoi(count + 1), i == 1);
	}
	printf("},\"pid\":%d,\"child\":null,\"exe\":\"%s\",\"closed_from\":%f,\"closed_at\":%f}\n", getpid(), exe, from, now());
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
