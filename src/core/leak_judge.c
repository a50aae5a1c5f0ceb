// SPDX-License-Identifier: GPL-2.0-only
/*
 * The cause follows from what waits in the socket: rcv_nxt - copied_seq is the payload that was not read, plus one for the FIN.
 *
 * The age is the longer of two lower bounds, since the kernel keeps no time stamp of the FIN. The FIN is not younger than the
 * last acceptable segment (since_ack), which is exact until the peer answers keepalive probes or acknowledges late data. And
 * the FIN is not younger than the later of the last payload and the due time of the last delayed ACK: a FIN without payload
 * sets that timer up to 200 ms ahead, keepalive does not, and a FIN that is acknowledged at once came with payload or while the
 * timer ran. (Only routes with the quickack attribute break this rule.)
 *
 * An idle connection of a pool has a few last words before the FIN that nobody read: close_notify of TLS, or why a database
 * ends it. So the last payload came with the FIN or just before it, and the process had sent nothing for a while. A process
 * that waits for an answer and is then stuck looks the same, so that this is never certain. It is more likely if the process
 * has used other sockets since: all of it is not stuck.
 *
 * A process that started after payload was sent last has neither opened the connection nor written to it. That it has not read
 * from it either, no stamp shows. A running trace knows who did these three things first: with both it is certain.
 */
#include "leak_judge.h"

#include "wire_read.h"

#define LAST_WORDS_MAX 4096         /* bytes */
#define LAST_WORDS_NS 1000000000ull /* from the last of them to the FIN */
#define IDLE_NS 1000000000ull       /* from what the process sent last to them: no pool ends what is used every second */

/* How long the FIN came after the last payload at the most: by the two bounds of the age. */
static uint64_t fin_gap_ns(const struct wire_leak *ev)
{
	uint64_t by_delack = 0, by_ack = ev->since_data_ns > ev->since_ack_ns ? ev->since_data_ns - ev->since_ack_ns : 0;

	if (ev->delack_known && ev->since_data_ns > ev->since_delack_ns)
		by_delack = ev->since_data_ns - ev->since_delack_ns;
	return by_ack < by_delack ? by_ack : by_delack;
}

struct tail {
	struct wire_leak_queue queue;
	struct wire_queue at;
	struct wire_leak_use use;
};

bool leak_sent_ns(const struct wire_leak *ev, uint64_t *ret_ns)
{
	const struct tail *tail = wire_tail(&ev->s.hdr, sizeof(*tail));

	*ret_ns = tail ? tail->use.since_sent_ns : 0;
	return tail != NULL;
}

/* 0 also stands for not known. */
static uint64_t sent_ns(const struct wire_leak *ev)
{
	uint64_t ns;

	leak_sent_ns(ev, &ns);
	return ns;
}

/* Has unread data. A server whose client has said something last is a stuck reader: only who opened it has a pool. */
static bool is_idle_pooled(const struct wire_leak *ev, uint32_t unread_bytes)
{
	return ev->flags & WIRE_LEAK_OPENED && unread_bytes <= LAST_WORDS_MAX && fin_gap_ns(ev) <= LAST_WORDS_NS &&
	       sent_ns(ev) >= ev->since_data_ns + IDLE_NS;
}

/* What was killed had a cause, and what is left does not show it; what closes waits for its peer. */
static bool waits_for_process(uint8_t state)
{
	return state == WIRE_CLOSE_WAIT || state == WIRE_FIN_WAIT2 || state == WIRE_ESTABLISHED || state == WIRE_LISTEN;
}

struct leak_verdict leak_judge(const struct wire_leak *ev)
{
	const struct wire_state *s = &ev->s;
	uint32_t waiting = s->rcv_nxt - s->copied_seq, fin = s->hdr.old_state == WIRE_CLOSE_WAIT;
	/* A psock, an upper layer or MPTCP empties the socket's queue into its own, which the process reads. */
	bool between = ev->flags & (WIRE_LEAK_PSOCK | WIRE_LEAK_ULP) || (wire_ident(&s->hdr)->flags & WIRE_ID_MPTCP);
	struct leak_verdict verdict = {
		.certain = !between,
		.unread_unknown = between,
		.unread_bytes = waiting > fin ? waiting - fin : 0,
		.unsent_bytes = s->write_seq - s->snd_nxt,
	};

	if (waiting > INT32_MAX) /* copied_seq is ahead: urgent data */
		verdict.unread_bytes = 0;
	if (!waits_for_process(s->hdr.old_state)) {
		verdict.cause = LEAK_UNSEEN;
	} else if (s->hdr.sk_flags & WIRE_SK_ORPHAN) {
		verdict.cause = LEAK_NEVER_ACCEPTED;
	} else if (verdict.unread_bytes && fin && !between && is_idle_pooled(ev, verdict.unread_bytes)) {
		verdict.cause = LEAK_IDLE_POOLED;
		verdict.certain = false;
	} else if (verdict.unread_bytes) {
		verdict.cause = LEAK_DATA_UNREAD;
	} else if (waiting == fin) {
		verdict.cause = LEAK_EOF_UNREAD;
	} else {
		verdict.cause = LEAK_EOF_READ_NOT_CLOSED;
		verdict.certain = false;
	}
	return verdict;
}

static bool holds(const struct leak_socket *socket, const struct leak_holder *holders, const struct process *process)
{
	const struct leak_holder *holder;

	leak_for_each_holder (holder, holders, socket) {
		if (holder->task.tgid == process->task.tgid && holder->task.start_ns == process->task.start_ns)
			return true;
	}
	return false;
}

void leak_judge_holders(struct leak_socket *socket, const struct leak_holder *holders, const struct process *owner)
{
	bool strangers = socket->holders && socket->strangers == socket->holders;
	bool other = owner && socket->holders && !holds(socket, holders, owner);

	if (socket->verdict.cause == LEAK_NEVER_ACCEPTED || !(other || strangers))
		return;
	socket->verdict.cause = LEAK_INHERITED;
	socket->verdict.certain = other && strangers;
	if (other)
		socket->opener = owner->task;
}

uint64_t leak_used_since_ns(const struct wire_leak *ev)
{
	const struct tail *tail = wire_tail(&ev->s.hdr, sizeof(*tail));

	if (!tail)
		return UINT64_MAX;
	return tail->use.since_sent_ns < ev->since_data_ns ? tail->use.since_sent_ns : ev->since_data_ns;
}

void leak_judge_use(struct leak_socket *socket, uint64_t since_ns)
{
	socket->others_used = socket->verdict.cause == LEAK_IDLE_POOLED && since_ns < socket->age_ns;
	socket->others_used_ns = since_ns;
}

uint64_t leak_age_ns(const struct wire_leak *ev)
{
	uint64_t quiet = ev->since_data_ns;

	if (ev->s.hdr.old_state == WIRE_ESTABLISHED && !(ev->s.hdr.sk_flags & WIRE_SK_ORPHAN) && sent_ns(ev))
		return sent_ns(ev);
	if (ev->s.hdr.old_state != WIRE_CLOSE_WAIT)
		return ev->since_ack_ns;
	if (ev->delack_known && ev->since_delack_ns < quiet)
		quiet = ev->since_delack_ns;
	return quiet > ev->since_ack_ns ? quiet : ev->since_ack_ns;
}
