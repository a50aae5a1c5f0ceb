// SPDX-License-Identifier: GPL-2.0-only
/*
 * leaker KIND=COUNT...: leaves sockets in CLOSE_WAIT, in each kind's way, and says so as leakers.py does. After
 * "threads_only=N" the first thread ends, and N others go on.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
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

static int connect_to(const struct sockaddr_in *addr)
{
	int client = must(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");

	must(connect(client, (const struct sockaddr *)addr, sizeof(*addr)), "connect");
	return client;
}

/* Returns the client's end; *ret_server is -1 if nobody has accepted the other. */
static int leak(const char *kind, int listener, const struct sockaddr_in *addr, int *ret_server)
{
	int client = connect_to(addr), server = -1;
	char buf[200];

	memset(buf, 'x', sizeof(buf));
	if (strcmp(kind, "never_accepted") != 0)
		server = must(accept4(listener, NULL, NULL, SOCK_CLOEXEC), "accept4");
	if (!strcmp(kind, "data_unread"))
		must((int)send(client, buf, 100, 0), "send");
	must(shutdown(client, SHUT_WR), "shutdown");
	if (!strcmp(kind, "eof_read_not_closed"))
		must((int)recv(server, buf, sizeof(buf), 0), "recv");
	*ret_server = server;
	return client;
}

static void leak_all(const char *kind, int count, int listener, const struct sockaddr_in *addr, int *servers)
{
	int *clients = calloc((size_t)count, sizeof(*clients));

	for (int i = 0; i < count; i++)
		clients[i] = leak(kind, listener, addr, &servers[i]);
	for (int i = 0; i < count; i++)
		wait_for_ack(clients[i]);
	free(clients);
}

/* A thread with a table of descriptors of its own, which is never seen again. */
struct apart {
	int count, listener, *servers;
	const struct sockaddr_in *addr;
	pthread_barrier_t done;
};

static void *leak_apart(void *arg)
{
	struct apart *apart = arg;

	must(unshare(CLONE_FILES), "unshare");
	leak_all("eof_unread", apart->count, apart->listener, apart->addr, apart->servers);
	pthread_barrier_wait(&apart->done);
	for (;;)
		pause();
}

static void leak_in_own_table(int count, int listener, const struct sockaddr_in *addr, int *servers)
{
	struct apart *apart = malloc(sizeof(*apart));
	pthread_t thread;

	*apart = (struct apart){.count = count, .listener = listener, .servers = servers, .addr = addr};
	pthread_barrier_init(&apart->done, NULL, 2);
	must(-pthread_create(&thread, NULL, leak_apart, apart), "pthread_create");
	pthread_barrier_wait(&apart->done);
}

/* io_uring by its system calls, for one request at a time. */
struct ring {
	int fd;
	unsigned int *sq_tail, *cq_head, *cq_mask;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqes;
};

static void *ring_map(int fd, size_t len, long what)
{
	void *map = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd, what);

	must(map == MAP_FAILED ? -1 : 0, "mmap");
	return map;
}

/* The two rings are one mapping since Linux 5.4. */
static void ring_open(struct ring *ring)
{
	struct io_uring_params p = {0};
	char *rings;

	ring->fd = must((int)syscall(__NR_io_uring_setup, 1, &p), "io_uring_setup");
	rings = ring_map(ring->fd, p.cq_off.cqes + p.cq_entries * sizeof(*ring->cqes), IORING_OFF_SQ_RING);
	ring->sq_tail = (void *)(rings + p.sq_off.tail);
	ring->cq_head = (void *)(rings + p.cq_off.head);
	ring->cq_mask = (void *)(rings + p.cq_off.ring_mask);
	ring->cqes = (void *)(rings + p.cq_off.cqes);
	ring->sqe = ring_map(ring->fd, sizeof(*ring->sqe), IORING_OFF_SQES);
}

static int ring_do(struct ring *ring, const struct io_uring_sqe *request)
{
	int result;

	*ring->sqe = *request;
	__atomic_store_n(ring->sq_tail, *ring->sq_tail + 1, __ATOMIC_RELEASE);
	must((int)syscall(__NR_io_uring_enter, ring->fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), "io_uring_enter");
	result = ring->cqes[*ring->cq_head & *ring->cq_mask].res;
	__atomic_store_n(ring->cq_head, *ring->cq_head + 1, __ATOMIC_RELEASE);
	errno = result < 0 ? -result : 0;
	return result < 0 ? -1 : result;
}

/* Clients in a process of their own: what a segment of theirs sets off at the server runs there. */
static void start_clients(int count, const struct sockaddr_in *addr, int listener)
{
	int client;

	if (must(fork(), "fork"))
		return;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close(listener);
	for (int i = 0; i < count; i++) {
		client = connect_to(addr);
		must((int)send(client, "hello", 5, 0), "send");
		must(shutdown(client, SHUT_WR), "shutdown");
	}
	for (;;)
		pause();
}

/* Accepts and reads to the end; "fixed": into a slot of the ring, of which the process has no descriptor. */
static int accept_by_ring(struct ring *ring, const char *kind, int listener, int slot)
{
	bool fixed = !strcmp(kind, "io_uring_fixed");
	unsigned char flags = strcmp(kind, "io_uring_worker") ? 0 : IOSQE_ASYNC;
	struct io_uring_sqe accept = {.opcode = IORING_OP_ACCEPT, .flags = flags, .fd = listener};
	struct io_uring_sqe recv = {.opcode = IORING_OP_RECV, .flags = flags};
	char buf[200];

	if (fixed) {
		accept.file_index = (unsigned int)slot + 1;
		recv.flags |= IOSQE_FIXED_FILE;
	}
	recv.fd = must(ring_do(ring, &accept), "IORING_OP_ACCEPT");
	if (fixed)
		recv.fd = slot;
	recv.addr = (unsigned long)buf;
	recv.len = sizeof(buf);
	while (must(ring_do(ring, &recv), "IORING_OP_RECV"))
		;
	return fixed ? -1 : recv.fd;
}

static void leak_by_ring(const char *kind, int count, int listener, const struct sockaddr_in *addr, int *servers)
{
	int *slots = malloc((size_t)count * sizeof(*slots));
	struct ring ring;

	memset(slots, -1, (size_t)count * sizeof(*slots)); /* empty */
	start_clients(count, addr, listener);
	ring_open(&ring);
	must((int)syscall(__NR_io_uring_register, ring.fd, IORING_REGISTER_FILES, slots, count), "io_uring_register");
	for (int i = 0; i < count; i++)
		servers[i] = accept_by_ring(&ring, kind, listener, i);
	free(slots);
}

static void make(const char *kind, int count, bool first)
{
	struct sockaddr_in addr;
	int listener = listen_here(&addr, count + 1), *servers = calloc((size_t)count, sizeof(*servers));

	if (!strncmp(kind, "io_uring", strlen("io_uring")))
		leak_by_ring(kind, count, listener, &addr, servers);
	else if (!strcmp(kind, "own_table"))
		leak_in_own_table(count, listener, &addr, servers);
	else
		leak_all(kind, count, listener, &addr, servers);
	printf("%s\"%s\":[", first ? "" : ",", kind);
	for (int i = 0, shown = 0; i < count; i++) {
		if (servers[i] >= 0)
			printf("%s%d", shown++ ? "," : "", servers[i]);
	}
	putchar(']');
	free(servers);
}

static void *wait_for_end(void *unused)
{
	while (getchar() != EOF)
		;
	exit(0);
	return unused;
}

/* Each waits on its own: stdio's lock lets one of them read. */
static void go_on_in_threads(int count)
{
	pthread_t thread;

	for (int i = 0; i < count; i++)
		must(-pthread_create(&thread, NULL, wait_for_end, NULL), "pthread_create");
	pthread_exit(NULL);
}

int main(int argc, char **argv)
{
	int threads = 0;
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
		if (!strcmp(argv[i], "threads_only"))
			threads = atoi(count + 1);
		else
			make(argv[i], atoi(count + 1), i == 1);
	}
	printf("},\"pid\":%d,\"child\":null,\"exe\":\"%s\",\"closed_from\":%f,\"closed_at\":%f}\n", getpid(), exe, from, now());
	fflush(stdout);
	if (threads)
		go_on_in_threads(threads);
	wait_for_end(NULL);
}
