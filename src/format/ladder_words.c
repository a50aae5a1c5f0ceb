// SPDX-License-Identifier: GPL-2.0-only
#include "ladder_words.h"

#include <string.h>

#include "units.h"

#define NAME_COLUMNS (4 * (WIRE_COMM_LEN - 1)) /* the longest name with every byte escaped */
#define CLOCK_AT 11                            /* "2026-01-02T" is before it */
#define CLOCK_LEN 15                           /* "03:04:05.123456" */
#define DAY_US INT64_C(86400000000)

static const struct {
	const char *word, *open;
} end_words[] = {
	{"client", "the client is still open"},
	{"server", "the server is still open"},
	{"left end", "the left end is still open"},
	{"right end", "the right end is still open"},
};

static unsigned int end_number(const struct ladder *l, bool left)
{
	enum conn_role role = l->left->rec.t.role;

	if (role == CONN_CLIENT || role == CONN_SERVER)
		return (role == CONN_CLIENT) == left ? 0 : 1;
	return left ? 2 : 3;
}

const char *ladder_end_word(const struct ladder *l, bool left)
{
	return end_words[end_number(l, left)].word;
}

const char *ladder_open_note(const struct ladder *l)
{
	bool left;

	return ladder_open_alone(l, &left) ? end_words[end_number(l, left)].open : "still open";
}

bool ladder_open_alone(const struct ladder *l, bool *ret_left)
{
	*ret_left = !l->left->rec.final;
	return l->right && l->left->rec.final != l->right->rec.final;
}

static void put_owner(const struct ladder *l, const struct ladder_end *end, struct buf *b)
{
	if (!end || end->rec.t.from == CONN_FROM_NONE)
		return;
	buf_char(b, ' ');
	put_process(b, &end->rec.t, NAME_COLUMNS, l->ascii);
}

static void put_id(const struct ladder_end *end, struct buf *b)
{
	buf_str(b, end->boot);
	buf_char(b, '.');
	put_hex(b, end->rec.t.cookie);
	if (end->rec.t.generation)
		put_text_uint(b, " generation ", end->rec.t.generation);
}

static struct ladder_line *add_line(struct ladder_lines *lines)
{
	struct ladder_line *line = &lines->lines[lines->len++];

	label_init(&line->left);
	label_init(&line->right);
	return line;
}

static void add_ends(const struct ladder *l, struct ladder_lines *lines)
{
	const struct conn_tuple *t = &l->left->rec.t;
	struct ladder_line *line = add_line(lines);

	buf_str(&line->left.b, ladder_end_word(l, true));
	put_owner(l, l->left, &line->left.b);
	buf_str(&line->right.b, ladder_end_word(l, false));
	put_owner(l, l->right, &line->right.b);

	line = add_line(lines);
	if (t->id_known) {
		put_endpoint(&line->left.b, &t->id, true, '?');
		put_endpoint(&line->right.b, &t->id, false, '?');
	} else {
		buf_str(&line->left.b, "addresses are not known");
	}

	line = add_line(lines);
	put_id(l->left, &line->left.b);
	if (l->right)
		put_id(l->right, &line->right.b);
	else
		buf_str(&line->right.b, "states implied by its segments");
}

static void add_times(const struct ladder *l, struct ladder_lines *lines)
{
	const struct conn_record *rec = &l->left->rec, *lives;
	struct buf *b = &add_line(lines)->left.b;
	bool left;

	if (rec->start_known)
		put_time(b, l->left->start_us * 1000);
	else
		buf_str(b, l->left->of_alert ? "known from its alert" : "began before the tool");
	if (rec->handshake_known)
		put_text_duration(b, ", handshake ", rec->handshake_us);
	lives = ladder_open_alone(l, &left) && !left ? &l->right->rec : rec;
	put_text_duration(b, lives->final ? ", life " : ", open for ", (lives->end_ns - lives->start_ns) / 1000);
	if (!lives->duration_known)
		buf_str(b, " or more");
}

static void add_end(const struct ladder *l, struct ladder_lines *lines)
{
	bool left_is_open, alone = ladder_open_alone(l, &left_is_open), left = !alone || !left_is_open;
	const struct conn_record *rec = left ? &l->left->rec : &l->right->rec;
	struct buf *b;

	if (!rec->final)
		return;
	b = &add_line(lines)->left.b;
	buf_str(b, "end");
	if (alone) {
		buf_str(b, " of the ");
		buf_str(b, ladder_end_word(l, left));
	}
	buf_str(b, ": ");
	buf_str(b, conn_end_name(rec->end));
	if (rec->close_kind != CONN_CLOSE_NONE) {
		buf_str(b, ", ");
		buf_str(b, conn_close_kind_name(rec->close_kind));
	}
	if (rec->closed_by == CONN_BOTH) {
		buf_str(b, ", both closed");
	} else if (rec->closed_by != CONN_SIDE_UNKNOWN && rec->end != CONN_END_REFUSED) {
		buf_str(b, ", ");
		buf_str(b, ladder_end_word(l, (rec->closed_by == CONN_LOCAL) == left));
		buf_str(b, " closed first");
	}
	if (alone) {
		buf_str(b, "; ");
		buf_str(b, ladder_open_note(l));
	}
}

void ladder_head_lines(const struct ladder *l, struct ladder_lines *ret)
{
	ret->len = 0;
	add_ends(l, ret);
	add_times(l, ret);
	add_end(l, ret);
}

static void add_notes(const struct ladder *l, bool left, struct ladder_lines *lines)
{
	const struct ladder_end *end = left ? l->left : l->right;
	const struct conn_record *rec = &end->rec;
	struct buf *b;

	const struct {
		const char *before;
		uint64_t count;
		const char *after;
	} notes[] = {
		{" sent data again, segments: ", rec->retransmits.data, ""},
		{" never read ", rec->unread_known ? rec->unread_bytes : 0, " bytes"},
		{" never sent ", rec->unread_known ? rec->unsent_bytes : 0, " bytes that were written"},
		{" began TIME_WAIT again, times: ", rec->time_wait.entered ? rec->time_wait.restarts : 0, ""},
	};

	for (size_t i = 0; i < sizeof(notes) / sizeof(notes[0]); i++) {
		if (!notes[i].count)
			continue;
		b = &add_line(lines)->left.b;
		buf_str(b, ladder_end_word(l, left));
		put_text_uint(b, notes[i].before, notes[i].count);
		buf_str(b, notes[i].after);
	}
	if (end->reset_reason[0] && (rec->resets.sent || rec->resets.received)) {
		struct label *line = &add_line(lines)->left;
		buf_str(&line->b, "reason of the reset, at the ");
		buf_str(&line->b, ladder_end_word(l, left));
		buf_str(&line->b, ": ");
		put_safe(&line->b, end->reset_reason, strlen(end->reset_reason), LADDER_WIDTH - label_len(line), true);
	} else if (!rec->complete && rec->start_known) {
		b = &add_line(lines)->left.b;
		buf_str(b, ladder_end_word(l, left));
		buf_str(b, "'s record is not complete");
		put_text_uint(b, ", losses that may have touched it: ", rec->gaps);
	}
}

void ladder_note_lines(const struct ladder *l, struct ladder_lines *ret)
{
	ret->len = 0;
	add_notes(l, true, ret);
	if (l->right)
		add_notes(l, false, ret);
}

void ladder_put_duration(struct buf *b, const struct ladder_state *state)
{
	if (state->us_known && (!state->goes_on || state->us)) {
		buf_str(b, state->at_least ? ">" : "");
		put_duration(b, state->us);
	} else if (state->goes_on) {
		buf_str(b, "...");
	}
}

void ladder_put_segment(struct buf *b, const struct conn_segment *seg, const char *times)
{
	buf_str(b, conn_flags_name(seg->flags));
	if (seg->seq_known)
		put_text_uint(b, " seq=", seg->seq);
	if (seg->ack_known)
		put_text_uint(b, " ack=", seg->ack);
	if (seg->n <= 1)
		return;
	buf_char(b, ' ');
	put_text_uint(b, times, seg->n);
}

/* Times */

static bool reads_alike(uint64_t us, uint64_t other, unsigned int more)
{
	char text[UNITS_MAX], other_text[UNITS_MAX];
	size_t len = (size_t)(units_duration_more(text, us, more) - text);

	return (size_t)(units_duration_more(other_text, other, more) - other_text) == len && !memcmp(text, other_text, len);
}

/* Times of one scale have the same number of digits. */
static enum ladder_scale scale_of(uint64_t us)
{
	static const uint64_t ends[LADDER_SCALES - 1] = {1000, 100000, 1000000, 60000000, 3600000000};
	enum ladder_scale scale = 0;

	while (scale < LADDER_SCALES - 1 && us >= ends[scale])
		scale++;
	return scale;
}

/* After a long handshake all times would be "1.0s": there are enough digits to tell each from all others. */
static void tell_apart(struct ladder_times *times, const struct ladder_plan *plan, int64_t at_us)
{
	uint64_t us = (uint64_t)(at_us - times->begin_us);
	uint8_t *more = &times->more[scale_of(us)];

	for (unsigned int i = 0; i < plan->len && at_us > times->begin_us; i++) {
		const struct ladder_step *step = &plan->steps[i];

		for (int side = LADDER_LEFT; side < LADDER_SIDES; side++) {
			uint64_t other = (uint64_t)(step->at_us[side] - times->begin_us);

			if (!step->at_known[side] || step->at_us[side] <= at_us)
				continue;
			while (*more < UNITS_MORE_MAX && reads_alike(us, other, *more))
				++*more;
		}
	}
}

void ladder_times_init(struct ladder_times *times, const struct ladder *ladder, const struct ladder_plan *plan)
{
	*times = (struct ladder_times){.clock = ladder->clock, .begin_us = plan->begin_us};
	for (unsigned int i = 0; i < plan->len && times->clock == LADDER_RELATIVE; i++)
		for (int side = LADDER_LEFT; side < LADDER_SIDES; side++)
			if (plan->steps[i].at_known[side])
				tell_apart(times, plan, plan->steps[i].at_us[side]);
}

static void put_since_begin(struct buf *b, const struct ladder_times *times, uint64_t us)
{
	char text[UNITS_MAX];

	buf_put(b, text, (size_t)(units_duration_more(text, us, times->more[scale_of(us)]) - text));
}

/* The day is not shown: what a record adds up to may be behind the last one that a time in nanoseconds has. */
static void put_clock(struct buf *b, int64_t at_us)
{
	struct label whole;

	label_init(&whole);
	put_time(&whole.b, at_us % DAY_US * 1000);
	buf_put(b, whole.text + CLOCK_AT, CLOCK_LEN);
}

void ladder_put_time(struct buf *b, const struct ladder_times *times, int64_t at_us)
{
	int64_t us = at_us - times->begin_us, since = at_us - times->before_us;

	if (times->clock == LADDER_WALL) {
		put_clock(b, at_us);
	} else if (times->clock == LADDER_DELTA && times->before_known) {
		buf_char(b, since < 0 ? '-' : '+');
		put_duration(b, (uint64_t)(since < 0 ? -since : since));
	} else if (us > 0) {
		put_since_begin(b, times, (uint64_t)us);
	} else {
		buf_char(b, '0');
	}
}

unsigned int ladder_times_columns(const struct ladder_times *times, const struct ladder_plan *plan)
{
	size_t most = 0;

	for (unsigned int i = 0; i < plan->len; i++) {
		const struct ladder_step *step = &plan->steps[i];
		struct label label;
		int64_t us;

		label_init(&label);
		if (ladder_time_of(step, &us))
			ladder_put_time(&label.b, times, us);
		most = label_len(&label) > most ? label_len(&label) : most;
		label_init(&label);
		if (step->at_known[LADDER_LEFT])
			ladder_put_time(&label.b, times, step->at_us[LADDER_LEFT]);
		most = label_len(&label) > most ? label_len(&label) : most;
	}
	return (unsigned int)most;
}

void ladder_times_advance(struct ladder_times *times, int64_t at_us)
{
	times->before_us = at_us;
	times->before_known = true;
}
