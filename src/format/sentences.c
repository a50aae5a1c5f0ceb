// SPDX-License-Identifier: GPL-2.0-only
/*
 * The sentences follow the life of the connection. A number is said if it is known, and a cause if the record proves it. The
 * last line names the words of this connection that `explain` knows more of.
 */
#include "sentences.h"

#include <string.h>

#include "sentences_parts.h"
#include "wrap.h"

#define MORE "More: tcplife-fsm explain WORD, of "

/* Sentences */

struct buf *sentence_begin(struct sentences *s)
{
	label_init(&s->line);
	return &s->line.b;
}

void sentence_end(struct sentences *s)
{
	buf_char(&s->line.b, '.');
	wrap_put(&s->b, s->line.text, label_len(&s->line), ladder_width(s->l));
}

void sentence(struct sentences *s, const char *sentence)
{
	buf_str(sentence_begin(s), sentence);
	sentence_end(s);
}

/* "curl[4242]", or "the client". */
void sentence_put_end(struct sentences *s, bool left)
{
	const struct ladder_end *one = left ? s->l->left : s->l->right;

	buf_str(&s->line.b, "the ");
	buf_str(&s->line.b, ladder_end_word(s->l, left));
	if (!one || one->rec.t.from == CONN_FROM_NONE)
		return;
	buf_char(&s->line.b, ' ');
	put_process(&s->line.b, &one->rec.t, 4 * (WIRE_COMM_LEN - 1), s->l->ascii);
}

void sentence_capital(struct sentences *s)
{
	if (s->line.text[0] >= 'a' && s->line.text[0] <= 'z')
		s->line.text[0] = (char)(s->line.text[0] - 'a' + 'A');
}

void sentence_of(struct sentences *s, bool left, const char *what)
{
	sentence_begin(s);
	sentence_put_end(s, left);
	sentence_capital(s);
	buf_str(&s->line.b, what);
	sentence_end(s);
}

void sentence_put_count(struct buf *b, uint64_t count, const char *one)
{
	put_uint(b, count);
	buf_char(b, ' ');
	buf_str(b, one);
	if (count != 1)
		buf_char(b, 's');
}

/* What the records show */

const struct ladder_end *sentence_side(const struct sentences *s, bool left)
{
	return left ? s->l->left : s->l->right;
}

/* The time that an end has spent in a state; NULL: not at all, or its record is missing. */
const struct conn_span *sentence_stay(const struct sentences *s, bool left, unsigned int state)
{
	const struct ladder_end *one = sentence_side(s, left);

	for (unsigned int i = 0; one && i < one->rec.timeline_len; i++)
		if (one->rec.timeline[i].state == state)
			return &one->rec.timeline[i];
	return NULL;
}

/* How often a segment of a kind was sent by the left end, or by the right one as its own record says. */
static uint32_t times_sent(const struct sentences *s, bool left, enum conn_flags flags)
{
	const struct ladder_end *one = sentence_side(s, left);

	for (unsigned int i = 0; one && i < one->rec.segments_len; i++) {
		const struct conn_segment *seg = &one->rec.segments[i];
		if (seg->dir == CONN_OUT && seg->flags == flags)
			return seg->n;
	}
	return 0;
}

/* The beginning */

static void say_who(struct sentences *s)
{
	static const char *const joins[CONN_ROLE_MAX] = {
		[CONN_CLIENT] = " called ",
		[CONN_SERVER] = " was called by ",
		[CONN_SIMULTANEOUS] = " and, at the same time, ",
	};
	const struct conn_tuple *tuple = &s->rec->t;
	struct buf *b = sentence_begin(s);

	sentence_put_end(s, true);
	sentence_capital(s);
	if (tuple->id_known) {
		buf_str(b, " at ");
		put_endpoint(b, &tuple->id, true, '?');
	}
	buf_str(b, joins[tuple->role] ?: " and ");
	sentence_put_end(s, false);
	if (tuple->id_known) {
		buf_str(b, " at ");
		put_endpoint(b, &tuple->id, false, '?');
	}
	if (tuple->role == CONN_SIMULTANEOUS)
		buf_str(b, " opened this connection: their SYNs crossed");
	else if (!joins[tuple->role])
		buf_str(b, " were connected: the tool did not see who called");
	sentence_end(s);
}

static void say_begin(struct sentences *s)
{
	const struct conn_record *rec = s->rec;
	struct buf *b = sentence_begin(s);

	if (!rec->start_known) {
		buf_str(b, "The connection is older than the tool");
		if (rec->timeline_len) {
			buf_str(b, ", which found it in ");
			buf_str(b, conn_state_name(rec->timeline[0].state));
		}
		sentence_end(s);
		return;
	}
	buf_str(b, "It began at ");
	put_time(b, s->l->left->start_us * 1000);
	if (rec->handshake_known)
		put_text_duration(b, ", and the handshake took ", rec->handshake_us);
	sentence_end(s);
}

static void say_repeats(struct sentences *s)
{
	static const struct {
		enum conn_flags flags;
		const char *what;
	} rows[] = {
		{CONN_FLAGS_SYN, "SYN"},
		{CONN_FLAGS_SYN_ACK, "SYN,ACK"},
		{CONN_FLAGS_FIN_ACK, "FIN"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int left = 1; left >= 0; left--) {
			uint32_t n = times_sent(s, left, rows[i].flags);
			if (n < 2)
				continue;
			sentence_begin(s);
			sentence_put_end(s, left);
			sentence_capital(s);
			buf_str(&s->line.b, " sent its ");
			buf_str(&s->line.b, rows[i].what);
			put_text_uint(&s->line.b, " ", n);
			buf_str(&s->line.b, " times: the first, or its answer, was lost or late");
			sentence_end(s);
		}
	}
}

bool sentence_was_open(const struct sentences *s)
{
	return sentence_stay(s, true, WIRE_ESTABLISHED) || sentence_stay(s, true, WIRE_CLOSE_WAIT) ||
	       sentence_stay(s, true, WIRE_FIN_WAIT1) || sentence_stay(s, true, WIRE_FIN_WAIT2);
}

static void put_sent(struct buf *b, const char *who, uint64_t count, const char *what)
{
	buf_str(b, who);
	buf_str(b, " sent ");
	sentence_put_count(b, count, what);
}

/* bytes_sent has what was sent again, too. */
static bool sent_in_vain(const struct conn_record *rec)
{
	return rec->final && rec->stats_known && !rec->sent_unknown && rec->stats.bytes_sent && !rec->payload_acked;
}

/* Where a connection is cut off, what its peer had sent may be lost. */
static bool is_cut_off(const struct conn_record *rec)
{
	return rec->end == CONN_END_RST_SENT || rec->end == CONN_END_RST_RECEIVED || rec->end == CONN_END_TIMEOUT;
}

/* Also nothing that was lost, as far as the records show. */
static bool sent_nothing(const struct sentences *s)
{
	const struct conn_record *left = s->rec, *right = s->l->right ? &s->l->right->rec : NULL;

	if (!left->stats_known || left->sent_unknown || left->stats.bytes_sent)
		return false;
	return right ? right->stats_known && !right->sent_unknown && !right->stats.bytes_sent : !is_cut_off(left);
}

static void say_bytes(struct sentences *s)
{
	const struct conn_record *rec = s->rec;

	if (!rec->payload_acked && !rec->payload_received) {
		sentence(s, sent_nothing(s) ? "No payload went over it" : "No payload was acknowledged, in either direction");
		return;
	}
	buf_str(sentence_begin(s), "The ");
	put_sent(&s->line.b, ladder_end_word(s->l, true), rec->payload_acked, "byte");
	buf_str(&s->line.b, ", and the ");
	put_sent(&s->line.b, ladder_end_word(s->l, false), rec->payload_received, "byte");
	sentence_end(s);
}

static void say_payload(struct sentences *s)
{
	if (!sentence_was_open(s) || !s->rec->stats_known)
		return;
	say_bytes(s);
	for (int left = 1; left >= 0; left--) {
		const struct ladder_end *one = sentence_side(s, left);
		if (one && sent_in_vain(&one->rec))
			sentence_of(s, left, " sent payload, and none of it was acknowledged");
		if (!one || !one->rec.retransmits.data)
			continue;
		buf_str(sentence_begin(s), "The ");
		put_sent(&s->line.b, ladder_end_word(s->l, left), one->rec.retransmits.data, "segment");
		buf_str(&s->line.b, " with payload again");
		sentence_end(s);
	}
}

/* Around it */

static void put_word(struct buf *b, const char *word)
{
	if (!word)
		return;
	buf_str(b, b->p > b->start + strlen(MORE) ? ", " : "");
	buf_str(b, word);
}

static void say_more(struct sentences *s)
{
	const struct conn_record *rec = s->rec;
	unsigned int last = rec->timeline_len ? rec->timeline[rec->timeline_len - 1].state : WIRE_ESTABLISHED;
	bool left, alone = ladder_open_alone(s->l, &left);
	struct buf *b = sentence_begin(s);

	buf_str(b, MORE);
	if (rec->final || alone)
		put_word(b, conn_end_name(rec->final ? rec->end : s->l->right->rec.end));
	put_word(b, rec->close_kind == CONN_CLOSE_NONE ? NULL : conn_close_kind_name(rec->close_kind));
	put_word(b, sentence_stay(s, true, WIRE_CLOSE_WAIT) || sentence_stay(s, false, WIRE_CLOSE_WAIT) ? "close_wait" : NULL);
	put_word(b, rec->time_wait.entered ? "time_wait" : NULL);
	if (!rec->final && last != WIRE_CLOSE_WAIT && last != WIRE_TIME_WAIT)
		put_word(b, conn_state_name(last));
	wrap_put(&s->b, s->line.text, label_len(&s->line), ladder_width(s->l));
}

static void put_id(struct sentences *s)
{
	struct buf *b = sentence_begin(s);

	for (int left = 1; left >= 0; left--) {
		if (!sentence_side(s, left))
			continue;
		buf_str(b, left ? "" : "  ");
		buf_str(b, sentence_side(s, left)->boot);
		buf_char(b, '.');
		put_hex(b, sentence_side(s, left)->rec.t.cookie);
	}
	wrap_put(&s->b, s->line.text, label_len(&s->line), ladder_width(s->l));
}

size_t sentences_ladder(const struct ladder *ladder, char *buf, size_t size)
{
	struct sentences s = {.l = ladder, .rec = &ladder->left->rec};

	buf_init(&s.b, buf, size);
	put_id(&s);
	say_who(&s);
	say_begin(&s);
	say_repeats(&s);
	say_payload(&s);
	sentences_of_end(&s);
	if (!s.rec->complete && s.rec->start_known)
		sentence(&s,
			 s.rec->gaps
				 ? "The record is not complete: losses may have touched it, so something that it says may be "
				   "wrong, and something may be missing"
				 : "The record is not complete: something may be missing");
	say_more(&s);
	return (size_t)(s.b.p - s.b.start);
}
