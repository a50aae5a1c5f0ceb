// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes an event safe to read, since a recording may be made by anybody: its length is right for its kind and parts, every
 * number that indexes a table is in range, and every text ends inside it. Whether it makes sense as TCP is not checked here.
 */
#include "wire_read.h"

#include "record_types.h"

#include <sys/socket.h>

#define KIND(number) (1u << (number))

/* The kinds that are about one socket: only they carry parts and states. */
static const unsigned int socket_kinds = KIND(WIRE_STATE) | KIND(WIRE_DESTROY) | KIND(WIRE_RETRANSMIT) | KIND(WIRE_RESET) |
					 KIND(WIRE_TOUCH) | KIND(WIRE_SCAN) | KIND(WIRE_MINISOCK) | KIND(WIRE_LEAK) |
					 KIND(WIRE_RETRANSMIT_FAILED);

static const unsigned int text_kinds =
	KIND(WIRE_EXE) | KIND(WIRE_CGROUP) | KIND(WIRE_RST_REASON) | KIND(WIRE_HOOK) | KIND(WIRE_META) | KIND(WIRE_STACK);

static const unsigned char base_sizes[] = {
	[WIRE_STATE] = sizeof(struct wire_state),
	[WIRE_DESTROY] = sizeof(struct wire_hdr),
	[WIRE_RETRANSMIT] = sizeof(struct wire_retransmit),
	[WIRE_RESET] = sizeof(struct wire_reset),
	[WIRE_TOUCH] = sizeof(struct wire_hdr),
	[WIRE_SCAN] = sizeof(struct wire_scan),
	[WIRE_SCAN_BEGIN] = sizeof(struct wire_mark),
	[WIRE_SCAN_END] = sizeof(struct wire_mark),
	[WIRE_AGGREGATE] = sizeof(struct wire_aggregate),
	[WIRE_LOST] = sizeof(struct wire_lost),
	[WIRE_TICK] = sizeof(struct wire_tick),
	[WIRE_CLOCK] = sizeof(struct wire_mark),
	[WIRE_EXE] = sizeof(struct wire_text),
	[WIRE_CGROUP] = sizeof(struct wire_text),
	[WIRE_RST_REASON] = sizeof(struct wire_text),
	[WIRE_HOOK] = sizeof(struct wire_text),
	[WIRE_META] = sizeof(struct wire_text),
	[WIRE_MINISOCK] = sizeof(struct wire_minisock),
	[WIRE_TW_TIER] = sizeof(struct wire_mark),
	[WIRE_PORT_RANGE] = sizeof(struct wire_port_range),
	[WIRE_LEAK] = sizeof(struct wire_leak),
	[WIRE_LEAK_BEGIN] = sizeof(struct wire_mark),
	[WIRE_LEAK_END] = sizeof(struct wire_mark),
	[WIRE_STACK] = sizeof(struct wire_text),
	[WIRE_OPENED] = sizeof(struct wire_opened),
	[WIRE_RETRANSMIT_FAILED] = sizeof(struct wire_retransmit),
	[WIRE_EXIT] = sizeof(struct wire_exit),
};
_Static_assert(sizeof(base_sizes) == WIRE_KIND_MAX, "every kind has a size");

bool wire_from_kernel(unsigned int kind)
{
	return kind <= WIRE_SCAN || kind == WIRE_MINISOCK || kind == WIRE_LEAK || kind == WIRE_RETRANSMIT_FAILED ||
	       kind == WIRE_EXIT;
}

size_t wire_base_size(unsigned int kind)
{
	return kind < WIRE_KIND_MAX ? base_sizes[kind] : 0;
}

static size_t part_offset(const struct wire_hdr *ev, unsigned int part)
{
	size_t offset = wire_base_size(ev->kind);

	if (part > WIRE_PART_TASK && (ev->parts & WIRE_PART_TASK))
		offset += sizeof(struct wire_task);
	if (part > WIRE_PART_IDENT && (ev->parts & WIRE_PART_IDENT))
		offset += sizeof(struct wire_ident);
	if (part > WIRE_PART_STATS && (ev->parts & WIRE_PART_STATS))
		offset += sizeof(struct wire_stats);
	if (part > WIRE_PART_PROOF && (ev->parts & WIRE_PART_PROOF))
		offset += sizeof(struct wire_proof);
	if (part > WIRE_PART_EXEC && (ev->parts & WIRE_PART_EXEC))
		offset += sizeof(struct wire_exec);
	return offset;
}

static const void *part(const struct wire_hdr *ev, unsigned int which)
{
	return ev->parts & which ? (const char *)ev + part_offset(ev, which) : NULL;
}

const struct wire_task *wire_task(const struct wire_hdr *ev)
{
	return part(ev, WIRE_PART_TASK);
}

const struct wire_ident *wire_ident(const struct wire_hdr *ev)
{
	return part(ev, WIRE_PART_IDENT);
}

const struct wire_stats *wire_stats(const struct wire_hdr *ev)
{
	return part(ev, WIRE_PART_STATS);
}

const struct wire_proof *wire_proof(const struct wire_hdr *ev)
{
	return part(ev, WIRE_PART_PROOF);
}

const struct wire_exec *wire_exec(const struct wire_hdr *ev)
{
	return part(ev, WIRE_PART_EXEC);
}

struct process wire_process(const struct wire_hdr *ev)
{
	const struct wire_task *task = wire_task(ev);
	const struct wire_exec *exec = wire_exec(ev);
	struct process process = {0};

	if (task)
		process.task = *task;
	if (task && exec)
		process.exec = *exec;
	return process;
}

const void *wire_tail(const struct wire_hdr *ev, size_t size)
{
	size_t offset = part_offset(ev, WIRE_PARTS_ALL + 1);

	return ev->parts <= WIRE_PARTS_ALL && ev->len >= offset + size ? (const char *)ev + offset : NULL;
}

static bool text_valid(const struct wire_hdr *ev)
{
	const char *text = ((const struct wire_text *)ev)->text;
	size_t size = ev->len - sizeof(struct wire_text), nuls = 0;

	if (ev->parts || !size || text[size - 1])
		return false;
	if (ev->kind == WIRE_STACK)
		return ((const struct wire_text *)ev)->key2 < WIRE_STACK_NOTE_MAX;
	if (ev->kind != WIRE_HOOK)
		return true;
	for (size_t i = 0; i < size; i++) /* a hook's text is three texts */
		nuls += !text[i];
	return nuls >= 3;
}

static bool parts_valid(const struct wire_hdr *ev)
{
	const struct wire_task *task = wire_task(ev);
	const struct wire_ident *ident = wire_ident(ev);
	const struct wire_stats *stats = wire_stats(ev);

	if (task && task->comm[WIRE_COMM_LEN - 1])
		return false;
	if (ident && ident->family != AF_INET && ident->family != AF_INET6)
		return false;
	return !stats || !stats->ca_name[WIRE_CA_LEN - 1];
}

/* The transition tracepoint knows full sockets only: never 6 and never 12. */
static bool full_socket_state(unsigned int state)
{
	return state != WIRE_TIME_WAIT && state != WIRE_NEW_SYN_RECV;
}

static bool in_range(unsigned long long value, unsigned long long first, unsigned long long last)
{
	return value >= first && value <= last;
}

static bool minisock_valid(const struct wire_minisock *ev)
{
	return ev->hdr.old_state == WIRE_TIME_WAIT && !(ev->hdr.parts & (WIRE_PART_TASK | WIRE_PART_STATS)) &&
	       (ev->hdr.new_state == WIRE_FIN_WAIT2 || ev->hdr.new_state == WIRE_TIME_WAIT) &&
	       in_range(ev->what, WIRE_MINI_STARTED, WIRE_MINI_WHAT_MAX - 1) && ev->cause < WIRE_CAUSE_MAX;
}

static bool socket_valid(const struct wire_hdr *ev)
{
	const struct wire_retransmit *retransmit = (const void *)ev;

	if (!in_range(ev->old_state, 1, WIRE_STATE_MAX - 1) || !in_range(ev->new_state, 1, WIRE_STATE_MAX - 1) ||
	    !parts_valid(ev))
		return false;
	switch (ev->kind) {
	case WIRE_STATE:
		return full_socket_state(ev->old_state) && full_socket_state(ev->new_state);
	case WIRE_RETRANSMIT:
	case WIRE_RETRANSMIT_FAILED:
		return in_range(retransmit->segment, WIRE_SEG_SYN, WIRE_SEG_FIN) && retransmit->trigger <= WIRE_TRIGGER_TLP;
	case WIRE_RESET:
		return in_range(((const struct wire_reset *)ev)->direction, WIRE_SENT, WIRE_RECEIVED);
	case WIRE_TOUCH:
		return ev->parts & WIRE_PART_TASK;
	case WIRE_MINISOCK:
		return minisock_valid((const void *)ev);
	case WIRE_LEAK:
		return full_socket_state(ev->old_state) && wire_task(ev) && wire_ident(ev) && !wire_stats(ev);
	default:
		return true;
	}
}

static bool collector_valid(const struct wire_hdr *ev)
{
	if (ev->parts & WIRE_PARTS_ALL)
		return false;
	switch (ev->kind) {
	case WIRE_SCAN_BEGIN:
		return in_range(((const struct wire_mark *)ev)->value, WIRE_SCAN_STARTUP, WIRE_SCAN_CAUSE_MAX - 1);
	case WIRE_SCAN_END:
	case WIRE_LEAK_END:
		return ((const struct wire_mark *)ev)->value >= 0;
	case WIRE_TW_TIER:
		return in_range(((const struct wire_mark *)ev)->value, 0, WIRE_TIER_MAX - 1);
	case WIRE_AGGREGATE:
		return in_range(((const struct wire_aggregate *)ev)->what, WIRE_AGG_SYNACK_RETRANSMIT, WIRE_AGG_MAX - 1);
	case WIRE_LOST:
		return in_range(((const struct wire_lost *)ev)->stage, WIRE_LOST_HOOK, WIRE_LOST_MAX - 1);
	default:
		return true;
	}
}

bool wire_whole(const struct wire_hdr *ev, size_t avail)
{
	return avail >= sizeof(*ev) && ev->len >= sizeof(*ev) && ev->len <= avail && ev->len <= WIRE_MAX_LEN &&
	       ev->len % 8 == 0;
}

bool wire_valid(const struct wire_hdr *ev, size_t avail)
{
	if (!wire_whole(ev, avail) || !wire_base_size(ev->kind) || ev->len < part_offset(ev, WIRE_PARTS_ALL + 1))
		return false;
	if (KIND(ev->kind) & text_kinds)
		return text_valid(ev);
	return KIND(ev->kind) & socket_kinds ? socket_valid(ev) : collector_valid(ev);
}
