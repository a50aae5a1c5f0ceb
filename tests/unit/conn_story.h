/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Stories for the connection table: a list of events as a kernel sends them, and the records that the table makes of them, as
 * text.
 *
 * A step names the transition and how much payload has gone each way by then; the sequence numbers, counters and parts follow
 * from that as the kernel fills them. Times are microseconds after STORY_BEGIN_NS. Our ISN is ISN_LOCAL, the peer's ISN_PEER.
 */
#ifndef CONN_STORY_H
#define CONN_STORY_H

#include "src/core/conn.h"
#include "src/core/wire_read.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include <cmocka.h>

#define STORY_BEGIN_NS 1000000000ULL
#define STORY_STEPS 40
#define STORY_NETNS 77
#define ISN_LOCAL 0xfffffff0u /* so that every longer story crosses the end of the sequence space */
#define ISN_PEER 0x7ffffff8u
#define PEER_ABORTED ECONNABORTED
#define STORY_OTHER_PARTS (WIRE_PART_TASK | WIRE_PART_IDENT | WIRE_PART_STATS)

struct step {
	uint64_t us;
	uint64_t cookie; /* 0: 1 */
	uint8_t kind;
	uint8_t old, new;
	uint16_t err;
	uint8_t flags; /* beyond SOCK_DONE, which follows from the states */
	bool not_done; /* but it does not here */
	uint8_t shut;
	uint32_t out, in;            /* payload so far: queued by us, received from the peer */
	uint8_t turns_out, turns_in; /* and so many times 4 GiB */
	uint32_t unsent, unread;     /* of that, FINs included */
	uint32_t segs_out, segs_in;  /* 0 all the way is as if nothing but FINs was exchanged */
	bool err_is_old;             /* err did not end it */
	bool unacked;                /* our FIN, where the state does not show it */
	uint32_t tgid;               /* of the task; 0: nobody */
	const char *comm;            /* "a" by default */
	uint32_t rtt_us, retrans;    /* the ident's */
	bool no_syn;                 /* segs_out is 0 */
	uint8_t id_flags;            /* enum wire_ident_flags */
	uint16_t local_port;         /* 0: 40000 for a client's story, 80 after SYN_RECV */
	bool no_port;                /* it is 0 */
	const char *local;           /* IPv4 of the local side, 10.0.0.1 */
	uint32_t segment, trigger;   /* retransmit */
	uint8_t direction;           /* reset */
	uint32_t reason;
	bool still;               /* scan: the numbers held still while they were read */
	bool opener;              /* of one that no step shows in SYN_SENT: we opened it */
	bool held;                /* in SYN_RECV: a process has the socket */
	uint64_t value, until_us; /* mark, lost */
	uint8_t stage;
	uint8_t what, cause; /* minisocket */
	int64_t remaining_us;
	uint16_t entered_ms, expires;
	uint32_t fin; /* 1: the peer's FIN is in rcv_nxt */
	/* What is proven, else a segment leaves as it is queued, all that arrives does so in order, and nothing waits. */
	bool no_proof;     /* an older version's event */
	uint64_t sent_us;  /* when the last segment left; 0: as the state began in which one leaves */
	uint32_t wl1;      /* beyond rcv_nxt, of the segment that moved snd_una */
	uint32_t fin_old;  /* how much less than snd_una the peer's FIN acknowledges */
	uint32_t data_out; /* segments with payload that left */
	uint32_t data_in;
	uint16_t lacks; /* enum wire_proof_flags that are set by default, and not here */
	uint16_t has;   /* and the other way round */
	uint16_t err_soft, err_icmp;
	bool uncounted; /* a retransmission that failed before the kernel counted it */
	uint16_t segs;  /* retransmit: how many segments; 0: 1, UINT16_MAX: not known */
	uint8_t form;   /* reset; its number is that of `number` */
	uint32_t number;
	uint32_t unseen; /* segments that were repeated since the last event, of which none came */
};

/* A transition. */
#define T(us_, old_, new_, ...)                                                                                                \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_STATE, .old = WIRE_##old_, .new = WIRE_##new_, ##__VA_ARGS__                           \
	}
#define RETRANSMIT(us_, state_, segment_, ...)                                                                                 \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_RETRANSMIT, .old = WIRE_##state_, .segment = WIRE_SEG_##segment_, ##__VA_ARGS__        \
	}
#define FAILED(us_, state_, segment_, ...)                                                                                     \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_RETRANSMIT_FAILED, .old = WIRE_##state_, .segment = WIRE_SEG_##segment_, ##__VA_ARGS__ \
	}
#define RESET(us_, state_, direction_, ...)                                                                                    \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_RESET, .old = WIRE_##state_, .direction = WIRE_##direction_, ##__VA_ARGS__             \
	}
#define TOUCH(us_, tgid_, ...)                                                                                                 \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_TOUCH, .old = WIRE_ESTABLISHED, .tgid = tgid_, ##__VA_ARGS__                           \
	}
#define EXIT(us_, tgid_)                                                                                                       \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_EXIT, .tgid = tgid_                                                                    \
	}
#define DESTROY(us_, ...)                                                                                                      \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_DESTROY, .old = WIRE_CLOSE, ##__VA_ARGS__                                              \
	}
#define SCAN(us_, state_, ...)                                                                                                 \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_SCAN, .old = WIRE_##state_, ##__VA_ARGS__                                              \
	}
#define SCAN_BEGIN(us_, cause_)                                                                                                \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_SCAN_BEGIN, .value = WIRE_SCAN_##cause_                                                \
	}
#define SCAN_END(us_)                                                                                                          \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_SCAN_END, .value = 1                                                                   \
	}
#define SCAN_FAILED(us_)                                                                                                       \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_SCAN_END, .value = 1, .new = 1                                                         \
	}
#define LOST(us_, stage_, count_, ...)                                                                                         \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_LOST, .stage = WIRE_LOST_##stage_, .value = count_, ##__VA_ARGS__                      \
	}
/* `state` is what it stands for. The counts of payload are those of the ->CLOSE. */
#define MINI(us_, what_, state_, remaining_us_, ...)                                                                           \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_MINISOCK, .old = WIRE_TIME_WAIT, .new = WIRE_##state_, .what = WIRE_MINI_##what_,      \
		.remaining_us = remaining_us_, .fin = WIRE_##state_ == WIRE_TIME_WAIT, ##__VA_ARGS__                           \
	}
#define TIER(tier_)                                                                                                            \
	{                                                                                                                      \
		.kind = WIRE_TW_TIER, .value = WIRE_TIER_##tier_                                                               \
	}
#define TICK(us_)                                                                                                              \
	{                                                                                                                      \
		.us = us_, .kind = WIRE_TICK                                                                                   \
	}

/* What a close() in time leaves: nobody holds the socket any more. */
#define DEAD .flags = WIRE_SK_DEAD

/* The steps that many stories share. CLOSES is our close(), whose FIN is acknowledged at 5100. */
#define CONNECTS(us_) T(us_, CLOSE, SYN_SENT, .tgid = 10), T((us_) + 100, SYN_SENT, ESTABLISHED)
#define ACCEPTS(us_) T(us_, SYN_RECV, ESTABLISHED, .rtt_us = 150, QUEUED)
#define QUEUED .flags = WIRE_SK_ORPHAN /* in the accept queue */
#define CLOSES CONNECTS(0), T(5000, ESTABLISHED, FIN_WAIT1, .tgid = 10, .shut = 3, DEAD), T(5100, FIN_WAIT1, FIN_WAIT2, DEAD)
#define IS_RESET(us_, ...) T(us_, ESTABLISHED, CLOSE, .err = ECONNRESET, ##__VA_ARGS__)

/* The segments that follow from CONNECTS(0), from ACCEPTS and from CLOSES. */
#define CONNECTED                                                                                                              \
	"isn local peer\n"                                                                                                     \
	"> SYN 0 - @0 numbers\n"                                                                                               \
	"< SYN,ACK 0 1 @100 numbers\n"                                                                                         \
	"> ACK 1 1 @100 inferred\n"
#define ACCEPTED                                                                                                               \
	"isn local peer\n"                                                                                                     \
	"< SYN 0 - @0 numbers\n"                                                                                               \
	"> SYN,ACK 0 1 @0 numbers\n"                                                                                           \
	"< ACK 1 1 @150 numbers\n"
#define CLOSED                                                                                                                 \
	CONNECTED "> FIN,ACK 1 1 @5000 numbers\n"                                                                              \
		  "< ACK 1 2 @5100 numbers\n"

static inline bool story_fin_queued(const struct step *s)
{
	return s->old == WIRE_FIN_WAIT1 || s->old == WIRE_FIN_WAIT2 || s->old == WIRE_CLOSING || s->old == WIRE_LAST_ACK;
}

static inline bool story_fin_acked(const struct step *s)
{
	if (s->unacked)
		return false;
	return s->new == WIRE_FIN_WAIT2 || s->old == WIRE_FIN_WAIT2 ||
	       (s->new == WIRE_CLOSE && (!s->err || s->err_is_old) && (s->old == WIRE_LAST_ACK || s->old == WIRE_CLOSING));
}

static inline bool story_peer_fin(const struct step *s)
{
	if (s->not_done)
		return false;
	return s->new == WIRE_CLOSE_WAIT || s->new == WIRE_CLOSING || s->old == WIRE_CLOSE_WAIT || s->old == WIRE_CLOSING ||
	       s->old == WIRE_LAST_ACK || (s->old == WIRE_FIN_WAIT2 && s->new == WIRE_CLOSE && (!s->err || s->err_is_old));
}

/* How often a socket has sent its FIN, by cookie; `segs_out` does not count it. */
static uint32_t story_fins[64];
/* And what else, which only grows. */
static uint32_t story_segs[64];

static inline void story_numbers(const struct step *s, struct wire_state *w)
{
	uint32_t *segs = &story_segs[w->hdr.cookie % 64];
	bool queued = story_fin_queued(s), acked = story_fin_acked(s), peer_fin = story_peer_fin(s);

	w->write_seq = ISN_LOCAL + 1 + s->out + queued;
	w->snd_nxt = w->write_seq - s->unsent;
	w->snd_una = acked ? w->write_seq : w->write_seq - queued - s->unsent;
	if (s->unsent && queued)
		w->snd_una = w->snd_nxt;
	if (s->old == WIRE_SYN_SENT && s->new != WIRE_ESTABLISHED)
		w->snd_una--; /* our SYN is not acknowledged */
	w->rcv_nxt = ISN_PEER + 1 + s->in + peer_fin;
	w->copied_seq = w->rcv_nxt - s->unread;
	if (s->segs_out > *segs)
		*segs = s->segs_out;
	if (s->kind == WIRE_STATE && s->new == WIRE_CLOSING) /* tcp_fin() has just sent the ACK of the peer's */
		++*segs;
	w->segs_out = *segs + !s->no_syn + story_fins[w->hdr.cookie % 64];
	w->segs_in = s->segs_in + (s->new != WIRE_ESTABLISHED); /* the handshake's last segment is not the FIN's */
	w->err = s->err;
}

static inline uint8_t story_parts(const struct step *s)
{
	bool handshake = s->old == WIRE_SYN_SENT || s->old == WIRE_SYN_RECV;

	if (s->kind == WIRE_SCAN)
		return STORY_OTHER_PARTS;
	if (s->kind == WIRE_TOUCH)
		return WIRE_PART_TASK;
	if (s->kind == WIRE_RETRANSMIT || s->kind == WIRE_RETRANSMIT_FAILED)
		return s->segment == WIRE_SEG_SYN ? WIRE_PART_IDENT : 0;
	if (s->kind == WIRE_RESET)
		return s->old == WIRE_SYN_SENT ? WIRE_PART_IDENT : 0;
	if (s->kind == WIRE_MINISOCK)
		return s->what == WIRE_MINI_FOUND ? WIRE_PART_IDENT : 0;
	if (s->kind != WIRE_STATE)
		return 0;
	if (s->new == WIRE_LISTEN)
		return STORY_OTHER_PARTS;
	if (s->new == WIRE_CLOSE)
		return WIRE_PART_STATS | (handshake ? WIRE_PART_IDENT | WIRE_PART_TASK : 0) | (s->tgid ? WIRE_PART_TASK : 0);
	if (s->old == WIRE_SYN_RECV && (s->new == WIRE_FIN_WAIT1 || s->new == WIRE_LAST_ACK))
		return STORY_OTHER_PARTS;
	if (s->new == WIRE_SYN_SENT || s->new == WIRE_FIN_WAIT1 || s->new == WIRE_LAST_ACK)
		return WIRE_PART_TASK;
	return handshake ? WIRE_PART_IDENT : 0;
}

static inline void story_task(const struct step *s, struct wire_task *task)
{
	task->tgid = s->tgid;
	task->uid = 1000;
	task->start_ns = s->tgid * 1000ULL;
	snprintf(task->comm, sizeof(task->comm), "%s", s->comm ? s->comm : "a");
}

static inline void story_address(const char *text, uint8_t addr[16])
{
	unsigned int a, b, c, d;

	memset(addr, 0, 16);
	if (!strcmp(text, "::"))
		return;
	assert_int_equal(sscanf(text, "%u.%u.%u.%u", &a, &b, &c, &d), 4);
	memcpy(addr + 10, (uint8_t[]){0xff, 0xff, a, b, c, d}, 6);
}

static inline void story_ident(const struct step *s, bool server, struct wire_ident *id)
{
	story_address(s->local ? s->local : "10.0.0.1", id->local_addr);
	story_address("10.0.0.2", id->peer_addr);
	id->netns = STORY_NETNS;
	id->local_port = s->no_port ? 0 : s->local_port ? s->local_port : server ? 80 : 40000;
	id->peer_port = server ? 40000 : 80;
	id->family = AF_INET;
	id->flags = s->id_flags;
	id->syn_rtt_us = s->rtt_us;
	id->syn_retrans = s->retrans;
}

/* How many segments a socket has tried to repeat, by cookie. */
static uint32_t story_repeats[64];

static inline void story_count(const struct step *s, uint64_t cookie)
{
	if (s->new == WIRE_SYN_SENT)
		story_repeats[cookie % 64] = 0;
	if (s->kind == WIRE_STATE && s->old == WIRE_SYN_RECV && !(s->id_flags & WIRE_ID_FASTOPEN))
		story_repeats[cookie % 64] = s->retrans;
	if ((s->kind == WIRE_RETRANSMIT || s->kind == WIRE_RETRANSMIT_FAILED) && !s->uncounted)
		story_repeats[cookie % 64] += s->unseen + (s->segs == UINT16_MAX ? 1 : s->segs ? s->segs : 1);
}

static inline void story_stats(const struct step *s, bool active, struct wire_stats *st)
{
	st->bytes_sent = s->out - s->unsent;
	st->bytes_acked = s->out - s->unsent + story_fin_acked(s);
	if (active && s->old != WIRE_SYN_SENT && !(s->flags & WIRE_SK_REPAIR))
		st->bytes_acked++; /* the SYN */
	st->bytes_received = s->in + story_peer_fin(s);
	st->segs_out = s->segs_out + !s->no_syn;
	st->total_retrans = story_repeats[(s->cookie ? s->cookie : 1) % 64] + s->unseen;
	st->bytes_sent += (uint64_t)s->turns_out << 32;
	st->bytes_acked += (uint64_t)s->turns_out << 32;
	st->bytes_received += (uint64_t)s->turns_in << 32;
	st->mss = 1448;
	st->min_rtt_us = UINT32_MAX;
}

union story_event {
	struct wire_hdr hdr;
	struct wire_state state;
	struct wire_scan scan;
	struct wire_retransmit retransmit;
	struct wire_reset reset;
	struct wire_minisock minisock;
	struct wire_mark mark;
	struct wire_lost lost;
	struct wire_tick tick;
	struct wire_exit exit;
	uint8_t bytes[512];
};

static inline void story_base(const struct step *s, union story_event *e)
{
	switch (s->kind) {
	case WIRE_SCAN:
		e->scan.torn = !s->still;
		/* fallthrough */
	case WIRE_STATE:
		story_numbers(s, &e->state);
		break;
	case WIRE_RETRANSMIT:
	case WIRE_RETRANSMIT_FAILED:
		e->retransmit.segs = s->segs == UINT16_MAX ? 0 : s->segs ? s->segs : 1;
		e->retransmit.total = story_repeats[e->hdr.cookie % 64];
		e->retransmit.segment = s->segment;
		e->retransmit.trigger = s->trigger;
		e->retransmit.seq = ISN_LOCAL;
		e->retransmit.end_seq = ISN_LOCAL + 1 + s->out;
		break;
	case WIRE_RESET:
		e->reset.direction = s->direction;
		e->reset.reason = s->reason;
		e->reset.form = s->form;
		break;
	case WIRE_EXIT:
		e->exit.tgid = s->tgid;
		e->exit.start_ns = s->tgid * 1000ULL;
		break;
	case WIRE_LOST:
		e->lost.stage = s->stage;
		e->lost.count = s->value;
		e->lost.until_ns = STORY_BEGIN_NS + s->until_us * 1000;
		break;
	case WIRE_MINISOCK:
		e->minisock.what = s->what;
		e->minisock.cause = s->cause;
		e->minisock.remaining_ns = s->remaining_us * 1000;
		e->minisock.snd_nxt = ISN_LOCAL + 2 + s->out;
		e->minisock.rcv_nxt = ISN_PEER + 1 + s->in + s->fin;
		e->minisock.local_port = s->local_port;
		e->minisock.entered_ms = s->entered_ms;
		e->minisock.expires = s->expires;
		break;
	case WIRE_TW_TIER:
	case WIRE_SCAN_BEGIN:
	case WIRE_SCAN_END:
		e->mark.hdr.new_state = s->new;
		e->mark.value = s->value;
		break;
	}
}

/* Whether the socket of a step is a client's is remembered by cookie, for its ports and its count of the SYN. */
static bool story_active[64];
/* And when its last segment left, ns. */
static uint64_t story_sent[64];

/* Before another story. */
static inline void story_forget(void)
{
	memset(story_active, 0, sizeof(story_active));
	memset(story_sent, 0, sizeof(story_sent));
	memset(story_repeats, 0, sizeof(story_repeats));
	memset(story_fins, 0, sizeof(story_fins));
	memset(story_segs, 0, sizeof(story_segs));
}

/* A segment leaves in these states at once: a SYN, a FIN, the ACK of a FIN. */
static inline bool story_sends(const struct step *s)
{
	return s->new == WIRE_SYN_SENT || s->new == WIRE_FIN_WAIT1 || s->new == WIRE_LAST_ACK || s->new == WIRE_CLOSE_WAIT;
}

static inline void story_proof(const struct step *s, const struct wire_state *w, bool active, struct wire_proof *p)
{
	struct wire_stats stats = {0};
	bool fin = s->new == WIRE_CLOSE_WAIT || s->new == WIRE_CLOSING || (s->old == WIRE_FIN_WAIT2 && story_peer_fin(s));

	story_stats(s, active, &stats);
	p->sent_ns = s->sent_us ? STORY_BEGIN_NS + s->sent_us * 1000 : story_sent[w->hdr.cookie % 64];
	p->snd_wl1 = w->rcv_nxt + s->wl1;
	p->rcv_wup = w->rcv_nxt;
	p->fin_ack = fin ? w->snd_una - s->fin_old : 0;
	p->bytes_acked = stats.bytes_acked + (active && s->old == WIRE_SYN_SENT && s->new == WIRE_ESTABLISHED);
	p->bytes_received = stats.bytes_received;
	p->data_segs_out = s->data_out;
	p->data_segs_in = s->data_in;
	p->err_soft = s->err_soft;
	p->err_icmp = s->err_icmp;
	p->flags = WIRE_PROOF_ROOM | (fin ? WIRE_PROOF_FIN | WIRE_PROOF_IN_ORDER : 0);
	p->flags = (p->flags & ~s->lacks) | s->has;
	if (story_sends(s))
		story_sent[w->hdr.cookie % 64] = w->hdr.ts;
}

static inline void story_event(const struct step *s, union story_event *e)
{
	bool done = story_peer_fin(s);
	size_t offset = wire_base_size(s->kind);
	struct wire_hdr *h = &e->hdr;

	memset(e, 0, sizeof(*e));
	h->ts = STORY_BEGIN_NS + s->us * 1000;
	h->kind = s->kind;
	if (wire_from_kernel(s->kind)) {
		h->cookie = s->cookie ? s->cookie : 1;
		h->old_state = s->old;
		h->new_state = s->kind == WIRE_STATE || s->kind == WIRE_MINISOCK ? s->new : s->old;
		h->sk_flags = s->flags | (done ? WIRE_SK_DONE : 0);
		h->shutdown = s->shut;
		h->parts = story_parts(s);
		story_count(s, h->cookie);
		if (s->kind == WIRE_SCAN ? s->still : s->opener)
			story_active[h->cookie % 64] = s->opener;
		if (s->new == WIRE_SYN_SENT || s->old == WIRE_SYN_SENT)
			story_active[h->cookie % 64] = true;
		if (s->old == WIRE_SYN_RECV && !s->held && !story_active[h->cookie % 64])
			h->sk_flags |= WIRE_SK_ORPHAN;
	}
	story_base(s, e);
	if (h->parts & WIRE_PART_TASK) {
		story_task(s, (void *)(e->bytes + offset));
		offset += sizeof(struct wire_task);
	}
	if (h->parts & WIRE_PART_IDENT) {
		story_ident(s, !story_active[h->cookie % 64], (void *)(e->bytes + offset));
		offset += sizeof(struct wire_ident);
	}
	if (h->parts & WIRE_PART_STATS) {
		story_stats(s, story_active[h->cookie % 64], (void *)(e->bytes + offset));
		offset += sizeof(struct wire_stats);
	}
	if (s->kind == WIRE_STATE && !s->no_proof) {
		h->parts |= WIRE_PART_PROOF;
		story_proof(s, &e->state, story_active[h->cookie % 64], (void *)(e->bytes + offset));
		offset += sizeof(struct wire_proof);
	}
	if (s->kind == WIRE_STATE && (s->new == WIRE_FIN_WAIT1 || s->new == WIRE_LAST_ACK))
		story_fins[h->cookie % 64] = 1;
	if (s->kind == WIRE_RETRANSMIT && s->segment == WIRE_SEG_FIN)
		story_fins[h->cookie % 64]++;
	if (s->new == WIRE_SYN_SENT)
		story_fins[h->cookie % 64] = story_segs[h->cookie % 64] = 0;
	if (s->kind == WIRE_RESET && s->form) {
		*(struct wire_reset_number *)(e->bytes + offset) = (struct wire_reset_number){s->number, 0};
		offset += sizeof(struct wire_reset_number);
	}
	h->len = offset;
}

/* What the table said, one line a record; or its segments, one line each. */
struct transcript {
	bool segments;
	uint64_t said[64]; /* when the last state, reset or retransmission was, by cookie: they come in order */
	char text[16384];
	size_t len;
};

__attribute__((format(printf, 2, 3))) static inline void say(struct transcript *to, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(to->text + to->len, sizeof(to->text) - to->len, format, args);
	va_end(args);
	assert_in_range(n, 0, sizeof(to->text) - to->len - 1);
	to->len += n;
}

static inline const char *or_dash(const char *name)
{
	return name ? name : "-";
}

static inline void say_span(struct transcript *to, const struct conn_span *span)
{
	say(to, " %s@%llu", conn_state_name(span->state), (unsigned long long)span->at_us);
	if (span->us_known)
		say(to, "+%llu", (unsigned long long)span->us);
	if (span->by)
		say(to, "/%s", conn_by_name(span->by));
	if (span->ev != CONN_EV_EVENT)
		say(to, "/%s", conn_ev_name(span->ev));
}

/* "tw=60000000,fin_wait2=5000,restarts=1,expired/inferred"; restarts=- if not known, nothing if there were none */
static inline void say_time_wait(struct transcript *to, const struct conn_time_wait *tw)
{
	say(to, " tw=");
	if (tw->us_known)
		say(to, "%llu", (unsigned long long)tw->us);
	else
		say(to, "-");
	if (tw->fin_wait2 && tw->fin_wait2_us_known)
		say(to, ",fin_wait2=%llu", (unsigned long long)tw->fin_wait2_us);
	else if (tw->fin_wait2)
		say(to, ",fin_wait2=-");
	if (tw->restarts)
		say(to, ",restarts=%u", tw->restarts);
	else if (tw->restarts_unknown)
		say(to, ",restarts=-");
	say(to, ",%s", or_dash(conn_tw_end_name(tw->end)));
	if (tw->ev != CONN_EV_EVENT)
		say(to, "/%s", conn_ev_name(tw->ev));
}

static inline void say_again(struct transcript *to, const struct conn_retransmits *again)
{
	say(to, " again=%llu,%llu,%llu,%llu", (unsigned long long)again->syn, (unsigned long long)again->synack,
	    (unsigned long long)again->data, (unsigned long long)again->fin);
}

/* "1 client fin local four_way SF ShFf | spans | what is not zero" */
static inline void say_conn(struct transcript *to, const struct conn_record *rec)
{
	const struct conn_retransmits *again = &rec->retransmits;

	say(to, "%llu", (unsigned long long)rec->t.cookie);
	if (rec->t.generation)
		say(to, ".%u", rec->t.generation);
	say(to, " %s %s %s %s %s %s |", or_dash(conn_role_name(rec->t.role)), conn_end_name(rec->end),
	    or_dash(conn_side_name(rec->closed_by)), or_dash(conn_close_kind_name(rec->close_kind)), rec->conn_state,
	    rec->history[0] ? rec->history : "-");
	for (unsigned int i = 0; i < rec->timeline_len; i++)
		say_span(to, &rec->timeline[i]);
	say(to, " |");
	if (!rec->complete)
		say(to, " incomplete");
	if (!rec->start_known)
		say(to, " older");
	if (rec->gaps)
		say(to, " gaps=%u", rec->gaps);
	if (rec->handshake_known)
		say(to, " handshake=%llu", (unsigned long long)rec->handshake_us);
	if (rec->t.from)
		say(to, " %.16s:%u/%s", rec->t.task.comm, rec->t.task.tgid, conn_from_name(rec->t.from));
	if (rec->stats_known && (rec->payload_acked || rec->payload_received))
		say(to, " acked=%llu received=%llu", (unsigned long long)rec->payload_acked,
		    (unsigned long long)rec->payload_received);
	if (rec->unread_bytes || rec->unsent_bytes)
		say(to, " unread=%u unsent=%u", rec->unread_bytes, rec->unsent_bytes);
	if (again->syn || again->synack || again->data || again->fin)
		say_again(to, again);
	if (rec->resets.sent || rec->resets.received)
		say(to, " rst=%u,%u", rec->resets.sent, rec->resets.received);
	if (rec->time_wait.entered)
		say_time_wait(to, &rec->time_wait);
	say(to, "\n");
}

/* "> SYN 0 - @0 x3 numbers": direction, flags, seq, ack, time, how often, evidence. */
static inline void say_segments(struct transcript *to, const struct conn_record *rec)
{
	say(to, "isn%s%s\n", rec->isn_local_known ? " local" : "", rec->isn_peer_known ? " peer" : "");
	if (rec->isn_local_known)
		assert_int_equal(rec->isn_local, ISN_LOCAL);
	if (rec->isn_peer_known)
		assert_int_equal(rec->isn_peer, ISN_PEER);
	for (unsigned int i = 0; i < rec->segments_len; i++) {
		const struct conn_segment *seg = &rec->segments[i];

		say(to, "%s %s", seg->dir == CONN_OUT ? ">" : "<", conn_flags_name(seg->flags));
		say(to, seg->seq_known ? " %llu" : " -", (unsigned long long)seg->seq);
		say(to, seg->ack_known ? " %llu" : " -", (unsigned long long)seg->ack);
		say(to, seg->at_known ? " @%llu" : " @-", (unsigned long long)seg->at_us);
		if (seg->n != 1)
			say(to, " x%u", seg->n);
		say(to, " %s\n", conn_proof_name(seg->proof));
	}
}

static inline void say_state(struct transcript *to, const struct record *r)
{
	const struct conn_state_record *s = r->state;

	say(to, "state %s>%s by %s %s at %llu port %u", conn_state_name(s->old_state), conn_state_name(s->new_state),
	    or_dash(conn_by_name(s->by)), conn_ev_name(s->ev), (unsigned long long)(r->ts - STORY_BEGIN_NS) / 1000,
	    s->t->id.local_port);
	if (s->prev_known)
		say(to, " after %llu", (unsigned long long)s->prev_us);
	say(to, "\n");
}

static inline void say_by_state(struct transcript *to, const uint64_t by_state[WIRE_STATE_MAX])
{
	for (unsigned int i = 1; i < WIRE_STATE_MAX; i++) {
		if (by_state[i])
			say(to, " %s%s=%llu", i == WIRE_NEW_SYN_RECV ? "NEW_" : "", conn_state_name(i),
			    (unsigned long long)by_state[i]);
	}
	say(to, "\n");
}

static inline void say_summary(struct transcript *to, const struct conn_summary_record *sum)
{
	say(to, "summary %llu us opened=%llu closed=%llu events=%llu lost=%llu", (unsigned long long)sum->interval_us,
	    (unsigned long long)sum->opened, (unsigned long long)sum->closed, (unsigned long long)sum->events_in,
	    (unsigned long long)sum->lost[WIRE_LOST_RING]);
	say_again(to, &sum->retransmits);
	say(to, " rst=%llu,%llu", (unsigned long long)sum->resets_sent, (unsigned long long)sum->resets_received);
	if (sum->close_wait_any)
		say(to, " oldest=%llu", (unsigned long long)sum->close_wait_oldest_us);
	say_by_state(to, sum->by_state);
}

static inline void check_order(struct transcript *to, const struct record *r)
{
	const struct conn_tuple *tuple = r->kind == RECORD_STATE        ? r->state->t
					 : r->kind == RECORD_RETRANSMIT ? r->retransmit->t
					 : r->kind == RECORD_RESET      ? r->reset->t
									: NULL;

	if (!tuple)
		return;
	if (r->kind == RECORD_STATE && r->state->old_state == WIRE_CLOSE) /* stories begin again */
		to->said[tuple->cookie % 64] = r->ts;
	assert_true(r->ts >= to->said[tuple->cookie % 64]);
	to->said[tuple->cookie % 64] = r->ts;
}

static inline void story_emit(void *ctx, const struct record *r)
{
	struct transcript *to = ctx;

	check_order(to, r);
	if (to->segments) {
		if (r->kind <= RECORD_PROGRESS)
			say_segments(to, r->conn);
		return;
	}
	switch (r->kind) {
	case RECORD_CONNECTION:
		assert_true(r->conn->final);
		assert_int_equal(r->ts, r->conn->end_ns);
		say_conn(to, r->conn);
		break;
	case RECORD_PROGRESS:
		assert_false(r->conn->final);
		say(to, "progress ");
		say_conn(to, r->conn);
		break;
	case RECORD_STATE:
		say_state(to, r);
		break;
	case RECORD_RETRANSMIT:
		say(to, "retransmit %s %s len=%u count=%llu%s\n", conn_segment_name(r->retransmit->kind),
		    or_dash(conn_trigger_name(r->retransmit->trigger)), r->retransmit->len,
		    (unsigned long long)r->retransmit->count, r->retransmit->t ? "" : " aggregated");
		break;
	case RECORD_RESET:
		say(to, "reset %s reason=%u count=%llu%s\n", r->reset->direction == WIRE_SENT ? "sent" : "received",
		    r->reset->reason, (unsigned long long)r->reset->count, r->reset->t ? "" : " aggregated");
		break;
	case RECORD_TIME_WAIT:
		say(to, "time_wait %llu at %llu", (unsigned long long)r->time_wait->t->cookie,
		    (unsigned long long)(r->ts - STORY_BEGIN_NS) / 1000);
		say_time_wait(to, &r->time_wait->time_wait);
		say(to, "\n");
		break;
	case RECORD_SNAPSHOT:
		say(to, "snapshot %d sockets=%llu took=%llu", r->snapshot->cause, (unsigned long long)r->snapshot->sockets,
		    (unsigned long long)r->snapshot->took_us);
		say_by_state(to, r->snapshot->by_state);
		break;
	case RECORD_SUMMARY:
		say_summary(to, r->summary);
		break;
	case RECORD_LOST:
		say(to, "lost %s %llu of %llu from %llu touching %llu\n", conn_lost_stage_name(r->lost->stage),
		    (unsigned long long)r->lost->count, (unsigned long long)r->lost->total,
		    (unsigned long long)(r->lost->from_ns - STORY_BEGIN_NS) / 1000,
		    (unsigned long long)r->lost->connections_affected);
		break;
	default:
		fail();
	}
}

#define STORY_WANTED (1u << RECORD_CONNECTION | 1u << RECORD_LOST | 1u << RECORD_SNAPSHOT | 1u << RECORD_TIME_WAIT)

struct story {
	const char *name;
	struct step steps[STORY_STEPS]; /* up to the first without a kind */
	const char *expected;
	struct conn_config config; /* zeros: 100 connections, STORY_WANTED */
	bool stop_emits_open;
	bool segments; /* these are expected, and nothing else */
};

/* One whose segments are expected. */
#define SEGMENTS(name_, expected_, ...)                                                                                        \
	{                                                                                                                      \
		.name = name_, .segments = true, .steps = {__VA_ARGS__}, .expected = expected_                                 \
	}

static inline void story_feed(struct conn_table *t, const struct step *s)
{
	union story_event e;

	story_event(s, &e);
	assert_true(wire_valid(&e.hdr, sizeof(e)));
	conn_table_feed(t, &e.hdr);
}

/* True if the table said what the story expects. */
static inline bool story_run(const struct story *story)
{
	struct conn_config config = story->config;
	struct transcript to = {.segments = story->segments};
	struct conn_table_stats stats;
	struct conn_table *t;
	uint64_t last_us = 0;

	story_forget();
	config.max_connections = config.max_connections ? config.max_connections : 100;
	config.wanted = (config.wanted ? config.wanted : STORY_WANTED) | (story->stop_emits_open ? 1u << RECORD_PROGRESS : 0);
	assert_int_equal(conn_table_new(&t, &config, story_emit, &to), 0);
	for (const struct step *s = story->steps; s < story->steps + STORY_STEPS && s->kind; s++) {
		story_feed(t, s);
		last_us = s->us;
	}
	if (!config.progress_ns && !config.summary_ns) /* a late reset would have come by now */
		story_feed(t, &(struct step)TICK(last_us + 100001));
	conn_table_stop(t, STORY_BEGIN_NS + last_us * 1000);
	conn_table_stats(t, &stats);
	assert_int_equal(stats.tracked, 0);
	conn_table_free(t);
	if (!strcmp(to.text, story->expected))
		return true;
	print_error("%s\n--- expected\n%s--- found\n", story->name, story->expected);
	print_error("%s", to.text);
	return false;
}

struct story_list {
	const struct story *stories;
	size_t count;
};

static inline void story_test(void **state)
{
	const struct story_list *list = *state;
	unsigned int failed = 0;

	for (size_t i = 0; i < list->count; i++)
		failed += !story_run(&list->stories[i]);
	assert_int_equal(failed, 0);
}

#define STORY_LIST(array) ((struct story_list){array, sizeof(array) / sizeof((array)[0])})
/* A test of all stories of an array. */
#define STORIES(array)                                                                                                         \
	{                                                                                                                      \
		.name = #array, .test_func = story_test, .initial_state = &STORY_LIST(array)                                   \
	}

/* For a table of which only the counts matter. */
static inline void emit_nothing(void *ctx, const struct record *rec)
{
	(void)ctx;
	(void)rec;
}

#endif
