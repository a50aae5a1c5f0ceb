// SPDX-License-Identifier: GPL-2.0-only
/*
 * opener accepted|connected|inherited: opens a connection to itself and leaves one end in CLOSE_WAIT, says so, and waits for
 * the end of standard input. Which end, is the first word: the one that was accepted, or that connected. "inherited": a child
 * accepts it and is gone at once, the grandchild keeps it.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int must(int value, const char *what)
{
	if (value < 0) {
		perror(what);
		exit(1);
	}
	return value;
}

static int open_listener(struct sockaddr_in *addr)
{
	socklen_t len = sizeof(*addr);
	int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	must(bind(fd, (struct sockaddr *)addr, len), "bind");
	must(listen(fd, 8), "listen");
	must(getsockname(fd, (struct sockaddr *)addr, &len), "getsockname");
	return fd;
}

__attribute__((noinline)) static int accept_one(int listener)
{
	return must(accept(listener, NULL, NULL), "accept");
}

/* Inlined into its caller by most compilers. */
__attribute__((always_inline)) static inline int dial(int fd, const struct sockaddr_in *addr)
{
	return connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
}

__attribute__((noinline)) static int connect_one(const struct sockaddr_in *addr)
{
	int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	must(dial(fd, addr), "connect");
	return fd;
}

static int accept_in_child(int listener)
{
	pid_t child = must(fork(), "fork");

	if (!child) {
		accept_one(listener);
		if (must(fork(), "fork"))
			_exit(0);
		while (getchar() != EOF)
			;
		_exit(0);
	}
	must(waitpid(child, NULL, 0), "waitpid");
	return -1;
}

static void wait_for_ack(int fd)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	while (info.tcpi_state != TCP_FIN_WAIT2) {
		must(getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len), "TCP_INFO");
		usleep(1000);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 1 ? argv[1] : "accepted";
	struct sockaddr_in addr;
	int listener = open_listener(&addr), client = connect_one(&addr), server;

	server = strcmp(how, "inherited") ? accept_one(listener) : accept_in_child(listener);
	if (!strcmp(how, "connected"))
		client = server;
	must(shutdown(client, SHUT_WR), "shutdown");
	wait_for_ack(client);
	printf("%d\n", getpid());
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
