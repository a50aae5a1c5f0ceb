/* SPDX-License-Identifier: GPL-2.0-only */
/* Who asks gets the text of that moment, whatever others do who ask as well; and whoever answers, the one who asks ends. */
#include "folder.h"

#include "src/host/group.h"
#include "src/io/answer.h"
#include "src/io/ask.h"
#include "src/io/unix_listen.h"
#include "src/io/wait.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>
#include <sys/un.h>

#define CLIENTS 16 /* that are served at a time */
#define SECOND UINT64_C(1000000000)

struct server {
	struct folder folder;
	struct unix_listen *listen;
	struct answer *answer;
	size_t len; /* of its text, besides the number */
	unsigned int made;
	atomic_bool stop;
	pthread_t thread;
};

static size_t make(void *ctx, char *buf, size_t size)
{
	struct server *s = ctx;
	size_t n = (size_t)snprintf(buf, size, "%u:", ++s->made);

	memset(buf + n, 'x', s->len);
	return n + s->len;
}

static struct server *server_new(size_t len)
{
	struct server *s = calloc(1, sizeof(*s));

	s->folder = folder_new();
	s->len = len;
	assert_int_equal(unix_listen_open(&s->listen, s->folder.file, GROUP_NONE), 0);
	assert_int_equal(answer_open(&s->answer,
				     &(struct answer_config){.listen_fd = unix_listen_fd(s->listen), .make = make, .ctx = s}),
			 0);
	return s;
}

static void server_free(struct server *s)
{
	answer_close(s->answer);
	unix_listen_close(s->listen);
	folder_remove(&s->folder);
	free(s);
}

static int client(const struct server *s)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", s->folder.file);
	assert_false(connect(fd, (struct sockaddr *)&address, sizeof(address)));
	return fd;
}

/* As much as there is; *ret_end: it is all. */
static size_t take(int fd, bool *ret_end)
{
	static char bytes[2 * ANSWER_MAX];
	size_t got = 0;
	ssize_t n;

	while ((n = recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		got += (size_t)n;
	*ret_end = !n;
	return got;
}

static bool has_work(const struct server *s)
{
	struct pollfd pfd = {.fd = answer_fd(s->answer), .events = POLLIN};

	return poll(&pfd, 1, 0) > 0;
}

static void test_one(void **state)
{
	struct server *s = server_new(10);
	int fd = client(s);
	bool end;

	(void)state;
	assert_true(has_work(s));
	answer_run(s->answer);
	assert_int_equal(take(fd, &end), 12);
	assert_true(end);
	close(fd);
	answer_run(s->answer);
	assert_false(has_work(s));
	server_free(s);
}

/* More than the kernel takes at once. */
static void test_long(void **state)
{
	struct server *s = server_new(60000);
	int fd = client(s);
	size_t got = 0;
	bool end = false;

	(void)state;
	answer_run(s->answer);
	assert_false(has_work(s)); /* it does not turn in circles while the client does not read */
	got = take(fd, &end);
	assert_true(got > 0 && got < 60000 && !end);
	for (int i = 0; i < 1000 && !end; i++) {
		answer_run(s->answer);
		got += take(fd, &end);
	}
	assert_true(end);
	assert_int_equal(got, 60002);
	close(fd);
	server_free(s);
}

static void test_50_at_once(void **state)
{
	struct server *s = server_new(100);
	unsigned int ended = 0;
	int fds[50];
	bool end;

	(void)state;
	for (int i = 0; i < 50; i++)
		fds[i] = client(s);
	for (int round = 0; round < 10; round++) {
		answer_run(s->answer);
		assert_true(s->made <= (unsigned int)(round + 1) * CLIENTS);
		answer_tick(s->answer, 0);
		for (int i = 0; i < 50; i++) {
			if (fds[i] < 0 || !take(fds[i], &end))
				continue;
			assert_true(end);
			close(fds[i]);
			fds[i] = -1;
			ended++;
		}
	}
	assert_int_equal(ended, 50);
	server_free(s);
}

/* They keep their places for a while, and no longer. */
static void test_who_does_not_read(void **state)
{
	struct server *s = server_new(60000);
	int fds[CLIENTS], last;
	bool end;

	(void)state;
	for (int i = 0; i < CLIENTS; i++)
		fds[i] = client(s);
	answer_run(s->answer);
	last = client(s);
	answer_tick(s->answer, 0);
	answer_run(s->answer);
	assert_false(has_work(s));
	assert_int_equal(take(last, &end), 0);
	assert_false(end);
	answer_tick(s->answer, wait_now() + 3 * SECOND);
	assert_true(has_work(s));
	answer_run(s->answer);
	assert_true(take(last, &end) > 0);
	for (int i = 0; i < CLIENTS; i++)
		close(fds[i]);
	close(last);
	server_free(s);
}

/* Who asks on and on costs no more than so many texts between two ticks. */
static void test_who_asks_on_and_on(void **state)
{
	struct server *s = server_new(10);

	(void)state;
	for (int i = 0; i < 3 * CLIENTS; i++) {
		close(client(s));
		answer_run(s->answer);
	}
	assert_int_equal(s->made, CLIENTS);
	assert_false(has_work(s));
	answer_tick(s->answer, 0);
	assert_true(has_work(s));
	server_free(s);
}

/* What a client sends is not read, however much it is. */
static void test_who_sends(void **state)
{
	struct server *s = server_new(10);
	int fd = client(s);
	char bytes[4096] = {0};
	bool end;

	(void)state;
	while (send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	answer_run(s->answer);
	assert_int_equal(take(fd, &end), 12);
	assert_true(end);
	close(fd);
	server_free(s);
}

static void *serve(void *arg)
{
	struct server *s = arg;
	struct pollfd pfd = {.fd = answer_fd(s->answer), .events = POLLIN};

	while (!s->stop) {
		if (poll(&pfd, 1, 10) > 0)
			answer_run(s->answer);
		answer_tick(s->answer, wait_now());
	}
	return NULL;
}

static void test_ask(void **state)
{
	struct server *s = server_new(50000);
	struct ask_answer answer;

	(void)state;
	assert_false(pthread_create(&s->thread, NULL, serve, s));
	assert_int_equal(ask(s->folder.file, ANSWER_MAX, 10 * SECOND, &answer), 0);
	assert_int_equal(answer.len, 50002);
	assert_memory_equal(answer.text, "1:xxx", 5);
	assert_int_equal(answer.pid, getpid());
	free(answer.text);
	assert_int_equal(ask(s->folder.file, 50001, 10 * SECOND, &answer), -EFBIG);
	free(answer.text);
	s->stop = true;
	pthread_join(s->thread, NULL);
	server_free(s);
}

/* A peer that does not answer, and one that is not there. */
static void test_ask_nobody(void **state)
{
	struct server *s = server_new(10);
	struct path none = beside(&s->folder, ".none");
	struct ask_answer answer;

	(void)state;
	assert_int_equal(ask(s->folder.file, ANSWER_MAX, SECOND / 10, &answer), -ETIMEDOUT);
	assert_int_equal(answer.pid, getpid());
	free(answer.text);
	assert_int_equal(ask(none.text, ANSWER_MAX, SECOND, &answer), -ENOENT);
	assert_null(answer.text);
	for (int i = 0; i < 70; i++) { /* until no more may wait */
		if (ask(s->folder.file, ANSWER_MAX, 0, &answer) == -ETIMEDOUT && !answer.text)
			break;
		free(answer.text);
	}
	server_free(s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_one),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_50_at_once),
		cmocka_unit_test(test_who_does_not_read),
		cmocka_unit_test(test_who_asks_on_and_on),
		cmocka_unit_test(test_who_sends),
		cmocka_unit_test(test_ask),
		cmocka_unit_test(test_ask_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
