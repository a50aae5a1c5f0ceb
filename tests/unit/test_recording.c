// SPDX-License-Identifier: GPL-2.0-only
/* A recording gives back what was put in; damage anywhere is named with its offset, after everything before it was used. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

#include "bpf/wire.h"
#include "queue_of_fd.h"
#include "src/io/recording.h"

#define EVENTS 5000
#define BLOCK_HEAD 16
#define BOOT_ID "7c9e6679-7425-40de-944b-e07fc1f90ae7"

static char path[64];

static struct wire_tick event_at(unsigned int i)
{
	return (struct wire_tick){
		.hdr = {.ts = 1000 + i, .len = sizeof(struct wire_tick), .kind = WIRE_TICK},
		.rss_bytes = i * 3ull,
	};
}

static void write_recording(size_t queue_bytes, bool whole)
{
	const struct recording_header header = {.max_connections = 7, .boot_id = BOOT_ID, .hostname = "host"};
	struct recorder *recorder;
	struct queue *queue;
	unsigned int i;
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(queue_of_fd(&queue, fd, queue_bytes, 0), 0);
	assert_int_equal(recorder_new(&recorder, queue, &header), 0);
	for (i = 0; i < EVENTS; i++) {
		struct wire_tick tick = event_at(i);

		recorder_put(recorder, &tick.hdr);
	}
	recorder_free(recorder, whole);
	queue_close(queue, 1000000000, NULL);
	close(fd);
}

static void count_event(void *ctx, const struct wire_hdr *ev)
{
	unsigned int *n = ctx;
	struct wire_tick expected = event_at(*n);

	assert_memory_equal(ev, &expected, sizeof(expected));
	(*n)++;
}

/* Reads the file; the number of events that came, and the error with its sentence. */
static int read_recording(unsigned int *ret_n, char *why)
{
	struct recording *recording;
	int err = recording_open(&recording, path, why);

	*ret_n = 0;
	if (err)
		return err;
	err = recording_read(recording, count_event, ret_n, why);
	recording_close(recording);
	return err;
}

static off_t file_size(void)
{
	FILE *file = fopen(path, "r");
	off_t size;

	fseek(file, 0, SEEK_END);
	size = ftell(file);
	fclose(file);
	return size;
}

static void flip_bit(off_t offset)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	uint8_t byte;

	assert_int_equal(pread(fd, &byte, 1, offset), 1);
	byte ^= 0x10;
	assert_int_equal(pwrite(fd, &byte, 1, offset), 1);
	close(fd);
}

static void round_trip(void **state)
{
	char why[RECORDING_WHY_LEN] = "";
	struct recording *recording;
	unsigned int n;

	(void)state;
	write_recording(1 << 20, true);
	assert_int_equal(recording_open(&recording, path, why), 0);
	assert_int_equal(recording_header(recording)->max_connections, 7);
	assert_string_equal(recording_header(recording)->boot_id, BOOT_ID);
	recording_close(recording);
	assert_int_equal(read_recording(&n, why), 0);
	assert_int_equal(n, EVENTS);
}

static void not_ended_in_order(void **state)
{
	char why[RECORDING_WHY_LEN] = "";
	unsigned int n;

	(void)state;
	write_recording(1 << 20, false);
	assert_int_not_equal(read_recording(&n, why), 0);
	assert_int_equal(n, EVENTS);
	assert_non_null(strstr(why, "cut off at offset"));
}

/* Every length: never a crash, always the events of the whole blocks before the cut. */
static void truncated_anywhere(void **state)
{
	char why[RECORDING_WHY_LEN];
	unsigned int n, before = 0;
	off_t size, len;

	(void)state;
	write_recording(1 << 20, true);
	size = file_size();
	for (len = 0; len < size; len += 509) {
		write_recording(1 << 20, true);
		assert_int_equal(truncate(path, len), 0);
		why[0] = '\0';
		assert_int_not_equal(read_recording(&n, why), 0);
		assert_non_null(strstr(why, "offset"));
		assert_true(n >= before);
		before = n;
	}
}

static void damaged_anywhere(void **state)
{
	const off_t header = sizeof(struct recording_header);
	char why[RECORDING_WHY_LEN], expected[64];
	unsigned int n;
	off_t offset, size;

	(void)state;
	write_recording(1 << 20, true);
	size = file_size();
	for (offset = 0; offset < size; offset += 997) {
		flip_bit(offset);
		why[0] = '\0';
		assert_int_not_equal(read_recording(&n, why), 0);
		assert_non_null(strstr(why, "offset"));
		flip_bit(offset);
	}
	flip_bit(header + BLOCK_HEAD + 100);
	assert_int_not_equal(read_recording(&n, why), 0);
	assert_int_equal(n, 0);
	snprintf(expected, sizeof(expected), "damaged at offset %lld", (long long)header);
	assert_non_null(strstr(why, expected));
}

/* A header that nobody has damaged, but somebody made: `len` bytes at `offset` are `data`, and its checksum is right. */
static void write_header(size_t offset, const void *data, size_t len)
{
	struct recording_header header = {
		.magic = RECORDING_MAGIC,
		.version = WIRE_VERSION,
		.max_connections = 7,
		.boot_id = BOOT_ID,
		.hostname = "host",
		.tool = "1",
		.kernel = "6.1",
		.arch = "x86_64",
		.libbpf = "v1.1",
	};
	FILE *file = fopen(path, "w");

	memcpy((char *)&header + offset, data, len);
	header.crc = crc32(0, (const void *)&header, sizeof(header));
	assert_int_equal(fwrite(&header, sizeof(header), 1, file), 1);
	fclose(file);
}

#define FIELD(name) offsetof(struct recording_header, name)

/* The sentence for such a header. */
static void check_header(size_t offset, const void *data, size_t len, const char *expected)
{
	char why[RECORDING_WHY_LEN] = "", end[32];
	struct recording *recording = NULL;
	int err;

	write_header(offset, data, len);
	err = recording_open(&recording, path, why);
	if (!expected) {
		assert_int_equal(err, 0);
		recording_close(recording);
		return;
	}
	assert_int_equal(err, -EBADMSG);
	assert_non_null(strstr(why, expected));
	snprintf(end, sizeof(end), " at offset %zu", offset);
	assert_string_equal(why + strlen(why) - strlen(end), end);
}

static void made_by_a_stranger(void **state)
{
	const uint32_t connections[] = {0, (1 << 24) + 1, UINT32_MAX}, most = 1 << 24, two = 2;
	const int64_t offsets[] = {INT64_MIN, INT64_MAX, 8400000000000000000}, before_boot = -3600000000000;
	static const char *const boot_ids[] = {
		"boot", "7c9e6679-7425-40de-944b-e07fc1f90ae",  "7c9e6679-7425-40de-944b-e07fc1f90ae77",
		"\n",   "7C9E6679-7425-40DE-944B-E07FC1F90AE7", "7c9e6679-7425-40de-944b-e07fc1f90ae\n",
		"\"",   "7c9e6679 7425 40de 944b e07fc1f90ae7", "}\n{\"event\":\"connection\",\"a\":\"b\"}\n",
	};
	static const struct {
		const char *what;
		size_t offset, size;
	} words[] = {
		{"tool in its header", FIELD(tool), 32},
		{"kernel in its header", FIELD(kernel), 72},
		{"arch in its header", FIELD(arch), 24},
		{"libbpf in its header", FIELD(libbpf), 16},
	};
	const uint64_t ring = UINT64_MAX;
	char full[72];

	(void)state;
	memset(full, 'a', sizeof(full));
	for (size_t i = 0; i < 3; i++) {
		check_header(FIELD(max_connections), &connections[i], 4, "max_connections in its header");
		check_header(FIELD(clock_offset_ns), &offsets[i], 8, "clock_offset_ns in its header");
		check_header(FIELD(boot_offset_ns), &offsets[i], 8, "boot_offset_ns in its header");
	}
	check_header(FIELD(ring_bytes), &ring, 8, "ring_bytes in its header");
	check_header(FIELD(foreign_pids), &two, 4, "foreign_pids in its header");
	for (size_t i = 0; i < sizeof(boot_ids) / sizeof(*boot_ids); i++)
		check_header(FIELD(boot_id), boot_ids[i], strnlen(boot_ids[i], 39) + 1, "boot_id in its header");
	check_header(FIELD(boot_id), full, 40, "boot_id in its header");
	check_header(FIELD(hostname), full, 72, "hostname in its header");
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		check_header(words[i].offset, full, words[i].size, words[i].what);
		check_header(words[i].offset, "a\033[2J", 6, words[i].what);
		check_header(words[i].offset, "\xc2\x9b", 3, words[i].what);
		check_header(words[i].offset, "\x7f", 2, words[i].what);
		check_header(words[i].offset, "", 1, NULL);
	}
	check_header(FIELD(max_connections), &most, 4, NULL);
	check_header(FIELD(boot_offset_ns), &before_boot, 8, NULL);
	check_header(FIELD(boot_id), "", 1, NULL);
	check_header(FIELD(hostname), "\033[2J\n\"\xff", 8, NULL); /* escaped where it is shown */
}

static void foreign(void **state)
{
	char why[RECORDING_WHY_LEN] = "";
	FILE *file = fopen(path, "w");
	unsigned int n;

	(void)state;
	fputs("{\"event\":\"connection\"}\n", file);
	fclose(file);
	assert_int_not_equal(read_recording(&n, why), 0);
	assert_non_null(strstr(why, "not a recording but JSON lines"));
	assert_non_null(strstr(why, "offset 0"));
}

static void missing(void **state)
{
	char why[RECORDING_WHY_LEN] = "";
	unsigned int n;

	(void)state;
	unlink(path);
	assert_int_not_equal(read_recording(&n, why), 0);
	assert_non_null(strstr(why, "No such file"));
}

/* An event of the kernel. */
static struct wire_hdr destroy_at(uint64_t ts)
{
	return (struct wire_hdr){
		.ts = ts, .cookie = 1, .len = sizeof(struct wire_hdr), .kind = WIRE_DESTROY, .old_state = 7, .new_state = 7};
}

struct losses {
	uint64_t events, lost;
};

static void sum_losses(void *ctx, const struct wire_hdr *ev)
{
	struct losses *l = ctx;

	if (ev->kind == WIRE_LOST)
		l->lost += ((const struct wire_lost *)ev)->count;
	else
		l->events += wire_from_kernel(ev->kind);
}

/* A queue_lost_fn. */
static void sum_unwritten(void *ctx, const void *data, size_t len)
{
	*(uint64_t *)ctx += recorder_events(data, len);
}

struct reader {
	int from, to;
};

static void *copy_pipe(void *ctx)
{
	struct reader *r = ctx;
	char buf[65536];
	ssize_t n;

	while ((n = read(r->from, buf, sizeof(buf))) > 0) {
		if (write(r->to, buf, n) != n)
			break;
	}
	return NULL;
}

/* The output fails: what the queue refused and what it took in and could not write are all events of the kernel. */
static void counts_what_was_not_written(void **state)
{
	const struct recording_header header = {.max_connections = 7};
	struct recorder *recorder;
	struct queue *queue;
	uint64_t lost = 0;
	unsigned int i;

	(void)state;
	assert_int_equal(queue_of_fd(&queue, open("/dev/full", O_WRONLY | O_CLOEXEC), 1 << 20, 0), 0);
	assert_int_equal(recorder_new(&recorder, queue, &header), 0);
	for (i = 0; i < 20000; i++) {
		struct wire_tick tick = event_at(i);
		struct wire_hdr end = destroy_at(i);

		recorder_put(recorder, &tick.hdr);
		recorder_put(recorder, &end);
	}
	recorder_flush(recorder);
	queue_on_lost(queue, sum_unwritten, &lost);
	uint64_t refused = recorder_lost(recorder);
	recorder_free(recorder, true);
	queue_close(queue, 5000000000, NULL);
	assert_int_equal(refused + lost, i);
}

/* A pipe that nobody reads takes a few blocks only: what did not fit is said in the recording once there is room again. */
static void says_what_it_lost(void **state)
{
	const struct recording_header header = {.max_connections = 7};
	struct losses losses = {0};
	char why[RECORDING_WHY_LEN] = "";
	struct recording *recording;
	struct recorder *recorder;
	struct reader reader;
	struct queue *queue;
	pthread_t thread;
	unsigned int i;
	int fds[2];
	uint64_t lost;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	reader = (struct reader){fds[0], open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
	assert_int_equal(queue_of_fd(&queue, fds[1], 256 * 1024, 0), 0);
	assert_int_equal(recorder_new(&recorder, queue, &header), 0);
	for (i = 0; recorder_lost(recorder) < 10000; i++) {
		struct wire_tick tick = event_at(i);
		struct wire_hdr end = destroy_at(i);

		recorder_put(recorder, &tick.hdr);
		recorder_put(recorder, &end);
	}
	assert_int_equal(pthread_create(&thread, NULL, copy_pipe, &reader), 0);
	while (queue_room(queue) < 200 * 1024)
		sched_yield();
	lost = recorder_lost(recorder);
	recorder_free(recorder, true);
	queue_close(queue, 5000000000, NULL);
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
	close(reader.to);
	assert_int_equal(recording_open(&recording, path, why), 0);
	assert_int_equal(recording_read(recording, sum_losses, &losses, why), 0);
	recording_close(recording);
	assert_int_equal(losses.lost, lost);
	assert_int_equal(losses.events + losses.lost, i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(not_ended_in_order),
		cmocka_unit_test(truncated_anywhere),
		cmocka_unit_test(damaged_anywhere),
		cmocka_unit_test(made_by_a_stranger),
		cmocka_unit_test(foreign),
		cmocka_unit_test(missing),
		cmocka_unit_test(counts_what_was_not_written),
		cmocka_unit_test(says_what_it_lost),
	};
	int failed;

	snprintf(path, sizeof(path), "/tmp/tcplife-fsm-test-%d.rec", getpid());
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(path);
	return failed;
}
