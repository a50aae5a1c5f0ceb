// SPDX-License-Identifier: GPL-2.0-only
/*
 * generated [python]: a process that generates code, as a runtime does, with a frame or as Python 3.12 does. It says where that
 * lies, waits for a line, connects to itself through that code, leaves the connection in CLOSE_WAIT, says so, and waits for the
 * end of standard input.
 */
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAGE 4096

typedef int (*call_fn)(int fd, const struct sockaddr *addr, socklen_t len, int (*fn)(int, const struct sockaddr *, socklen_t));

static int must(int value, const char *what)
{
	if (value < 0) {
		perror(what);
		exit(1);
	}
	return value;
}

static void wait_for_line(void)
{
	int c = getchar();

	while (c != EOF && c != '\n')
		c = getchar();
}

/* Functions that call their fourth argument with the first three. */
static const unsigned char with_frame[] = {
	0x55,             /* push %rbp */
	0x48, 0x89, 0xe5, /* mov %rsp, %rbp */
	0xff, 0xd1,       /* call *%rcx */
	0x5d,             /* pop %rbp */
	0xc3,             /* ret */
};
static const unsigned char as_python[] = {
	0x48, 0x83, 0xec, 0x08, /* sub $8, %rsp */
	0xff, 0xd1,             /* call *%rcx */
	0x48, 0x83, 0xc4, 0x08, /* add $8, %rsp */
	0xc3,                   /* ret */
};

static call_fn generate(const unsigned char *code, size_t len)
{
	void *at = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	must(at == MAP_FAILED ? -1 : 0, "mmap");
	memcpy(at, code, len);
	must(mprotect(at, PAGE, PROT_READ | PROT_EXEC), "mprotect");
	return (call_fn)at;
}

__attribute__((noinline)) static int call_generated(call_fn call, int fd, const struct sockaddr_in *addr)
{
	int ret = call(fd, (const struct sockaddr *)addr, sizeof(*addr), connect);

	__asm__ volatile("" ::: "memory"); /* no tail call: it would have no frame */
	return ret;
}

int main(int argc, char **argv)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int listener = must(socket(AF_INET, SOCK_STREAM, 0), "socket"), fd;
	call_fn call = argc > 1 && !strcmp(argv[1], "python") ? generate(as_python, sizeof(as_python))
							      : generate(with_frame, sizeof(with_frame));

	must(bind(listener, (struct sockaddr *)&addr, len), "bind");
	must(listen(listener, 8), "listen");
	must(getsockname(listener, (struct sockaddr *)&addr, &len), "getsockname");
	printf("%lx\n", (unsigned long)(uintptr_t)call);
	fflush(stdout);
	wait_for_line();
	fd = must(socket(AF_INET, SOCK_STREAM, 0), "socket");
	must(call_generated(call, fd, &addr), "connect");
	close(must(accept(listener, NULL, NULL), "accept"));
	puts("done");
	fflush(stdout);
	while (getchar() != EOF)
		;
	return 0;
}
