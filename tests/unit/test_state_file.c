// SPDX-License-Identifier: GPL-2.0-only
/* The state file: what is written is read again, and what somebody else made of it is refused. */
#include "folder.h"

#include "src/io/output_open.h"
#include "src/io/whole_file.h"
#include "src/io/state_layout.h"

#include <errno.h>

#define HOST "web1"

static struct wire_before before_event(void)
{
	return (struct wire_before){.hdr = {.len = sizeof(struct wire_before), .kind = WIRE_BEFORE},
				    .written_wall_ns = 1,
				    .boot_id = "01234567-89ab-cdef-0123-456789abcdef",
				    .instance = "0123456789ab"};
}

struct known_event {
	struct wire_known known;
	struct wire_ident ident;
};

static struct known_event known_event(uint64_t cookie)
{
	return (struct known_event){.known = {.hdr = {.cookie = cookie,
						      .len = sizeof(struct known_event),
						      .kind = WIRE_KNOWN,
						      .parts = WIRE_PART_IDENT,
						      .old_state = WIRE_CLOSE_WAIT,
						      .new_state = WIRE_CLOSE_WAIT}},
				    .ident = {.family = 2}};
}

static struct state_draft draft_of(uint64_t sockets)
{
	struct wire_before before = before_event();
	struct state_draft draft = {0};

	state_draft_add(&draft, &before.hdr);
	for (uint64_t cookie = 1; cookie <= sockets; cookie++) {
		struct known_event known = known_event(cookie);

		state_draft_add(&draft, &known.known.hdr);
	}
	assert_true(state_draft_finish(&draft, HOST));
	return draft;
}

/* An event_fn. */
static void count(void *ctx, const struct wire_hdr *ev)
{
	size_t *n = ctx;

	assert_int_equal(ev->cookie, *n);
	++*n;
}

static void written_and_read_again(void **state)
{
	const struct folder f = folder_new();
	struct state_draft draft = draft_of(100), empty = draft_of(0);
	struct whole_file *file;
	struct stat st;
	char *data;
	size_t len, n = 0;

	(void)state;
	umask(077);
	assert_int_equal(whole_file_open(&file, f.file, 0640), 0);
	assert_int_equal(whole_file_read(file, &data, &len), -ENOENT);
	whole_file_write(file, empty.data, empty.len);
	whole_file_write(file, draft.data, draft.len); /* the last one counts */
	assert_int_equal(whole_file_close(file), 0);
	assert_int_equal(stat(f.file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);

	assert_int_equal(whole_file_open(&file, f.file, 0640), 0);
	assert_int_equal(whole_file_read(file, &data, &len), 0);
	assert_null(state_read(data, len, HOST, count, &n));
	assert_int_equal(n, 101);
	free(data);
	assert_int_equal(whole_file_close(file), 0);
	folder_remove(&f);
}

static void refused(const char *data, size_t len, const char *host, const char *word)
{
	const char *why;
	size_t n = 0;

	why = state_read(data, len, host, count, &n);
	if (!why || !strstr(why, word))
		fail_msg("'%s' has no '%s'", why ? why : "(no reason)", word);
	assert_int_equal(n, 0);
}

/* Damaged, cut off at any byte, too long, of another host: nothing of it is taken. */
static void damaged(void **state)
{
	struct state_draft draft = draft_of(3);
	char *longer = malloc(draft.len + 8);

	(void)state;
	for (size_t len = 0; len < draft.len; len++)
		refused(draft.data, len, HOST, len < 8 ? "no state" : "cut off");
	for (size_t at = sizeof(((struct state_head *)0)->magic); at < draft.len; at++) {
		draft.data[at] ^= 1;
		refused(draft.data, draft.len, HOST, "");
		draft.data[at] ^= 1;
	}
	assert_non_null(longer);
	memcpy(longer, draft.data, draft.len);
	memset(longer + draft.len, 0, 8);
	refused(longer, draft.len + 8, HOST, "more");
	refused(draft.data, draft.len, "web2", "another host");
	free(longer);
	free(draft.data);
}

/* The checksum is right, since who edits a file makes it, too. */
static void edited(void **state)
{
	struct wire_before before = before_event();
	struct known_event known = known_event(1), bad = known_event(2);
	struct wire_tick tick = {.hdr = {.len = sizeof(tick), .kind = WIRE_TICK}};
	const struct wire_hdr *const rows[][3] = {{&known.known.hdr},
						  {&before.hdr, &before.hdr},
						  {&before.hdr, &tick.hdr},
						  {&before.hdr, &known.known.hdr, &bad.known.hdr}};

	(void)state;
	bad.known.cause = UINT8_MAX;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct state_draft draft = {0};

		for (size_t j = 0; j < 3 && rows[i][j]; j++)
			state_draft_add(&draft, rows[i][j]);
		assert_true(state_draft_finish(&draft, HOST));
		refused(draft.data, draft.len, HOST, "no run writes");
		free(draft.data);
	}
}

/* Neither a link is followed nor a FIFO waited for; what is in the way under the other name is removed, not written to. */
static void strange_files(void **state)
{
	const struct folder f = folder_new();
	struct state_draft draft = draft_of(1);
	char other[128], beside[128], *data;
	struct whole_file *file;
	struct stat st;
	size_t len;

	(void)state;
	snprintf(other, sizeof(other), "%s/other", f.path);
	snprintf(beside, sizeof(beside), "%s.%d.new", f.file, (int)getpid());
	assert_int_equal(close(open(other, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(symlink(other, f.file), 0);
	assert_int_equal(symlink(other, beside), 0);
	assert_int_equal(whole_file_open(&file, f.file, 0640), 0);
	assert_int_equal(whole_file_read(file, &data, &len), -ELOOP);
	whole_file_write(file, draft.data, draft.len);
	assert_int_equal(whole_file_close(file), 0);
	assert_int_equal(stat(other, &st), 0);
	assert_int_equal(st.st_size, 0);
	assert_int_equal(lstat(f.file, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_not_equal(lstat(beside, &st), 0);

	assert_int_equal(unlink(f.file), 0);
	assert_int_equal(mkfifo(f.file, 0600), 0);
	assert_int_equal(whole_file_open(&file, f.file, 0640), 0);
	assert_int_equal(whole_file_read(file, &data, &len), -EINVAL);
	assert_int_equal(whole_file_close(file), 0);

	assert_int_equal(unlink(f.file), 0);
	assert_int_equal(close(open(f.file, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(truncate(f.file, WHOLE_FILE_MAX + 1), 0);
	assert_int_equal(whole_file_open(&file, f.file, 0640), 0);
	assert_int_equal(whole_file_read(file, &data, &len), -EFBIG);
	assert_int_equal(whole_file_close(file), 0);
	folder_remove(&f);
}

static void places_without_a_file(void **state)
{
	static const char *const paths[] = {"/nowhere/state", "/", "/tmp/.", "/tmp/..", "/dev/null/state"};
	struct whole_file *file;

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++)
		assert_true(whole_file_open(&file, paths[i], 0640) < 0);
}

/* In a folder such as /tmp another user's link is not followed, and another user's file is not replaced. */
static void foreign(void **state)
{
	const struct folder f = folder_new();
	char link[128], through[160];
	struct whole_file *file;

	(void)state;
	if (geteuid()) /* only root gives files to others */
		skip();
	snprintf(link, sizeof(link), "%s/link", f.path);
	snprintf(through, sizeof(through), "%s/state", link);
	assert_int_equal(chmod(f.path, 01777), 0);
	assert_int_equal(symlink(".", link), 0);
	assert_int_equal(close(open(f.file, O_CREAT | O_WRONLY, 0600)), 0);
	assert_int_equal(whole_file_open(&file, through, 0640), 0);
	assert_int_equal(whole_file_close(file), 0);
	assert_int_equal(lchown(link, 65534, 65534), 0);
	assert_int_equal(whole_file_open(&file, through, 0640), -OUTPUT_FOREIGN_LINK);
	assert_int_equal(lchown(f.file, 65534, 65534), 0);
	assert_int_equal(whole_file_open(&file, f.file, 0640), -OUTPUT_FOREIGN_FILE);
	folder_remove(&f);
}

/* A folder gets the name meanwhile: that is said, and the next write may work. One that has it at the start is refused. */
static void write_fails(void **state)
{
	const struct folder f = folder_new();
	struct state_draft draft = draft_of(1);
	struct whole_file *file;

	(void)state;
	assert_int_equal(whole_file_open(&file, f.file, 0640), 0);
	assert_int_equal(mkdir(f.file, 0700), 0);
	whole_file_write(file, draft.data, draft.len);
	assert_int_equal(whole_file_close(file), EISDIR);
	assert_int_equal(whole_file_open(&file, f.file, 0640), -EISDIR);
	assert_int_equal(rmdir(f.file), 0);
	folder_remove(&f);
}

/* No file is longer than what is read again. */
static void too_long(void **state)
{
	struct wire_before before = before_event();
	struct known_event known = known_event(1);
	struct state_draft draft = {0};

	(void)state;
	state_draft_add(&draft, &before.hdr);
	for (size_t i = 0; i <= WHOLE_FILE_MAX / sizeof(known); i++)
		state_draft_add(&draft, &known.known.hdr);
	assert_true(draft.len <= WHOLE_FILE_MAX);
	assert_false(state_draft_finish(&draft, HOST));
	free(draft.data);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(written_and_read_again),
		cmocka_unit_test(damaged),
		cmocka_unit_test(edited),
		cmocka_unit_test(strange_files),
		cmocka_unit_test(places_without_a_file),
		cmocka_unit_test(foreign),
		cmocka_unit_test(write_fails),
		cmocka_unit_test(too_long),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
