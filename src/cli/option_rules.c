// SPDX-License-Identifier: GPL-2.0-only
/*
 * One row per option: what its value must look like, in words for the user, and which commands take it. Below, where the value
 * goes. Checks one value at a time; what depends on several options is options.c's business, and so are the messages.
 */
#include "option_rules.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "parse.h"
#include "src/core/record_types.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define RING_MIN (256ULL << 10)
#define RING_MAX (1ULL << 30)
#define CONNECTIONS_MAX (1 << 24)
#define COMM_MAX (WIRE_COMM_LEN - 1)

#define A_PORT "a port is a number from 1 to 65535, or a range like 8000-8999"
#define A_CIDR "an address or a network is like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"
#define A_DURATION "a duration is a number with ms, s, m or h, like 30s, above 0 and up to 10 years"

const struct option_rule option_rules[] = {
	{'p', TAKES_SELECT, true, "a pid is a number from 1 to 4194304"},
	{'c', TAKES_SELECT, false, "a process name has 1 to 15 bytes, the kernel keeps no more"},
	{'L', TAKES_SELECT, true, A_PORT},
	{'D', TAKES_SELECT, true, A_PORT},
	{KEY_LOCAL, TAKES_SELECT, true, A_CIDR},
	{KEY_PEER, TAKES_SELECT, true, A_CIDR},
	{'4', TAKES_SELECT, false, NULL},
	{'6', TAKES_SELECT, false, NULL},
	{KEY_NETNS, TAKES_SELECT, false, "a network namespace is the number that `ls -iL /proc/PID/ns/net` prints"},
	{KEY_CGROUP, TAKES_SELECT, false, "a cgroup path starts with /, as in /proc/PID/cgroup"},
	{KEY_MIN_DURATION, TAKES_LIVES, false, A_DURATION},
	{KEY_STATE, TAKES_LIVES, true,
	 "states are SYN_SENT, SYN_RECV, ESTABLISHED, FIN_WAIT1, FIN_WAIT2, TIME_WAIT, CLOSE_WAIT, LAST_ACK, CLOSING, CLOSE"},
	{KEY_END, TAKES_LIVES, true,
	 "reasons are fin, rst_sent, rst_received, refused, timeout, unreachable, aborted, netns_gone, daemon_stop, unknown"},
	{'j', TAKES_JSON, false, NULL},
	{'o', TAKES_LIVES, false, NULL},
	{KEY_EVENTS, TAKES_OUTPUT, true,
	 "events are connection, progress, state, retransmit, reset, snapshot, summary, lost, meta, time_wait, "
	 "close_wait_leak, close_wait_resolved"},
	{KEY_PROGRESS, TAKES_OUTPUT, false, A_DURATION},
	{KEY_SUMMARY, TAKES_OUTPUT, false, A_DURATION},
	{'T', TAKES_OUTPUT, false, NULL},
	{'w', TAKES_OUTPUT, false, NULL},
	{KEY_NO_HEADER, TAKES_OUTPUT, false, NULL},
	{KEY_RECORD, TAKES_TRACE, false, NULL},
	{'d', TAKES_LIVE, false, A_DURATION},
	{KEY_RING, TAKES_LIVE, false, "a size is a number with K, M or G, like 16M, from 256K to 1G"},
	{KEY_TIME_WAIT, TAKES_OUTPUT, false, "it is join, split or off"},
	{KEY_HOOKS, TAKES_LIVE | 1 << COMMAND_DOCTOR, true, "hooks for TIME_WAIT are fentry, timer and scan"},
	{KEY_MAX_CONNECTIONS, TAKES_LIVES, false, "a number from 1 to 16777216"},
	{KEY_THRESHOLD, TAKES_OUTPUT | TAKES_LEAKS, false, A_DURATION},
	{KEY_BY, TAKES_LEAKS, false, "leaks are grouped by process, peer or cgroup"},
	{KEY_WATCH, TAKES_LEAKS, false, A_DURATION},
	{KEY_STACKS, TAKES_TRACE | TAKES_LEAKS, false, NULL},
	{KEY_MAX, TAKES_LEAKS, false, "a number from 0 to 4294967295"},
	{KEY_FOLLOW, TAKES_SHOW, false, NULL},
	{KEY_FROM, TAKES_SHOW, false, NULL},
	{KEY_ASCII, TAKES_SHOW, false, NULL},
	{'v', TAKES_ALL, false, NULL},
};

const size_t option_rules_len = ARRAY_SIZE(option_rules);
_Static_assert(ARRAY_SIZE(option_rules) <= OPTION_RULES_MAX, "OPTION_RULES_MAX");

const struct option_rule *option_rule(int key)
{
	for (size_t i = 0; i < ARRAY_SIZE(option_rules); i++)
		if (option_rules[i].key == key)
			return &option_rules[i];
	return NULL;
}

/* `list` is the address of a pointer to items of `size` bytes. */
static int append(void *list, size_t *len, const void *item, size_t size)
{
	char *items;

	memcpy(&items, list, sizeof(items));
	items = reallocarray(items, *len + 1, size);
	if (!items)
		return -ENOMEM;
	memcpy(items + *len * size, item, size);
	memcpy(list, &items, sizeof(items));
	++*len;
	return 0;
}

static int add_ports(const char *word, struct port_range **ports, size_t *len)
{
	struct port_range range;

	return parse_ports(word, &range) ? append(ports, len, &range, sizeof(range)) : -EINVAL;
}

static int add_net(const char *word, struct cidr **nets, size_t *len)
{
	struct cidr cidr;

	return parse_cidr(word, &cidr) ? append(nets, len, &cidr, sizeof(cidr)) : -EINVAL;
}

static int add_pid(const char *word, uint32_t **pids, size_t *len)
{
	uint32_t pid;

	return parse_pid(word, &pid) ? append(pids, len, &pid, sizeof(pid)) : -EINVAL;
}

static int add_state(const char *word, uint32_t *mask)
{
	uint32_t state;

	if (!parse_state(word, &state))
		return -EINVAL;
	*mask |= 1U << state;
	return 0;
}

static int add_end(const char *word, uint32_t *mask)
{
	for (enum conn_end end = 0; end < CONN_END_MAX; end++) {
		if (!parse_name_equal(word, conn_end_name(end)))
			continue;
		*mask |= 1U << end;
		return 0;
	}
	return -EINVAL;
}

static int add_event(const char *word, uint32_t *mask)
{
	for (enum record_kind kind = 0; kind < RECORD_MAX; kind++) {
		if (!parse_name_equal(word, record_kind_name(kind)))
			continue;
		*mask |= 1U << kind;
		return 0;
	}
	return -EINVAL;
}

static int add_tier(const char *word, uint32_t *mask)
{
	static const char *const names[WIRE_TIER_MAX] = {
		[WIRE_TIER_FENTRY] = "fentry", [WIRE_TIER_TIMER] = "timer", [WIRE_TIER_SCAN] = "scan"};

	for (enum wire_tw_tier tier = WIRE_TIER_FENTRY; tier < WIRE_TIER_MAX; tier++) {
		if (!parse_name_equal(word, names[tier]))
			continue;
		*mask |= 1U << tier;
		return 0;
	}
	return -EINVAL;
}

/* One word of a list: 0, -EINVAL or -ENOMEM. */
static int take_word(struct options *o, int key, const char *word)
{
	struct selection *s = &o->select;

	switch (key) {
	case 'p':
		return add_pid(word, &s->pids, &s->pids_len);
	case 'L':
		return add_ports(word, &s->local_ports, &s->local_ports_len);
	case 'D':
		return add_ports(word, &s->peer_ports, &s->peer_ports_len);
	case KEY_LOCAL:
		return add_net(word, &s->local_nets, &s->local_nets_len);
	case KEY_PEER:
		return add_net(word, &s->peer_nets, &s->peer_nets_len);
	case KEY_STATE:
		return add_state(word, &s->states);
	case KEY_END:
		return add_end(word, &s->ends);
	case KEY_EVENTS:
		return add_event(word, &o->events);
	case KEY_HOOKS:
		return add_tier(word, &o->tiers);
	}
	return -EINVAL;
}

static bool take_u32(const char *arg, uint32_t max, uint32_t *ret)
{
	uint64_t number;

	if (!parse_number(arg, 1, max, &number))
		return false;
	*ret = number;
	return true;
}

static bool take_by(const char *arg, enum leak_by *ret)
{
	for (enum leak_by by = 0; by < LEAK_BY_MAX; by++) {
		if (!parse_name_equal(arg, leak_by_name(by)))
			continue;
		*ret = by;
		return true;
	}
	return false;
}

static bool take_time_wait(const char *arg, enum conn_tw_mode *ret)
{
	static const char *const names[] = {[CONN_TW_JOIN] = "join", [CONN_TW_SPLIT] = "split", [CONN_TW_OFF] = "off"};

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!parse_name_equal(arg, names[i]))
			continue;
		*ret = i;
		return true;
	}
	return false;
}

static bool take_max(const char *arg, uint32_t *ret)
{
	uint64_t number;

	if (!parse_number(arg, 0, UINT32_MAX, &number))
		return false;
	*ret = number;
	return true;
}

static bool take_value(struct options *o, int key, const char *arg)
{
	switch (key) {
	case 'c':
		o->select.comm = arg;
		return *arg && strlen(arg) <= COMM_MAX;
	case KEY_NETNS:
		return take_u32(arg, UINT32_MAX, &o->select.netns);
	case KEY_CGROUP:
		o->select.cgroup = arg;
		return *arg == '/';
	case KEY_MIN_DURATION:
		return parse_duration(arg, &o->select.min_duration_ns);
	case 'o':
		o->output = arg;
		return true;
	case KEY_PROGRESS:
		return parse_duration(arg, &o->progress_ns);
	case KEY_SUMMARY:
		return parse_duration(arg, &o->summary_ns);
	case KEY_RECORD:
		o->record = arg;
		return true;
	case KEY_FROM:
		o->from = arg;
		return true;
	case 'd':
		return parse_duration(arg, &o->duration_ns);
	case KEY_RING:
		return parse_size(arg, &o->ring_bytes) && o->ring_bytes >= RING_MIN && o->ring_bytes <= RING_MAX;
	case KEY_TIME_WAIT:
		return take_time_wait(arg, &o->time_wait);
	case KEY_MAX_CONNECTIONS:
		return take_u32(arg, CONNECTIONS_MAX, &o->max_connections);
	case KEY_THRESHOLD:
		return parse_duration(arg, &o->threshold_ns);
	case KEY_WATCH:
		return parse_duration(arg, &o->watch_ns);
	case KEY_BY:
		return take_by(arg, &o->leak_by);
	case KEY_MAX:
		return take_max(arg, &o->leaks_max);
	}
	return false;
}

static void take_flag(struct options *o, int key)
{
	switch (key) {
	case '4':
		o->select.ipv4 = true;
		break;
	case '6':
		o->select.ipv6 = true;
		break;
	case 'j':
		o->json = true;
		break;
	case 'T':
		o->full_time = true;
		break;
	case 'w':
		o->wide = true;
		break;
	case KEY_STACKS:
		o->stacks = true;
		break;
	case KEY_NO_HEADER:
		o->no_header = true;
		break;
	case 'v':
		o->verbose = true;
		break;
	case KEY_FOLLOW:
		o->follow = true;
		break;
	case KEY_ASCII:
		o->ascii = true;
		break;
	}
}

static int set_list(struct options *o, int key, const char *arg, char **ret_bad)
{
	for (;;) {
		size_t len = strcspn(arg, ",");
		char *word = strndup(arg, len);
		int err = word ? take_word(o, key, word) : -ENOMEM;

		if (err == -EINVAL)
			*ret_bad = word;
		else
			free(word);
		if (err)
			return err;
		if (!arg[len])
			return 0;
		arg += len + 1;
	}
}

int option_set(struct options *options, const struct option_rule *rule, const char *arg, char **ret_bad)
{
	char *bad;

	if (rule->list)
		return set_list(options, rule->key, arg, ret_bad);
	if (!arg) {
		take_flag(options, rule->key);
		return 0;
	}
	if (take_value(options, rule->key, arg))
		return 0;
	bad = strdup(arg);
	if (!bad)
		return -ENOMEM;
	*ret_bad = bad;
	return -EINVAL;
}
