/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Entries for the journal, read by a strict parser of its protocol, and the socket they go to. With --send PATH it sends a few
 * to a journal that listens there: tests/pipelines/test_journal.py has a real one.
 */
#include "folder.h"
#include "sample.h"

#include "src/core/finding.h"
#include "src/io/journal.h"
#include "src/io/queue.h"

#include <endian.h>
#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/un.h>

#define SECOND UINT64_C(1000000000)
#define FIELDS_MAX 40

static char out[4 * FORMAT_LINE_MAX];

struct field {
	char name[65];
	const char *value;
	size_t len;
};

struct entry {
	struct field fields[FIELDS_MAX];
	size_t len;
};

/* NULL: there is none. A second one of a name is an error. */
static const struct field *find(const struct entry *entry, const char *name)
{
	const struct field *found = NULL;

	for (size_t i = 0; i < entry->len; i++) {
		if (strcmp(entry->fields[i].name, name) != 0)
			continue;
		assert_null(found);
		found = &entry->fields[i];
	}
	return found;
}

static void parse_field(struct field *field, const char **p, const char *end)
{
	size_t len = strcspn(*p, "=\n");
	const char *newline;
	uint64_t size;

	assert_true(len > 0 && len < sizeof(field->name) && *p + len < end);
	memcpy(field->name, *p, len);
	field->name[len] = '\0';
	assert_int_equal(strspn(field->name, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789"), len);
	assert_true(field->name[0] >= 'A' && field->name[0] <= 'Z');
	*p += len;
	if (*(*p)++ == '=') {
		newline = memchr(*p, '\n', (size_t)(end - *p));
		assert_non_null(newline);
		field->len = (size_t)(newline - *p);
	} else {
		assert_true(end - *p > (ptrdiff_t)sizeof(size));
		memcpy(&size, *p, sizeof(size));
		*p += sizeof(size);
		field->len = (size_t)le64toh(size);
		assert_true((size_t)(end - *p) > field->len && (*p)[field->len] == '\n');
	}
	field->value = *p;
	*p += field->len + 1;
}

static struct entry parse(const char *data, size_t len)
{
	struct entry entry = {0};

	for (const char *p = data; p < data + len;) {
		assert_true(entry.len < FIELDS_MAX);
		parse_field(&entry.fields[entry.len++], &p, data + len);
	}
	return entry;
}

static void assert_field(const struct entry *entry, const char *name, const char *value)
{
	const struct field *field = find(entry, name);

	if (!value) {
		assert_null(field);
		return;
	}
	assert_non_null(field);
	if (field->len != strlen(value) || memcmp(field->value, value, field->len) != 0)
		fail_msg("%s is %.*s instead of %s", name, (int)field->len, field->value, value);
}

static struct record_owner owner;

static struct entry entry_of(enum record_kind kind, const void *body, size_t size)
{
	const struct record rec = sample_record(kind, body);
	const struct format_input in = {.context = &sample_context, .rec = &rec, .owner = &owner, .seq = 5};

	return parse(out, format_journal.format(&in, out, size));
}

static struct leak_holder holder = {.task = {.tgid = 4242, .comm = "curl"}, .fd = 7, .next = LEAK_NONE};

static void sample_leak(struct leak_socket *socket, struct leak_record *leak)
{
	struct conn_record c;

	sample_connection(&c);
	*socket = (struct leak_socket){.t = c.t,
				       .state = WIRE_CLOSE_WAIT,
				       .verdict = {.cause = LEAK_EOF_READ_NOT_CLOSED},
				       .age_ns = 65 * SAMPLE_S,
				       .holders = 1};
	*leak = (struct leak_record){.socket = socket,
				     .holders = &holder,
				     .threshold_ns = 60 * SAMPLE_S,
				     .alert.id = 0x2a01,
				     .count = 1,
				     .group_open = 12};
	owner = sample_owner;
}

static void test_leak(void **state)
{
	struct leak_socket socket;
	struct leak_record leak;
	struct entry entry;

	(void)state;
	sample_leak(&socket, &leak);
	entry = entry_of(RECORD_CLOSE_WAIT_LEAK, &leak, sizeof(out));
	assert_field(
		&entry, "MESSAGE",
		"curl[4242] leaks a socket: the peer of 10.0.0.1:40000 from 93.184.216.34:443 closed it 1m05s ago, and it is "
		"still open here as descriptor 7, one of 12 for the same cause. recv() returned 0 and close() was never "
		"called. Read the code that follows recv(), error paths first.");
	assert_field(&entry, "PRIORITY", "4");
	assert_field(&entry, "SYSLOG_IDENTIFIER", "tcplife-fsm");
	assert_field(&entry, "MESSAGE_ID", "7a8639944d1b4f828a213afdca0792df");
	assert_field(&entry, "TCPLIFE_EVENT", "close_wait_leak");
	assert_field(&entry, "TCPLIFE_INSTANCE", "0a1b2c3d4e5f");
	assert_field(&entry, "TCPLIFE_SEQ", "5");
	assert_field(&entry, "TCPLIFE_CONN_ID", "7c9e6679.2a01");
	assert_field(&entry, "TCPLIFE_ALERT_ID", "7c9e6679.2a01");
	assert_field(&entry, "TCPLIFE_LOCAL", "10.0.0.1:40000");
	assert_field(&entry, "TCPLIFE_PEER", "93.184.216.34:443");
	assert_field(&entry, "TCPLIFE_PID", "4242");
	assert_field(&entry, "OBJECT_PID", "4242");
	assert_field(&entry, "TCPLIFE_COMM", "curl");
	assert_field(&entry, "TCPLIFE_EXE", "/usr/bin/curl");
	assert_field(&entry, "TCPLIFE_CGROUP", "/user.slice/session-1.scope");
	assert_field(&entry, "TCPLIFE_CONTAINER", NULL);
	assert_field(&entry, "TCPLIFE_CAUSE", "eof_read_not_closed");
	assert_field(&entry, "TCPLIFE_IN_STATE_US", "65000000");

	/* nobody has it */
	socket.t.from = CONN_FROM_NONE;
	socket.first_holder = LEAK_NONE;
	socket.holders = 0;
	owner.container_id = SAMPLE_CONTAINER;
	entry = entry_of(RECORD_CLOSE_WAIT_LEAK, &leak, sizeof(out));
	assert_field(&entry, "TCPLIFE_PID", NULL);
	assert_field(&entry, "OBJECT_PID", NULL);
	assert_field(&entry, "TCPLIFE_CONTAINER", SAMPLE_CONTAINER);
	assert_memory_equal(find(&entry, "MESSAGE")->value, "an unknown process leaks a socket", 33);
}

static void test_json(void **state)
{
	struct leak_socket socket;
	struct leak_record leak;
	const struct record rec = sample_record(RECORD_CLOSE_WAIT_LEAK, &leak);
	const struct format_input in = {.context = &sample_context, .rec = &rec, .owner = &owner, .seq = 5};
	char line[FORMAT_LINE_MAX], long_path[3000];
	struct entry entry;
	size_t len;

	(void)state;
	sample_leak(&socket, &leak);
	len = format_json.format(&in, line, sizeof(line));
	line[len - 1] = '\0'; /* without its newline */
	entry = entry_of(RECORD_CLOSE_WAIT_LEAK, &leak, sizeof(out));
	assert_field(&entry, "TCPLIFE_JSON", line);

	/* without room for it: an entry nevertheless */
	memset(long_path, '\xff', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	owner.exe = owner.cgroup = long_path;
	entry = entry_of(RECORD_CLOSE_WAIT_LEAK, &leak, 4000);
	assert_field(&entry, "TCPLIFE_JSON", NULL);
	assert_field(&entry, "TCPLIFE_EVENT", "close_wait_leak");
	assert_int_equal(find(&entry, "TCPLIFE_EXE")->len, 1024);
	entry = entry_of(RECORD_CLOSE_WAIT_LEAK, &leak, 2 * FORMAT_LINE_MAX);
	assert_non_null(find(&entry, "TCPLIFE_JSON"));
}

/* Names with every byte: no field begins where a name says so, and none ends. */
static void test_any_bytes(void **state)
{
	struct leak_socket socket;
	struct leak_record leak;
	char path[256] = {0};

	(void)state;
	sample_leak(&socket, &leak);
	for (int i = 1; i < 256; i++)
		path[i - 1] = (char)i;
	owner.exe = owner.cgroup = path;
	for (int byte = 1; byte < 256; byte++) {
		memset(socket.t.task.comm, byte, WIRE_COMM_LEN);
		memcpy(socket.t.task.comm, "a\nPRIORITY=0\n", 13);
		struct entry entry = entry_of(RECORD_CLOSE_WAIT_LEAK, &leak, sizeof(out));
		const struct field *message = find(&entry, "MESSAGE"), *comm = find(&entry, "TCPLIFE_COMM");

		assert_field(&entry, "PRIORITY", "4");
		assert_field(&entry, "TCPLIFE_EXE", path);
		assert_field(&entry, "TCPLIFE_CGROUP", path);
		assert_true(comm->len == WIRE_COMM_LEN && !memcmp(comm->value, socket.t.task.comm, WIRE_COMM_LEN));
		for (size_t i = 0; i < message->len; i++)
			assert_false((unsigned char)message->value[i] < ' ' || message->value[i] == '\x7f');
		assert_non_null(find(&entry, "TCPLIFE_JSON"));
	}
}

static void test_resolved(void **state)
{
	struct conn_record c;
	struct leak_resolved_record r = {.t = &c.t, .alert = {.id = 3, .is_group = true}, .in_state_ns = 120 * SAMPLE_S};
	struct entry entry;

	(void)state;
	sample_connection(&c);
	owner = sample_owner;
	entry = entry_of(RECORD_CLOSE_WAIT_RESOLVED, &r, sizeof(out));
	assert_field(
		&entry, "MESSAGE",
		"The alert about curl[4242] is over, whose socket, 10.0.0.1:40000 from 93.184.216.34:443, was in CLOSE_WAIT "
		"for 2m00s: it was closed.");
	assert_field(&entry, "PRIORITY", "6");
	assert_field(&entry, "TCPLIFE_ALERT_ID", "7c9e6679.g3");
	assert_field(&entry, "OBJECT_PID", NULL); /* it may be another process by now */
	r.resolution = LEAK_PROCESS_EXIT;
	r.count = 4;
	entry = entry_of(RECORD_CLOSE_WAIT_RESOLVED, &r, sizeof(out));
	assert_field(&entry, "PRIORITY", "5");
	assert_field(&entry, "TCPLIFE_RESOLUTION", "process_exit");
	assert_non_null(memmem(out, strlen(out), "its process ended; sockets that the alert stood for: 4.\n", 56));
}

static void test_finding(void **state)
{
	struct finding_record f = {.id = FINDING_SYN_UNANSWERED,
				   .count = 7,
				   .limit = 5,
				   .about = FINDING_PEER_ADDR | FINDING_PEER_PORT,
				   .window_ns = 10 * SAMPLE_S};
	struct conn_record c;
	struct entry entry;

	(void)state;
	sample_connection(&c);
	f.t = c.t;
	entry = entry_of(RECORD_FINDING, &f, sizeof(out));
	assert_field(&entry, "MESSAGE",
		     "7 attempts to connect to 93.184.216.34:443 got no answer in 10.0s (limit 5). curl[4242]");
	assert_field(&entry, "MESSAGE_ID", "010f24140e5e40fa96a74c8f58ef0442");
	assert_field(&entry, "PRIORITY", "4");
	assert_field(&entry, "TCPLIFE_FINDING", "syn_unanswered");
	assert_field(&entry, "TCPLIFE_SEVERITY", "warning");
	assert_field(&entry, "TCPLIFE_WHAT", "up");
	assert_field(&entry, "TCPLIFE_COUNT", "7");
	assert_field(&entry, "TCPLIFE_PID", "4242");
	assert_non_null(find(&entry, "TCPLIFE_JSON"));
	f.what = FINDING_DOWN;
	f.t.from = CONN_FROM_NONE;
	entry = entry_of(RECORD_FINDING, &f, sizeof(out));
	assert_field(&entry, "PRIORITY", "6");
	assert_field(&entry, "TCPLIFE_PID", NULL);
	assert_memory_equal(find(&entry, "MESSAGE")->value, "Over: 7 attempts", 16);
}

static void test_lost_and_meta(void **state)
{
	const struct conn_lost_record lost = {.stage = WIRE_LOST_QUEUE, .count = 12, .total = 40};
	const struct record_hook hooks[] = {{"tcp_close", "fexit", "", true, false},
					    {"tcp_x", "fentry", "not\nfound", false, false}};
	struct record_meta meta = {.what = "start"};
	struct record_reload reload = {
		.changed = {"sample", "detail"}, .changed_len = 2, .needs_restart = {"ring"}, .needs_restart_len = 1};
	const struct record_output output = {.name = "/var/log/x\n", .error = "No space left on device"};
	struct entry entry = entry_of(RECORD_LOST, &lost, sizeof(out));

	(void)state;
	assert_field(&entry, "MESSAGE", "Lost 12 records in stage queue; since the start: 40.");
	assert_field(&entry, "PRIORITY", "4");
	assert_field(&entry, "TCPLIFE_STAGE", "queue");
	assert_field(&entry, "TCPLIFE_COUNT", "12");
	entry = entry_of(RECORD_META, &meta, sizeof(out));
	assert_field(&entry, "MESSAGE", "tcplife-fsm 0.1.0 starts.");
	assert_field(&entry, "PRIORITY", "6");
	assert_field(&entry, "TCPLIFE_WHAT", "start");
	meta = (struct record_meta){.what = "degraded", .hooks = hooks, .hooks_len = 2};
	entry = entry_of(RECORD_META, &meta, sizeof(out));
	assert_field(&entry, "MESSAGE", "tcplife-fsm does not see everything, since it runs without tcp_x: not\\x0afound.");
	assert_field(&entry, "PRIORITY", "4");
	meta = (struct record_meta){.what = "output_failing", .output = &output};
	entry = entry_of(RECORD_META, &meta, sizeof(out));
	assert_field(&entry, "MESSAGE", "Output /var/log/x\\x0a: No space left on device.");
	assert_field(&entry, "PRIORITY", "4");
	meta = (struct record_meta){.what = "reload", .reload = &reload};
	entry = entry_of(RECORD_META, &meta, sizeof(out));
	assert_field(&entry, "MESSAGE",
		     "tcplife-fsm has read its configuration again. Changed: sample, detail. A restart is needed for: ring.");
	assert_field(&entry, "PRIORITY", "6");
	reload.error = "a.conf:3: no\n";
	entry = entry_of(RECORD_META, &meta, sizeof(out));
	assert_field(&entry, "MESSAGE", "The configuration is wrong, and the old settings stay: a.conf:3: no\\x0a");
	assert_field(&entry, "PRIORITY", "4");
}

/* Whatever is selected for the journal. */
static void test_other_kinds(void **state)
{
	static const struct conn_summary_record summary;
	static const struct conn_snapshot_record snapshot;
	struct conn_record c;
	const struct conn_state_record change = {.t = &c.t, .old_state = WIRE_ESTABLISHED, .new_state = WIRE_FIN_WAIT1};
	const struct conn_retransmit_record again = {.t = &c.t, .count = 1};
	const struct conn_reset_record reset = {.count = 3};
	const struct conn_time_wait_record tw = {.t = &c.t};
	const struct {
		enum record_kind kind;
		const void *body;
	} records[] = {
		{RECORD_CONNECTION, &c}, {RECORD_PROGRESS, &c},   {RECORD_STATE, &change},      {RECORD_RETRANSMIT, &again},
		{RECORD_RESET, &reset},  {RECORD_TIME_WAIT, &tw}, {RECORD_SNAPSHOT, &snapshot}, {RECORD_SUMMARY, &summary},
	};
	char ids[8][33];

	(void)state;
	sample_connection(&c);
	owner = sample_owner;
	for (size_t i = 0; i < 8; i++) {
		struct entry entry = entry_of(records[i].kind, records[i].body, sizeof(out));

		assert_field(&entry, "TCPLIFE_EVENT", record_kind_name(records[i].kind));
		assert_true(find(&entry, "MESSAGE")->len > 0);
		assert_non_null(find(&entry, "TCPLIFE_JSON"));
		assert_int_equal(find(&entry, "MESSAGE_ID")->len, 32);
		snprintf(ids[i], sizeof(ids[i]), "%.32s", find(&entry, "MESSAGE_ID")->value);
		for (size_t k = 0; k < i; k++)
			assert_string_not_equal(ids[i], ids[k]);
		if (records[i].kind == RECORD_CONNECTION)
			assert_field(&entry, "TCPLIFE_PID", "4242");
	}
}

/* The socket */

static int serve(const struct folder *f)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, f->file);
	(void)unlink(f->file);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

static void test_socket(void **state)
{
	struct folder f = folder_new();
	struct destination *d;
	char got[16];
	int server;

	(void)state;
	assert_int_equal(journal_open(&d, f.file), -ENOENT);
	close(serve(&f));
	assert_int_equal(journal_open(&d, f.file), -ECONNREFUSED);
	server = serve(&f);
	assert_int_equal(journal_open(&d, f.file), 0);
	assert_true(d->datagrams);
	put(d, "A=1\nB=2\n");
	put(d, "A=3\n");
	assert_int_equal(read(server, got, sizeof(got)), 8);
	assert_int_equal(read(server, got, sizeof(got)), 4);
	close(server);
	assert_int_equal(d->write(d, "A=4\n", 4), -ECONNREFUSED);
	assert_int_equal(d->restore(d, 0), -ECONNREFUSED);
	assert_false(unlink(f.file));
	assert_int_equal(d->restore(d, 0), -ENOENT);
	server = serve(&f);
	assert_int_equal(d->restore(d, 0), 0);
	put(d, "A=4\n");
	assert_int_equal(read(server, got, sizeof(got)), 4);
	destination_close(d);
	close(server);
	folder_remove(&f);
}

/* A journal that is slow: nothing is lost, and each message is a datagram. */
static void test_queue(void **state)
{
	struct folder f = folder_new();
	int server = serve(&f);
	struct queue_stats stats;
	struct destination *d;
	struct queue *q;
	char text[32], got[32];

	(void)state;
	assert_int_equal(journal_open(&d, f.file), 0);
	for (ssize_t sent = 1; sent > 0;)
		sent = d->write(d, "X=", 2);
	assert_int_equal(errno, EAGAIN);
	while (recv(server, got, sizeof(got), MSG_DONTWAIT) > 0)
		;
	assert_int_equal(queue_open(&q, d, 1 << 20, 0), 0);
	for (int i = 0; i < 2000; i++)
		assert_true(queue_put(q, text, (size_t)sprintf(text, "N=%d\n", i), false));
	queue_end(q);
	for (int i = 0; i < 2000; i++) {
		if (i % 500 == 0)
			usleep(20000);
		ssize_t len = recv(server, got, sizeof(got) - 1, 0);
		assert_true(len > 0);
		got[len] = '\0';
		sprintf(text, "N=%d\n", i);
		assert_string_equal(got, text);
	}
	queue_close(q, SECOND, &stats);
	assert_int_equal(stats.lost, 0);
	close(server);
	folder_remove(&f);
}

#define LARGE (4u << 20)

static char *large_entry(size_t *ret_len)
{
	char *data = malloc(LARGE + 100);
	size_t len = (size_t)sprintf(data, "MESSAGE=a large one\nPRIORITY=6\nSYSLOG_IDENTIFIER=tcplife-fsm\nTCPLIFE_LARGE=");

	memset(data + len, 'x', LARGE);
	data[len + LARGE] = '\n';
	*ret_len = len + LARGE + 1;
	return data;
}

/* As net.core.wmem_max does for who may not go beyond it. */
static void limit_datagrams(struct destination *d)
{
	int room = 64 * 1024;

	assert_int_equal(setsockopt(d->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room)), 0);
}

static void test_large(void **state)
{
	struct folder f = folder_new();
	int server = serve(&f), fd, seals;
	char control[CMSG_SPACE(sizeof(int))], byte;
	struct iovec iov = {&byte, 1};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
	struct destination *d;
	size_t len;
	char *data = large_entry(&len), *mapped;
	struct stat st;

	(void)state;
	assert_int_equal(journal_open(&d, f.file), 0);
	limit_datagrams(d);
	assert_int_equal(d->write(d, data, len), len);
	assert_int_equal(recvmsg(server, &message, MSG_CMSG_CLOEXEC), 0); /* no bytes */
	assert_non_null(CMSG_FIRSTHDR(&message));
	assert_int_equal(CMSG_FIRSTHDR(&message)->cmsg_type, SCM_RIGHTS);
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(fd));
	seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
	assert_false(fstat(fd, &st));
	assert_int_equal(st.st_size, len);
	mapped = mmap(NULL, len, PROT_READ, MAP_PRIVATE, fd, 0);
	assert_memory_equal(mapped, data, len);
	munmap(mapped, len);
	close(fd);
	free(data);
	destination_close(d);
	close(server);
	folder_remove(&f);
}

/* To a journal: a leak of a process with a name of any bytes, which this one has as its object; `meta`; a large one. */
static int send_to(const char *path)
{
	struct leak_socket socket;
	struct leak_record leak;
	struct record_meta meta = {.what = "start"};
	const struct record records[] = {sample_record(RECORD_CLOSE_WAIT_LEAK, &leak), sample_record(RECORD_META, &meta)};
	struct destination *d;
	struct queue *q;
	struct queue_stats stats;
	size_t len;
	char *large = large_entry(&len);

	sample_leak(&socket, &leak);
	memcpy(socket.t.task.comm, "a\nb\xff\x1b=\"", 8);
	socket.t.task.tgid = (uint32_t)getppid();
	if (journal_open(&d, path))
		return 1;
	limit_datagrams(d);
	if (d->write(d, large, len) != (ssize_t)len || queue_open(&q, d, 1 << 20, 0))
		return 1;
	for (int i = 0; i < 2; i++) {
		const struct format_input in = {
			.context = &sample_context, .rec = &records[i], .owner = &owner, .seq = (uint64_t)i};

		queue_put(q, out, format_journal.format(&in, out, sizeof(out)), true);
	}
	queue_close(q, 5 * SECOND, &stats);
	free(large);
	return stats.lost || stats.messages != 2;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_leak),     cmocka_unit_test(test_json),          cmocka_unit_test(test_any_bytes),
		cmocka_unit_test(test_resolved), cmocka_unit_test(test_lost_and_meta), cmocka_unit_test(test_other_kinds),
		cmocka_unit_test(test_socket),   cmocka_unit_test(test_queue),         cmocka_unit_test(test_large),
		cmocka_unit_test(test_finding),
	};

	if (argc == 3 && !strcmp(argv[1], "--send"))
		return send_to(argv[2]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
