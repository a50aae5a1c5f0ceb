/* SPDX-License-Identifier: GPL-2.0-only */
/* A Unix stream socket: a peer that is not there, that leaves, that comes back, that does not read. */
#include "folder.h"

#include "src/io/output_open.h"
#include "src/io/queue.h"
#include "src/io/unix_socket.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SECOND UINT64_C(1000000000)
#define NOBODY 65534

/* A socket of a peer at the file's name. */
static int serve(const struct folder *f, int type)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, f->file);
	(void)unlink(f->file);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	assert_true(type != SOCK_STREAM || !listen(fd, 8));
	return fd;
}

static int serve_one(int server)
{
	struct pollfd pfd = {.fd = server, .events = POLLIN};

	assert_int_equal(poll(&pfd, 1, 10000), 1);
	return accept4(server, NULL, NULL, SOCK_CLOEXEC);
}

static void test_nobody_there(void **state)
{
	struct folder f = folder_new();
	struct destination *d;
	char longest[110];

	(void)state;
	assert_int_equal(unix_socket_open(&d, f.file), -ENOENT);
	close(serve(&f, SOCK_STREAM)); /* its name stays */
	assert_int_equal(unix_socket_open(&d, f.file), -ECONNREFUSED);
	assert_false(unlink(f.file));
	folder_write(f.file, "", 0);
	assert_int_equal(unix_socket_open(&d, f.file), -ECONNREFUSED);
	int server = serve(&f, SOCK_DGRAM);
	assert_int_equal(unix_socket_open(&d, f.file), -EPROTOTYPE);
	close(server);
	memset(longest, 'x', sizeof(longest));
	longest[108] = '\0';
	assert_int_equal(unix_socket_open(&d, longest), -ENAMETOOLONG);
	longest[107] = '\0';
	assert_int_equal(unix_socket_open(&d, longest), -ENOENT);
	folder_remove(&f);
}

static void test_another_users(void **state)
{
	struct folder f = folder_new();
	struct destination *d;
	int server;

	(void)state;
	if (geteuid())
		skip();
	server = serve(&f, SOCK_STREAM);
	assert_false(chmod(f.path, 01777) || chown(f.file, NOBODY, NOBODY));
	assert_int_equal(unix_socket_open(&d, f.file), -OUTPUT_FOREIGN_FILE);
	assert_false(chmod(f.path, 0755));
	assert_int_equal(unix_socket_open(&d, f.file), 0);
	destination_close(d);
	close(server);
	folder_remove(&f);
}

static void test_backlog_full(void **state)
{
	struct folder f = folder_new();
	struct destination *d, *more;
	int server = serve(&f, SOCK_STREAM);

	(void)state;
	assert_int_equal(listen(server, 0), 0);
	assert_int_equal(unix_socket_open(&d, f.file), 0); /* nobody accepts it */
	assert_int_equal(unix_socket_open(&more, f.file), -EAGAIN);
	destination_close(d);
	close(server);
	folder_remove(&f);
}

/* `read`: the peer takes all before it leaves. */
static void leave(bool read_all)
{
	struct folder f = folder_new();
	int server = serve(&f, SOCK_STREAM), peer;
	struct destination *d;
	char got[16];

	assert_int_equal(unix_socket_open(&d, f.file), 0);
	peer = serve_one(server);
	put(d, "a\nb\n");
	assert_int_equal(read(peer, got, read_all ? 4 : 2), read_all ? 4 : 2);
	close(peer);
	/* poll() says so without a write */
	struct pollfd pfd = {.fd = d->fd};
	assert_int_equal(poll(&pfd, 1, 1000), 1);
	assert_true(pfd.revents & POLLHUP);
	assert_int_equal(d->write(d, "c\n", 2), -EPIPE);
	assert_int_equal(d->unread_left, !read_all);
	close(server);
	assert_int_equal(d->restore(d, 0), -ECONNREFUSED);
	assert_false(unlink(f.file));
	assert_int_equal(d->restore(d, 0), -ENOENT);
	server = serve(&f, SOCK_STREAM);
	assert_int_equal(d->restore(d, 0), 0);
	put(d, "c\n");
	peer = serve_one(server);
	assert_int_equal(read(peer, got, sizeof(got)), 2);
	destination_close(d);
	assert_int_equal(read(peer, got, sizeof(got)), 0);
	close(peer);
	close(server);
	folder_remove(&f);
}

static void test_leaves(void **state)
{
	(void)state;
	leave(true);
	leave(false);
}

struct reader {
	int peer;
	unsigned int next, lines;
};

/* All that comes until the connection ends. */
static void *read_lines(void *reader)
{
	struct reader *r = reader;
	FILE *in = fdopen(r->peer, "r");

	r->lines = check_lines(in, "A", &r->next, true);
	fclose(in);
	return NULL;
}

/* A peer that does not read leaves in the middle of a line; the next one gets whole lines, from that one on. */
static void test_queue(void **state)
{
	struct folder f = folder_new();
	int server = serve(&f, SOCK_STREAM), peer;
	struct queue_stats stats;
	struct destination *d;
	struct reader reader = {0};
	char line[LINE_MAX_BYTES];
	pthread_t thread;
	struct queue *q;

	(void)state;
	assert_int_equal(unix_socket_open(&d, f.file), 0);
	assert_int_equal(queue_open(&q, d, 1 << 22, 0), 0);
	peer = serve_one(server);
	for (unsigned int n = 0; n < 5000; n++) /* 850 KB: more than the socket has room for */
		assert_true(queue_put(q, line, numbered_line(line, 'A', n), false));
	do {
		usleep(10000);
		queue_stats(q, &stats);
	} while (stats.stuck_ns < SECOND / 5);
	close(server);
	close(peer);
	do {
		usleep(10000);
		queue_stats(q, &stats);
	} while (!stats.failing);
	server = serve(&f, SOCK_STREAM);
	reader.peer = serve_one(server);
	assert_int_equal(pthread_create(&thread, NULL, read_lines, &reader), 0);
	queue_close(q, 5 * SECOND, &stats);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(reader.next, 5000);
	assert_true(reader.lines > 100 && reader.lines < 5000);
	assert_true(!stats.lost && !stats.dropped); /* what the first one left unread is not ours to count */
	close(server);
	folder_remove(&f);
}

/* The peer leaves and comes back while nothing is to be said. */
static void test_idle(void **state)
{
	struct folder f = folder_new();
	int server = serve(&f, SOCK_STREAM);
	struct queue_stats stats;
	struct destination *d;
	char line[LINE_MAX_BYTES];
	struct reader reader = {0};
	struct queue *q;

	(void)state;
	assert_int_equal(unix_socket_open(&d, f.file), 0);
	assert_int_equal(queue_open(&q, d, 1 << 20, 0), 0);
	close(serve_one(server));
	reader.peer = serve_one(server);
	assert_true(queue_put(q, line, numbered_line(line, 'A', 0), false));
	queue_close(q, SECOND, &stats);
	read_lines(&reader);
	assert_int_equal(reader.lines, 1);
	assert_int_equal(stats.lost, 0);
	close(server);
	folder_remove(&f);
}

/* SIGHUP: to whoever listens there now. */
static void test_reopen(void **state)
{
	struct folder f = folder_new();
	int server = serve(&f, SOCK_STREAM), peer = -1, other;
	struct destination *d;
	char got[16];

	(void)state;
	assert_int_equal(unix_socket_open(&d, f.file), 0);
	peer = serve_one(server);
	put(d, "a\n");
	assert_int_equal(d->reopen(d), 0); /* it is the same one: it has nothing to accept */
	struct pollfd pfd = {.fd = server, .events = POLLIN};
	assert_int_equal(poll(&pfd, 1, 50), 0);
	assert_false(unlink(f.file));
	assert_int_equal(d->reopen(d), -ENOENT);
	put(d, "b\n");
	other = serve(&f, SOCK_STREAM);
	assert_int_equal(d->reopen(d), 0);
	put(d, "c\n");
	assert_int_equal(read(peer, got, sizeof(got)), 4);
	assert_int_equal(read(peer, got, sizeof(got)), 0);
	close(peer);
	peer = serve_one(other);
	assert_int_equal(read(peer, got, sizeof(got)), 2);
	destination_close(d);
	close(peer);
	close(server);
	close(other);
	folder_remove(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nobody_there), cmocka_unit_test(test_another_users), cmocka_unit_test(test_backlog_full),
		cmocka_unit_test(test_leaves),       cmocka_unit_test(test_queue),         cmocka_unit_test(test_idle),
		cmocka_unit_test(test_reopen),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
