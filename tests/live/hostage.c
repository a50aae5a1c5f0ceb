// SPDX-License-Identifier: GPL-2.0-only
/*
 * hostage waiting: a process whose memory map stays locked, so that who reads its command line waits. It has all its pages in
 * memory, says so, and after a line on standard input leaves a connection in CLOSE_WAIT. Then a thread reads the last page of
 * the program's file by /proc/self/mem, which holds the lock for reading until the file system answers; another one wants it
 * for writing.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define PAGE 4096

static const char *last_page;

static long must(long value, const char *what)
{
	if (value < 0) {
		perror(what);
		exit(1);
	}
	return value;
}

static void leak(void)
{
	struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof(addr);
	int listener = (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");
	int client = (int)must(socket(AF_INET, SOCK_STREAM, 0), "socket");

	must(bind(listener, (struct sockaddr *)&addr, len), "bind");
	must(listen(listener, 1), "listen");
	must(getsockname(listener, (struct sockaddr *)&addr, &len), "getsockname");
	must(connect(client, (struct sockaddr *)&addr, len), "connect");
	must(accept(listener, NULL, NULL), "accept");
	must(close(client), "close");
}

static void *hold(void *arg)
{
	int fd = (int)must(open("/proc/self/mem", O_RDONLY), "/proc/self/mem");
	char byte;

	(void)arg;
	return (void *)pread(fd, &byte, 1, (off_t)(size_t)last_page);
}

int main(void)
{
	int fd = (int)must(open("/proc/self/exe", O_RDONLY), "/proc/self/exe");
	pthread_t holder;
	struct stat of_file;
	char *file;

	must(mlockall(MCL_CURRENT), "mlockall");
	must(fstat(fd, &of_file), "fstat");
	file = mmap(NULL, (size_t)of_file.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	must(file == MAP_FAILED ? -1 : 0, "mmap");
	last_page = file + (of_file.st_size - 1) / PAGE * PAGE;
	must(write(1, "waiting\n", 8), "write");
	must(read(0, &(char){0}, 1), "read");
	leak();
	must(-pthread_create(&holder, NULL, hold, NULL), "pthread_create");
	usleep(200000);
	must(write(1, "done\n", 5), "write");
	mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* wants it for writing, before all who come later */
	for (;;)
		pause();
}
