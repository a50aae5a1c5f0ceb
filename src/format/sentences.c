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

struct buf *sentence_begin(struct sentences *t)
{
	label_init(&t->line);
	return &t->line.b;
}

void sentence_end(struct sentences *t)
{
	buf_char(&t->line.b, '.');
	wrap_put(&t->b, t->line.text, label_len(&t->line), ladder_width(t->l));
}

void sentence(struct sentences *t, const char *sentence)
{
	buf_str(sentence_begin(t), sentence);
	sentence_end(t);
}

/* "curl[4242]", or "the client". */
void sentence_put_end(struct sentences *t, bool left)
{
	const struct ladder_end *one = left ? t->l->left : t->l->right;

	buf_str(&t->line.b, "the ");
	buf_str(&t->line.b, ladder_end_word(t->l, left));
	if (!one || one->rec.t.from == CONN_FROM_NONE)
		return;
	buf_char(&t->line.b, ' ');
	put_process(&t->line.b, &one->rec.t, 4 * (WIRE_COMM_LEN - 1), t->l->ascii);
}

void sentence_capital(struct sentences *t)
{
	if (t->line.text[0] >= 'a' && t->line.text[0] <= 'z')
		t->line.text[0] = (char)(t->line.text[0] - 'a' + 'A');
}

void sentence_of(struct sentences *t, bool left, const char *what)
{
	sentence_begin(t);
	sentence_put_end(t, left);
	sentence_capital(t);
	buf_str(&t->line.b, what);
	sentence_end(t);
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

const struct ladder_end *sentence_side(const struct sentences *t, bool left)
{
	return left ? t->l->left : t->l->right;
}

/* The time that an end has spent in a state; NULL: not at all, or its record is missing. */
const struct conn_span *sentence_stay(const struct sentences *t, bool left, unsigned int state)
{
	const struct ladder_end *one = sentence_side(t, left);

	for (unsigned int i = 0; one && i < one->rec.timeline_len; i++)
		if (one->rec.timeline[i].state == state)
			return &one->rec.timeline[i];
	return NULL;
}

/* How often a segment of a kind was sent by the left end, or by the right one as its own record says. */
static uint32_t times_sent(const struct sentences *t, bool left, enum conn_flags flags)
{
	const struct ladder_end *one = sentence_side(t, left);

	for (unsigned int i = 0; one && i < one->rec.segments_len; i++) {
		const struct conn_segment *seg = &one->rec.segments[i];
		if (seg->dir == CONN_OUT && seg->flags == flags)
			return seg->n;
	}
	return 0;
}

/* The beginning */

static void say_who(struct sentences *t)
{
	const struct conn_tuple *tuple = &t->rec->t;
	struct buf *b = sentence_begin(t);

	sentence_put_end(t, true);
	sentence_capital(t);
	if (tuple->id_known) {
		buf_str(b, " at ");
		put_endpoint(b, &tuple->id, true, '?');
	}
	buf_str(b, tuple->role == CONN_SERVER         ? " was called by "
		   : tuple->role == CONN_SIMULTANEOUS ? " and, at the same time, "
						      : " called ");
	sentence_put_end(t, false);
	if (tuple->id_known) {
		buf_str(b, " at ");
		put_endpoint(b, &tuple->id, false, '?');
	}
	if (tuple->role == CONN_SIMULTANEOUS)
		buf_str(b, " opened this connection: their SYNs crossed");
	sentence_end(t);
}

static void say_begin(struct sentences *t)
{
	const struct conn_record *rec = t->rec;
	struct buf *b = sentence_begin(t);

	if (!rec->start_known) {
		buf_str(b, "The connection is older than the tool");
		if (rec->timeline_len) {
			buf_str(b, ", which found it in ");
			buf_str(b, conn_state_name(rec->timeline[0].state));
		}
		sentence_end(t);
		return;
	}
	buf_str(b, "It began at ");
	put_time(b, t->l->left->start_us * 1000);
	if (rec->handshake_known)
		put_text_duration(b, ", and the handshake took ", rec->handshake_us);
	sentence_end(t);
}

static void say_repeats(struct sentences *t)
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
			uint32_t n = times_sent(t, left, rows[i].flags);
			if (n < 2)
				continue;
			sentence_begin(t);
			sentence_put_end(t, left);
			sentence_capital(t);
			buf_str(&t->line.b, " sent its ");
			buf_str(&t->line.b, rows[i].what);
			put_text_uint(&t->line.b, " ", n);
			buf_str(&t->line.b, " times: the first, or its answer, was lost or late");
			sentence_end(t);
		}
	}
}

static bool was_open(const struct sentences *t)
{
	return sentence_stay(t, true, WIRE_ESTABLISHED) || sentence_stay(t, true, WIRE_CLOSE_WAIT) ||
	       sentence_stay(t, true, WIRE_FIN_WAIT1) || sentence_stay(t, true, WIRE_FIN_WAIT2);
}

static void put_sent(struct buf *b, const char *who, uint64_t count, const char *what)
{
	buf_str(b, who);
	buf_str(b, " sent ");
	sentence_put_count(b, count, what);
}

static void say_payload(struct sentences *t)
{
	const struct conn_record *rec = t->rec;

	if (!was_open(t) || !rec->stats_known)
		return;
	if (!rec->payload_acked && !rec->payload_received) {
		sentence(t, "No payload went over it");
		return;
	}
	buf_str(sentence_begin(t), "The ");
	put_sent(&t->line.b, ladder_end_word(t->l, true), rec->payload_acked, "byte");
	buf_str(&t->line.b, ", and the ");
	put_sent(&t->line.b, ladder_end_word(t->l, false), rec->payload_received, "byte");
	sentence_end(t);
	for (int left = 1; left >= 0; left--) {
		const struct ladder_end *one = sentence_side(t, left);
		if (!one || !one->rec.retransmits.data)
			continue;
		buf_str(sentence_begin(t), "The ");
		put_sent(&t->line.b, ladder_end_word(t->l, left), one->rec.retransmits.data, "segment");
		buf_str(&t->line.b, " with payload again");
		sentence_end(t);
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

static void say_more(struct sentences *t)
{
	const struct conn_record *rec = t->rec;
	struct buf *b = sentence_begin(t);

	buf_str(b, MORE);
	if (rec->final)
		put_word(b, conn_end_name(rec->end));
	put_word(b, rec->close_kind == CONN_CLOSE_NONE ? NULL : conn_close_kind_name(rec->close_kind));
	put_word(b, sentence_stay(t, true, WIRE_CLOSE_WAIT) || sentence_stay(t, false, WIRE_CLOSE_WAIT) ? "close_wait" : NULL);
	put_word(b, rec->time_wait.entered ? "time_wait" : NULL);
	if (!rec->final)
		put_word(b, "established");
	wrap_put(&t->b, t->line.text, label_len(&t->line), ladder_width(t->l));
}

static void put_id(struct sentences *t)
{
	struct buf *b = sentence_begin(t);

	for (int left = 1; left >= 0; left--) {
		if (!sentence_side(t, left))
			continue;
		buf_str(b, left ? "" : "  ");
		buf_str(b, sentence_side(t, left)->boot);
		buf_char(b, '.');
		put_hex(b, sentence_side(t, left)->rec.t.cookie);
	}
	wrap_put(&t->b, t->line.text, label_len(&t->line), ladder_width(t->l));
}

size_t sentences_ladder(const struct ladder *ladder, char *buf, size_t size)
{
	struct sentences t = {.l = ladder, .rec = &ladder->left->rec};

	buf_init(&t.b, buf, size);
	put_id(&t);
	say_who(&t);
	say_begin(&t);
	say_repeats(&t);
	say_payload(&t);
	sentences_of_end(&t);
	if (!t.rec->complete && t.rec->start_known)
		sentence(&t, "The record is not complete: something that it says may be wrong, and something may be missing");
	say_more(&t);
	return (size_t)(t.b.p - t.b.start);
}
