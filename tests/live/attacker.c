// SPDX-License-Identifier: GPL-2.0-only
/*
 * attacker KIND [FILE]: a process that makes --stacks expensive or dangerous. It opens connections to itself, leaves their
 * accepted ends in CLOSE_WAIT, says so, and waits for the end of standard input.
 *
 *	mappings FILE   maps FILE and itself in turns, 60,000 times, before its connect()
 *	stacks          4,400 connect()s, each from another stack. The first and the last end in a leak.
 *	truncated FILE  maps FILE, a copy of itself, and runs in it. After a line on standard input it truncates FILE and opens
 *the next connection. waiting         has all its pages in memory, says so, and opens its connection after a line on standard
 *input.
 */
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAPPINGS 60000 /* of the 65,530 that a process may have by default */
#define STACKS 4400
#define DEPTH 13 /* 2 to the power of it is more than STACKS */
#define PACE_US 1500
#define PAGE 4096

typedef int (*connect_fn)(int fd, const struct sockaddr_in *addr);

static int must(int value, const char *what)
{
	if (value < 0) {
		perror(what);
		exit(1);
	}
	return value;
}

static void *must_map(size_t len, int prot, int fd)
{
	void *p = mmap(NULL, len, prot, MAP_PRIVATE, fd, 0);

	must(p == MAP_FAILED ? -1 : 0, "mmap");
	return p;
}

static int open_listener(struct sockaddr_in *addr)
{
	socklen_t len = sizeof(*addr);
	int fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	*addr = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	must(bind(fd, (struct sockaddr *)addr, len), "bind");
	must(listen(fd, 64), "listen");
	must(getsockname(fd, (struct sockaddr *)addr, &len), "getsockname");
	return fd;
}

static void say(const char *what)
{
	printf("%s\n", what);
	fflush(stdout);
}

static void wait_for_line(void)
{
	int c = getchar();

	while (c != EOF && c != '\n')
		c = getchar();
}

__attribute__((noinline)) static int connect_here(int fd, const struct sockaddr_in *addr)
{
	int ret = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));

	__asm__ volatile("" ::: "memory"); /* no tail call: it would have no frame */
	return ret;
}

/* One end of the connection closes, and the other, the one that `fn` opened, is in CLOSE_WAIT when this returns. */
static void leak(int listener, const struct sockaddr_in *addr, connect_fn fn)
{
	int client = must(socket(AF_INET, SOCK_STREAM, 0), "socket"), server;
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);

	must(fn(client, addr), "connect");
	server = must(accept(listener, NULL, NULL), "accept");
	must(shutdown(server, SHUT_WR), "shutdown");
	while (info.tcpi_state != TCP_FIN_WAIT2) {
		must(getsockopt(server, IPPROTO_TCP, TCP_INFO, &info, &len), "TCP_INFO");
		usleep(1000);
	}
}

static void many_mappings(const char *other)
{
	int fds[] = {must(open("/proc/self/exe", O_RDONLY), "/proc/self/exe"), must(open(other, O_RDONLY), other)};

	for (int i = 0; i < MAPPINGS; i++)
		must_map(PAGE, i & 2 ? PROT_READ : PROT_READ | PROT_EXEC, fds[i & 1]);
}

/* What a path through left() and right() ends in: a connection that leaves nothing behind. */
__attribute__((noinline)) static int dial(int listener, const struct sockaddr_in *addr)
{
	const struct linger at_once = {.l_onoff = 1};
	int client = must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	must(connect_here(client, addr), "connect");
	must(setsockopt(client, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), "SO_LINGER");
	close(client);
	close(must(accept(listener, NULL, NULL), "accept"));
	return 0;
}

static int left(unsigned int path, int depth, int listener, const struct sockaddr_in *addr);

__attribute__((noinline)) static int right(unsigned int path, int depth, int listener, const struct sockaddr_in *addr)
{
	int ret = !depth     ? dial(listener, addr)
		  : path & 1 ? right(path >> 1, depth - 1, listener, addr)
			     : left(path >> 1, depth - 1, listener, addr);

	__asm__ volatile("" : "+r"(ret)::"memory");
	return ret;
}

__attribute__((noinline)) static int left(unsigned int path, int depth, int listener, const struct sockaddr_in *addr)
{
	int ret = !depth     ? dial(listener, addr)
		  : path & 1 ? right(path >> 1, depth - 1, listener, addr)
			     : left(path >> 1, depth - 1, listener, addr);

	__asm__ volatile("" : "+r"(ret)::"memory");
	return ret;
}

static void many_stacks(int listener, const struct sockaddr_in *addr)
{
	for (unsigned int path = 0; path < STACKS; path++) {
		left(path, DEPTH, listener, addr);
		usleep(PACE_US);
	}
}

static void flood(int listener, const struct sockaddr_in *addr, int is_crowd)
{
	signal(SIGCHLD, SIG_IGN);
	say("done");
	for (;;) {
		pid_t child = is_crowd ? must(fork(), "fork") : 0;

		if (!child)
			dial(listener, addr);
		usleep(is_crowd ? PACE_US : PACE_US / 30);
		if (is_crowd && !child) {
			usleep(100 * PACE_US); /* whoever looks for its files finds it */
			_exit(0);
		}
	}
}

/* Where the code of this program stands in its file, rounded up to a page. */
struct code {
	uintptr_t base;
	size_t begin, end, offset, vaddr;
};

static int find_code(struct dl_phdr_info *info, size_t size, void *ctx)
{
	struct code *code = ctx;

	(void)size;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];

		if (p->p_type == PT_LOAD && p->p_flags & PF_X)
			*code = (struct code){info->dlpi_addr, p->p_offset,
					      (p->p_offset + p->p_filesz + PAGE - 1) / PAGE * PAGE, p->p_offset, p->p_vaddr};
	}
	return 1; /* the first is the program */
}

/* connect() by its number: it runs in a copy of this program that nobody relocated. */
#define SYSCALL_CONNECT(ret, fd, addr)                                                                                         \
	__asm__ volatile("syscall" : "=a"(ret) : "a"(42L), "D"((long)(fd)), "S"(addr), "d"(16L) : "rcx", "r11", "memory")

__attribute__((noinline)) static int connect_first(int fd, const struct sockaddr_in *addr)
{
	long ret;

	SYSCALL_CONNECT(ret, fd, addr);
	return (int)ret;
}

__attribute__((noinline)) static int connect_second(int fd, const struct sockaddr_in *addr)
{
	long ret;

	SYSCALL_CONNECT(ret, fd, addr);
	return (int)ret - (ret > 0); /* no twin of connect_first(), with which it could be merged */
}

static void truncated(const char *path, int listener, const struct sockaddr_in *addr)
{
	int fd = must(open(path, O_RDWR), path);
	struct code code;
	struct stat st;
	char *copy;

	must(fstat(fd, &st), path);
	copy = must_map((size_t)st.st_size, PROT_READ | PROT_EXEC, fd);
	dl_iterate_phdr(find_code, &code);
#define IN_COPY(fn) ((connect_fn)(copy + ((uintptr_t)(fn)-code.base - code.vaddr + code.offset)))
	leak(listener, addr, IN_COPY(connect_first));
	say("mapped");
	wait_for_line();
	must(ftruncate(fd, (off_t)code.end), "ftruncate");
	leak(listener, addr, IN_COPY(connect_second));
}

/* Of the program and its libraries. */
static int read_pages(struct dl_phdr_info *info, size_t size, void *ctx)
{
	(void)size, (void)ctx;
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *p = &info->dlpi_phdr[i];
		const volatile char *begin = (const volatile char *)(info->dlpi_addr + p->p_vaddr);

		for (size_t at = 0; p->p_type == PT_LOAD && at < p->p_memsz; at += PAGE)
			begin[at];
		if (p->p_type == PT_LOAD && p->p_memsz)
			begin[p->p_memsz - 1];
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *kind = argc > 1 ? argv[1] : "", *file = argc > 2 ? argv[2] : "/proc/self/exe";
	struct sockaddr_in addr;
	int listener = open_listener(&addr);

	if (!strcmp(kind, "mappings"))
		many_mappings(file);
	if (!strcmp(kind, "flood") || !strcmp(kind, "crowd"))
		flood(listener, &addr, !strcmp(kind, "crowd"));
	if (!strcmp(kind, "waiting")) {
		dl_iterate_phdr(read_pages, NULL);
		say("waiting");
		wait_for_line();
	}
	if (!strcmp(kind, "truncated"))
		truncated(file, listener, &addr);
	else
		leak(listener, &addr, connect_here);
	if (!strcmp(kind, "stacks")) {
		many_stacks(listener, &addr);
		leak(listener, &addr, connect_here);
	}
	say("done");
	while (getchar() != EOF)
		;
	return 0;
}
