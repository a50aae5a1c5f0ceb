// SPDX-License-Identifier: GPL-2.0-only
/*
 * What makes an event safe to read, since a recording may be made by anybody: its length is right for its kind and parts, every
 * number that indexes a table is in range, and every text ends inside it. Whether it makes sense as TCP is not checked here.
 */
#include "wire_read.h"

#include "record_types.h"

#include <string.h>
#include <sys/socket.h>

#define INSTANCE_DIGITS 12
#define KIND(number) (1ull << (number))

/* The kinds that are about one socket: only they carry parts and states. */
static const uint64_t socket_kinds = KIND(WIRE_STATE) | KIND(WIRE_DESTROY) | KIND(WIRE_RETRANSMIT) | KIND(WIRE_RESET) |
				     KIND(WIRE_TOUCH) | KIND(WIRE_SCAN) | KIND(WIRE_MINISOCK) | KIND(WIRE_LEAK) |
				     KIND(WIRE_RETRANSMIT_FAILED) | KIND(WIRE_LISTENER) | KIND(WIRE_KNOWN) |
				     KIND(WIRE_STANDING) | KIND(WIRE_ENDED);

static const uint64_t text_kinds =
	KIND(WIRE_EXE) | KIND(WIRE_CGROUP) | KIND(WIRE_RST_REASON) | KIND(WIRE_HOOK) | KIND(WIRE_META) | KIND(WIRE_STACK);

const uint8_t wire_base_sizes[UINT8_MAX + 1] = {
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
	[WIRE_LISTENER] = sizeof(struct wire_listener),
	[WIRE_NETNS] = sizeof(struct wire_netns),
	[WIRE_BEFORE] = sizeof(struct wire_before),
	[WIRE_KNOWN] = sizeof(struct wire_known),
	[WIRE_STANDING] = sizeof(struct wire_standing),
	[WIRE_ENDED] = sizeof(struct wire_ended),
};
_Static_assert(WIRE_KIND_MAX == WIRE_ENDED + 1, "every kind has a size");

#define SIZE(parts, part, type) ((parts) & (part) ? sizeof(struct type) : 0)
#define SUM(parts)                                                                                                             \
	(SIZE(parts, WIRE_PART_TASK, wire_task) + SIZE(parts, WIRE_PART_IDENT, wire_ident) +                                   \
	 SIZE(parts, WIRE_PART_STATS, wire_stats) + SIZE(parts, WIRE_PART_PROOF, wire_proof) +                                 \
	 SIZE(parts, WIRE_PART_EXEC, wire_exec) + SIZE(parts, WIRE_PART_PROGRAM, wire_program))
#define SUMS4(parts) SUM(parts), SUM((parts) + 1), SUM((parts) + 2), SUM((parts) + 3)
#define SUMS16(parts) SUMS4(parts), SUMS4((parts) + 4), SUMS4((parts) + 8), SUMS4((parts) + 12)

const uint16_t wire_parts_sizes[WIRE_PARTS_ALL + 1] = {SUMS16(0), SUMS16(16), SUMS16(32), SUMS16(48)};

size_t wire_base_size(unsigned int kind)
{
	return kind < WIRE_KIND_MAX ? wire_base_sizes[kind] : 0;
}

struct process wire_process(const struct wire_hdr *ev)
{
	const struct wire_task *task = wire_task(ev);
	const struct wire_exec *exec = wire_exec(ev);
	const struct wire_program *program = wire_program(ev);
	struct process process = {0};

	if (task)
		process.task = *task;
	if (task && exec)
		process.cgroup_id = exec->cgroup_id;
	if (task && exec)
		process.program = program ? program->exec_count : exec->arg_start;
	return process;
}

const void *wire_tail(const struct wire_hdr *ev, size_t size)
{
	size_t offset = wire_parts_end(ev);

	return ev->parts <= WIRE_PARTS_ALL && ev->len >= offset + size ? (const char *)ev + offset : NULL;
}

const void *wire_text_tail(const struct wire_text *text, size_t size)
{
	size_t offset = sizeof(*text) + ((strlen(text->text) + 1 + 7) & ~(size_t)7);

	return text->hdr.len >= offset + size ? (const char *)text + offset : NULL;
}

/* Most events are WIRE_STATE: what only others need is apart, so that it does not slow them down. */
#define APART __attribute__((noinline))

static APART bool text_valid(const struct wire_hdr *ev)
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
#define A_STATE 1
#define OF_FULL_SOCKET 2
static const uint8_t state_classes[UINT8_MAX + 1] = {
	[1 ... WIRE_TIME_WAIT - 1] = A_STATE | OF_FULL_SOCKET,
	[WIRE_TIME_WAIT] = A_STATE,
	[WIRE_TIME_WAIT + 1 ... WIRE_NEW_SYN_RECV - 1] = A_STATE | OF_FULL_SOCKET,
	[WIRE_NEW_SYN_RECV] = A_STATE,
};
_Static_assert(WIRE_STATE_MAX == WIRE_NEW_SYN_RECV + 1, "every state has a class");

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

static bool known_valid(const struct wire_known *ev)
{
	return ev->hdr.cookie && wire_ident(&ev->hdr) && !wire_stats(&ev->hdr) && ev->cause < LEAK_CAUSE_MAX &&
	       ev->role < CONN_ROLE_MAX && ev->from < CONN_FROM_MAX && (ev->from == CONN_FROM_NONE || wire_task(&ev->hdr));
}

static bool standing_valid(const struct wire_standing *ev)
{
	return ev->number && wire_ident(&ev->hdr) && !wire_stats(&ev->hdr) && ev->id < FINDING_MAX &&
	       ev->cause < LEAK_CAUSE_MAX && ev->role < CONN_ROLE_MAX && ev->from < CONN_FROM_MAX &&
	       (ev->from == CONN_FROM_NONE || wire_task(&ev->hdr)) && !ev->opener_comm[WIRE_COMM_LEN - 1];
}

static bool hex_valid(const char *text, size_t digits)
{
	return strspn(text, "0123456789abcdef") >= digits;
}

static bool ended_valid(const struct wire_ended *ev)
{
	return known_valid(&ev->known) && in_range(ev->count, 1, UINT32_MAX) && ev->in_state_ns <= WIRE_AGE_NS_MAX &&
	       ev->resolution < LEAK_RESOLUTION_MAX && ev->after_wall_ns >= 0 && memchr(ev->boot_id, 0, sizeof(ev->boot_id)) &&
	       (!ev->boot_id[0] || hex_valid(ev->boot_id, BOOT_DIGITS));
}

/* Ids are made of both. */
static bool before_valid(const struct wire_before *ev)
{
	return ev->written_wall_ns > 0 && memchr(ev->boot_id, 0, sizeof(ev->boot_id)) &&
	       memchr(ev->instance, 0, sizeof(ev->instance)) && hex_valid(ev->boot_id, BOOT_DIGITS) &&
	       hex_valid(ev->instance, INSTANCE_DIGITS) && !ev->instance[INSTANCE_DIGITS];
}

/* `both`: the class of both states. */
static APART bool fields_valid(const struct wire_hdr *ev, unsigned int both)
{
	const struct wire_retransmit *retransmit = (const void *)ev;

	switch (ev->kind) {
	case WIRE_RETRANSMIT:
	case WIRE_RETRANSMIT_FAILED:
		return in_range(retransmit->segment, WIRE_SEG_SYN, WIRE_SEG_FIN) && retransmit->trigger <= WIRE_TRIGGER_TLP;
	case WIRE_RESET:
		return in_range(((const struct wire_reset *)ev)->direction, WIRE_SENT, WIRE_RECEIVED);
	case WIRE_TOUCH:
		return ev->parts & WIRE_PART_TASK;
	case WIRE_MINISOCK:
		return minisock_valid((const void *)ev);
	case WIRE_LISTENER:
		return (both & OF_FULL_SOCKET) && wire_ident(ev);
	case WIRE_KNOWN:
		return known_valid((const void *)ev);
	case WIRE_STANDING:
		return standing_valid((const void *)ev);
	case WIRE_ENDED:
		return ended_valid((const void *)ev);
	case WIRE_LEAK:
		return (state_classes[ev->old_state] & OF_FULL_SOCKET) && wire_task(ev) && wire_ident(ev) && !wire_stats(ev);
	default:
		return true;
	}
}

static bool socket_valid(const struct wire_hdr *ev)
{
	unsigned int both = state_classes[ev->old_state] & state_classes[ev->new_state];

	if (!both || !parts_valid(ev))
		return false;
	return ev->kind == WIRE_STATE ? both & OF_FULL_SOCKET : fields_valid(ev, both);
}

static APART bool collector_valid(const struct wire_hdr *ev)
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
	case WIRE_BEFORE:
		return before_valid((const struct wire_before *)ev);
	default:
		return true;
	}
}

bool wire_known(const struct wire_hdr *ev)
{
	if (!wire_base_sizes[ev->kind] || ev->len < wire_parts_end(ev))
		return false;
	if (KIND(ev->kind) & socket_kinds)
		return socket_valid(ev);
	return KIND(ev->kind) & text_kinds ? text_valid(ev) : collector_valid(ev);
}

bool wire_valid(const struct wire_hdr *ev, size_t avail)
{
	return wire_whole(ev, avail) && wire_known(ev);
}
