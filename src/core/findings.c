// SPDX-License-Identifier: GPL-2.0-only
/*
 * A limit is where a healthy, busy host does not get to, by a wide margin: TIME_WAIT, some refused attempts, resets of health
 * checks and of clients that go away, and some loss on the way belong to it. Where the right number depends on the size of the
 * host, a share is asked for as well, and a number below which a share says nothing.
 */
#include "findings.h"

#include "index.h"

#include <string.h>

/* One is enough: the user's --threshold says from when on a socket leaks, and no timer ends this state. */
#define LEAKS 1
#define LEAKS_CRITICAL 1000 /* the usual limit of descriptors is 1024 */

/* Half-closed connections are in use here and there. So many to one peer, over the threshold, are its leak. */
#define FIN_WAIT2_PEER 5

/* A client that went away leaves one or two behind. So many to one peer are not about one client. */
#define FIN_PEER 5
#define FIN_PERCENT 25 /* of the connections with that peer: behind the address of a NAT many clients go away each minute */

/* TIME_WAIT frees them after 60 s: at 4/5 the rest is gone in 15 s at the rate that filled it. */
#define PORTS_PERCENT 80
#define PORTS_CRITICAL_PERCENT 95 /* connect() looks for a free one in most of the range, and may fail */

/* To one address and port in FINDING_WINDOW_NS. One program that tries again each 10 s makes one. */
#define SYNS 5

/* Attempts at one listener, in FINDING_WINDOW_NS, whose SYN-ACK was repeated: clients that vanish make a few. */
#define HALF_OPEN 50

/* To one address and port in FINDING_WINDOW_NS. A program that tries again each second makes 10. */
#define REFUSED 100
#define REFUSED_PERCENT 50 /* of attempts: where most succeed, somebody starts again */

/* Of one service in FINDING_WINDOW_NS. Health checks that end with a reset make a few. */
#define RESETS 50
#define RESETS_PERCENT 25

/* Segments of a namespace in FINDING_WINDOW_NS. The Internet loses up to 2 %: TCP is slow from some percent on (RFC 3649). */
#define RETRANSMITS 100
#define RETRANSMITS_PERCENT 5

/* It stays a finding down to 3/4 of its limits, so that it does not come and go with each look. */
#define STAYS 3
#define STAYS_OF 4

#define CLOSING (1u << WIRE_FIN_WAIT1 | 1u << WIRE_CLOSING | 1u << WIRE_LAST_ACK)

static const struct rule {
	enum finding_source source;
	enum finding_severity severity;
	uint64_t limit;            /* of the count; 0: the caller's */
	uint64_t critical;         /* count; 0: none */
	uint32_t states;           /* 1 << enum wire_tcp_state */
	uint32_t percent;          /* of what it is a part of; 0: none */
	uint32_t critical_percent; /* 0: none */
} rules[FINDING_MAX] = {
	[FINDING_ACCEPT_QUEUE_FULL] = {FINDING_BY_SCAN, .states = 1u << WIRE_LISTEN, .severity = FINDING_CRITICAL},
	[FINDING_PORTS_USED_UP] = {FINDING_BY_WINDOW, .states = 1u << WIRE_TIME_WAIT | 1u << WIRE_ESTABLISHED, .limit = 1,
				   .percent = PORTS_PERCENT, .critical_percent = PORTS_CRITICAL_PERCENT},
	[FINDING_CLOSE_WAIT_LEAK] = {FINDING_BY_SCAN, .states = 1u << WIRE_CLOSE_WAIT, .limit = LEAKS,
				     .critical = LEAKS_CRITICAL},
	[FINDING_HELD_BY_CHILD] = {FINDING_BY_SCAN, .states = 1u << WIRE_ESTABLISHED, .limit = LEAKS,
				   .critical = LEAKS_CRITICAL},
	[FINDING_ACCEPT_STALLED] = {FINDING_BY_SCAN, .states = 1u << WIRE_LISTEN, .limit = LEAKS},
	[FINDING_FIN_WAIT2_PILE] = {FINDING_BY_SCAN, .states = 1u << WIRE_FIN_WAIT2, .limit = FIN_WAIT2_PEER},
	[FINDING_FIN_UNANSWERED] = {FINDING_BY_SCAN, .states = CLOSING, .limit = FIN_PEER, .percent = FIN_PERCENT},
	[FINDING_FIN_BLOCKED] = {FINDING_BY_SCAN, .states = CLOSING, .limit = FIN_PEER, .percent = FIN_PERCENT},
	[FINDING_SYN_UNANSWERED] = {FINDING_BY_WINDOW, .states = 1u << WIRE_SYN_SENT, .limit = SYNS},
	[FINDING_HALF_OPEN_PILE] = {FINDING_BY_WINDOW, .states = 1u << WIRE_SYN_RECV, .limit = HALF_OPEN},
	[FINDING_CONNECT_REFUSED] = {FINDING_BY_WINDOW, .states = 1u << WIRE_SYN_SENT, .limit = REFUSED,
				     .percent = REFUSED_PERCENT},
	[FINDING_RESETS] = {FINDING_BY_WINDOW, .states = 1u << WIRE_ESTABLISHED, .limit = RESETS, .percent = RESETS_PERCENT},
	[FINDING_RETRANSMITS] = {FINDING_BY_WINDOW, .states = 1u << WIRE_ESTABLISHED, .limit = RETRANSMITS,
				 .percent = RETRANSMITS_PERCENT},
};

enum finding_source finding_source(enum finding_id id)
{
	return rules[id].source;
}

uint32_t finding_states(enum finding_id id)
{
	return rules[id].states;
}

/* At least so many percent of `of`, as products: `of` may be 0. */
static bool is_share(uint64_t count, uint64_t of, uint32_t percent)
{
	return (double)count * 100 >= (double)of * percent;
}

static uint64_t lowered(uint64_t limit)
{
	return (limit * STAYS + STAYS_OF - 1) / STAYS_OF;
}

bool finding_has_share(enum finding_id id)
{
	return rules[id].percent;
}

uint64_t finding_least(enum finding_id id)
{
	return lowered(rules[id].limit);
}

bool finding_judge(struct finding_record *f, bool stands)
{
	const struct rule *rule = &rules[f->id];
	uint32_t percent = rule->percent;
	uint64_t limit;

	if (rule->limit)
		f->limit = rule->limit;
	f->limit_percent = percent;
	f->severity = rule->severity;
	if ((rule->critical && f->count >= rule->critical) ||
	    (rule->critical_percent && is_share(f->count, f->of, rule->critical_percent)))
		f->severity = FINDING_CRITICAL;
	limit = stands ? lowered(f->limit) : f->limit;
	if (stands)
		percent = (uint32_t)lowered(percent);
	return f->count >= limit && (!percent || is_share(f->count, f->of, percent));
}

unsigned int finding_looks(const struct finding_record *f)
{
	bool burst = f->id == FINDING_ACCEPT_QUEUE_FULL && !(f->oldest_known && f->oldest_ns >= FINDING_ACCEPT_NS);

	return burst ? 2 : 1;
}

int finding_compare(const struct finding_record *a, const struct finding_record *b)
{
	if (a->severity != b->severity)
		return a->severity > b->severity ? -1 : 1;
	if (a->id != b->id)
		return a->id < b->id ? -1 : 1;
	if (a->count != b->count)
		return a->count > b->count ? -1 : 1;
	return (a->number > b->number) - (a->number < b->number);
}

static bool is_ipv4(const uint8_t addr[16])
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};

	return !memcmp(addr, mapped, sizeof(mapped));
}

/* What is left must be read as before: of two addresses the other one may have shown the family. */
void finding_set_about(struct finding_record *f, uint32_t about)
{
	struct wire_ident *id = &f->t.id;

	f->about = about;
	if (is_ipv4(id->local_addr) || is_ipv4(id->peer_addr))
		id->family = AF_INET;
	if (!(about & FINDING_LOCAL_ADDR))
		memset(id->local_addr, 0, sizeof(id->local_addr));
	if (!(about & FINDING_PEER_ADDR))
		memset(id->peer_addr, 0, sizeof(id->peer_addr));
	if (!(about & FINDING_LOCAL_PORT))
		id->local_port = 0;
	if (!(about & FINDING_PEER_PORT))
		id->peer_port = 0;
}

void finding_name(struct finding_record *f, bool of_process)
{
	const struct wire_ident *id = &f->t.id;
	uint64_t words[7] = {(uint64_t)f->id << 32 | id->netns};

	words[1] = (uint64_t)f->about << 48 | (uint64_t)id->local_port << 16 | id->peer_port;
	memcpy(&words[2], id->local_addr, sizeof(id->local_addr));
	memcpy(&words[4], id->peer_addr, sizeof(id->peer_addr));
	if (of_process && f->t.from != CONN_FROM_NONE)
		words[6] = (f->t.task.start_ns ^ (uint64_t)f->t.task.tgid << 40) + f->cause;
	f->number = 0;
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		f->number = index_hash(f->number, words[i]);
}
