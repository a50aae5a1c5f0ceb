// SPDX-License-Identifier: GPL-2.0-only
/* How a connection ended, and what that means. */
#include <string.h>

#include "sentences_parts.h"

#define LONG_CLOSE_WAIT_US 10000000u /* most answers take less */

static void say_close_kind(struct sentences *s)
{
	static const char *const kinds[CONN_CLOSE_KIND_MAX] = {
		[CONN_CLOSE_FOUR_WAY] = "It was a four-way close: each FIN had an ACK of its own",
		[CONN_CLOSE_THREE_SEGMENT] = "It was a close in three segments: the second FIN acknowledged the first",
		[CONN_CLOSE_SIMULTANEOUS] = "It was a simultaneous close: the FINs crossed, so both ends keep TIME_WAIT",
		[CONN_CLOSE_HALF] = "It was a half-close: one end had closed, and the other still sent data",
	};

	if (kinds[s->rec->close_kind])
		sentence(s, kinds[s->rec->close_kind]);
}

/* What ended the stay of an end in CLOSE_WAIT. */
static const char *after_close_wait(const struct conn_record *rec, const struct conn_span *span)
{
	if (span + 1 < rec->timeline + rec->timeline_len)
		return " until it closed, too";
	switch (rec->end) {
	case CONN_END_RST_SENT:
		return " until it reset the connection";
	case CONN_END_RST_RECEIVED:
		return " until its peer reset the connection";
	case CONN_END_TIMEOUT:
		return " until the kernel gave up";
	default:
		return "";
	}
}

/* How long a program took to close after its peer. In a half-close it had still to send. Of one that has not, say_open() says
 * it. */
static void say_close_wait(struct sentences *s)
{
	for (int left = 1; left >= 0; left--) {
		const struct conn_span *span = sentence_stay(s, left, WIRE_CLOSE_WAIT);
		const struct conn_record *rec;

		if (!span || !span->us_known || !sentence_side(s, left)->rec.final)
			continue;
		rec = &sentence_side(s, left)->rec;
		sentence_begin(s);
		sentence_put_end(s, left);
		sentence_capital(s);
		put_text_duration(&s->line.b, " was in CLOSE_WAIT for ", span->us);
		buf_str(&s->line.b, after_close_wait(rec, span));
		buf_str(&s->line.b, span->us >= LONG_CLOSE_WAIT_US && rec->close_kind != CONN_CLOSE_HALF
					    ? ", which is long: its program kept the socket open"
					    : "");
		sentence_end(s);
	}
}

static void say_time_wait(struct sentences *s)
{
	static const char *const ends[WIRE_CAUSE_MAX] = {
		[WIRE_CAUSE_EXPIRED] = ", until 2 MSL were over",
		[WIRE_CAUSE_REUSED] = ", until a new connection between the same ports took its place",
		[WIRE_CAUSE_RESET] = ", until a reset of the peer ended it",
		[WIRE_CAUSE_RESET_SENT] = ", until this end sent a reset",
		[WIRE_CAUSE_KILLED] = ", until an administrator ended it",
		[WIRE_CAUSE_OVERFLOW] = ": the kernel had too many sockets in TIME_WAIT",
		[WIRE_CAUSE_NETNS_GONE] = ", until its network namespace was deleted",
	};

	for (int left = 1; left >= 0; left--) {
		const struct conn_time_wait *tw = sentence_side(s, left) ? &sentence_side(s, left)->rec.time_wait : NULL;

		if (!tw || !tw->entered || !tw->us_known)
			continue;
		buf_str(sentence_begin(s), "The ");
		buf_str(&s->line.b, ladder_end_word(s->l, left));
		put_text_duration(&s->line.b, " kept its end in TIME_WAIT for ", tw->us);
		buf_str(&s->line.b, ends[tw->end] ? ends[tw->end] : "");
		sentence_end(s);
		if (!tw->restarts)
			continue;
		put_text_uint(sentence_begin(s), "TIME_WAIT began again, times: ", tw->restarts);
		buf_str(&s->line.b, ": the last ACK was lost, and the peer repeated its FIN");
		sentence_end(s);
	}
}

static void say_first(struct sentences *s)
{
	if (s->rec->closed_by == CONN_LOCAL || s->rec->closed_by == CONN_PEER)
		sentence_of(s, s->rec->closed_by == CONN_LOCAL, " closed first, by a FIN");
}

static void say_fin(struct sentences *s)
{
	say_first(s);
	say_close_kind(s);
	say_close_wait(s);
	say_time_wait(s);
}

static void say_reason(struct sentences *s, const struct ladder_end *one)
{
	if (!one->reset_reason[0])
		return;
	buf_str(sentence_begin(s), "The kernel's reason is ");
	put_safe(&s->line.b, one->reset_reason, strlen(one->reset_reason), LADDER_REASON_MAX, true);
	sentence_end(s);
}

/* Who sent a reset, in which state the other record stops, and why. */
static void say_reset(struct sentences *s, bool by_left)
{
	const struct ladder_end *sender = sentence_side(s, by_left), *known = sender ? sender : sentence_side(s, !by_left);
	const struct conn_record *rec = &known->rec;

	sentence_begin(s);
	sentence_put_end(s, by_left);
	sentence_capital(s);
	buf_str(&s->line.b, " reset the connection");
	if (rec->timeline_len) {
		buf_str(&s->line.b, ", when the ");
		buf_str(&s->line.b, ladder_end_word(s->l, known == s->l->left));
		buf_str(&s->line.b, " was in ");
		buf_str(&s->line.b, conn_state_name(rec->timeline[rec->timeline_len - 1].state));
	}
	sentence_end(s);
	if (sender && rec->unread_known && rec->unread_bytes) {
		sentence_begin(s);
		buf_str(&s->line.b, "It had not read ");
		sentence_put_count(&s->line.b, rec->unread_bytes, "byte");
		buf_str(&s->line.b, ", and close() then sends a reset");
		sentence_end(s);
	}
	say_reason(s, known);
	say_close_wait(s);
}

/* The peer of one in FIN_WAIT2 has answered all. */
static const char *what_was_missing(unsigned int last)
{
	if (last == WIRE_SYN_SENT)
		return " never answered the SYN: the host is away, or a firewall drops it";
	return last == WIRE_FIN_WAIT2 ? " acknowledged that and did not close in time, so the kernel gave up"
				      : " did not answer any more, so the kernel gave up";
}

static void say_timeout(struct sentences *s)
{
	const struct conn_record *rec = s->rec;
	unsigned int last = rec->timeline_len ? rec->timeline[rec->timeline_len - 1].state : 0;

	if (last && last != WIRE_SYN_SENT && last != WIRE_SYN_RECV && last != WIRE_ESTABLISHED)
		say_first(s);
	sentence_begin(s);
	sentence_put_end(s, false);
	sentence_capital(s);
	buf_str(&s->line.b, what_was_missing(last));
	sentence_end(s);
	if (last && last != WIRE_SYN_SENT) {
		buf_str(sentence_begin(s), "The ");
		buf_str(&s->line.b, ladder_end_word(s->l, true));
		buf_str(&s->line.b, " was in ");
		buf_str(&s->line.b, conn_state_name(last));
		sentence_end(s);
	}
	say_close_wait(s);
	say_reason(s, s->l->left);
}

static void say_aborted(struct sentences *s)
{
	if (sentence_was_open(s)) {
		sentence(s, "An administrator ended it (ss -K), or its program gave it up without close()");
		say_reason(s, s->l->left);
		return;
	}
	sentence(s, "An administrator ended it (ss -K), or the program gave up before the handshake was done");
}

/* Or it was, when the tool ended. */
static void say_open(struct sentences *s, bool left)
{
	const struct ladder_end *end = sentence_side(s, left);
	const struct conn_record *rec = &end->rec;
	const struct conn_span *last = rec->timeline_len ? &rec->timeline[rec->timeline_len - 1] : NULL;
	bool stopped = rec->end == CONN_END_DAEMON_STOP;

	buf_str(sentence_begin(s), stopped ? "It was open when the tool ended" : "It is still open");
	if (!last) {
		sentence_end(s);
		return;
	}
	buf_str(&s->line.b, ": the ");
	buf_str(&s->line.b, ladder_end_word(s->l, left));
	buf_str(&s->line.b, stopped ? " was in " : " is in ");
	buf_str(&s->line.b, conn_state_name(last->state));
	if (end->age_us)
		put_text_duration(&s->line.b, end->age_is_lower_bound ? " for more than " : " for ", end->age_us);
	else if (last->us_known)
		put_text_duration(&s->line.b, " for ", last->us);
	sentence_end(s);
	if (last->state == WIRE_CLOSE_WAIT)
		sentence(s, "Its peer has closed, and its program has not: `tcplife-fsm leaks` says why");
}

/* Over, while the left one is open. */
static void say_right_end(struct sentences *s)
{
	buf_str(sentence_begin(s), "The end of the ");
	buf_str(&s->line.b, ladder_end_word(s->l, false));
	buf_str(&s->line.b, " is over: ");
	buf_str(&s->line.b, conn_end_name(s->l->right->rec.end));
	sentence_end(s);
}

void sentences_of_end(struct sentences *s)
{
	static const char *const ends[CONN_END_MAX] = {
		[CONN_END_UNKNOWN] = "Nothing shows how it ended",
		[CONN_END_REFUSED] = "It was refused: nobody listens at that port, or a firewall rejects",
		[CONN_END_UNREACHABLE] = "An ICMP message said that the peer cannot be reached",
		[CONN_END_NETNS_GONE] = "Its network namespace was deleted",
		[CONN_END_NO_PORT] = "No SYN left: there was no free local port for this peer",
	};
	enum conn_end how = s->rec->end;
	bool left, alone = ladder_open_alone(s->l, &left);

	if (alone && left) {
		say_first(s);
		say_close_wait(s);
		say_right_end(s);
	}
	if (!s->rec->final || how == CONN_END_DAEMON_STOP)
		say_open(s, true);
	else if (how == CONN_END_FIN)
		say_fin(s);
	else if (how == CONN_END_RST_SENT || how == CONN_END_RST_RECEIVED)
		say_reset(s, how == CONN_END_RST_SENT);
	else if (how == CONN_END_TIMEOUT)
		say_timeout(s);
	else if (how == CONN_END_ABORTED)
		say_aborted(s);
	else
		sentence(s, ends[how]);
	if (alone && !left)
		say_open(s, false);
	if (alone || !s->rec->final || !s->rec->duration_known)
		return;
	put_text_duration(sentence_begin(s), "It lived for ", (s->rec->end_ns - s->rec->start_ns) / 1000);
	sentence_end(s);
}
