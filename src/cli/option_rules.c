// SPDX-License-Identifier: GPL-2.0-only
/*
 * One row per option, and the functions that take a value. They check one value at a time; what depends on several options is
 * args.c's business, and so are the messages.
 */
#include "option_rules.h"

#include "parse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define RING_MIN (256ULL << 10)
#define RING_MAX (1ULL << 30)
#define CONNECTIONS_MAX (1 << 24)
#define COMM_MAX (WIRE_COMM_LEN - 1)

#define A_PORT "a port is a number from 1 to 65535, or a range like 8000-8999"
#define A_CIDR "an address or a network is like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"
#define A_DURATION "a duration is a number with ms, s, m or h, like 30s, above 0 and up to 10 years"

/* The sets of commands that take an option. */
enum {
	TRACE = 1 << COMMAND_TRACE,
	LEAKS = 1 << COMMAND_LEAKS,
	SHOW = 1 << COMMAND_SHOW,
	DOCTOR = 1 << COMMAND_DOCTOR,
	OUTPUT = TRACE | 1 << COMMAND_REPLAY,
	LIVE = TRACE | SHOW,
	LIVES = OUTPUT | SHOW, /* whole ones */
	SELECT = LIVES | LEAKS,
	JSON = OUTPUT | LEAKS | DOCTOR,
};

/* Values */

/* An item of `size` bytes more in a list. */
static int append(struct value_list *list, const void *item, size_t size)
{
	char *items = reallocarray(list->items, list->len + 1, size);

	if (!items)
		return -ENOMEM;
	memcpy(items + list->len++ * size, item, size);
	list->items = items;
	return 0;
}

static int take_ports(const struct option_rule *rule, const char *word, void *field)
{
	struct port_range range;

	(void)rule;
	return parse_ports(word, &range) ? append(field, &range, sizeof(range)) : -EINVAL;
}

static int take_net(const struct option_rule *rule, const char *word, void *field)
{
	struct cidr cidr;

	(void)rule;
	return parse_cidr(word, &cidr) ? append(field, &cidr, sizeof(cidr)) : -EINVAL;
}

static int take_pid(const struct option_rule *rule, const char *word, void *field)
{
	uint32_t pid;

	(void)rule;
	return parse_pid(word, &pid) ? append(field, &pid, sizeof(pid)) : -EINVAL;
}

static int take_state(const struct option_rule *rule, const char *word, void *field)
{
	uint32_t state;

	(void)rule;
	if (!parse_state(word, &state))
		return -EINVAL;
	*(uint32_t *)field |= 1u << state;
	return 0;
}

/* The value of a word, or rule->words. */
static uint32_t find_word(const struct option_rule *rule, const char *word)
{
	uint32_t value = 0;

	while (value < rule->words && !(rule->word(value) && parse_name_equal(word, rule->word(value))))
		value++;
	return value;
}

static int take_bit(const struct option_rule *rule, const char *word, void *field)
{
	uint32_t value = find_word(rule, word);

	if (value == rule->words)
		return -EINVAL;
	*(uint32_t *)field |= 1u << value;
	return 0;
}

static int take_word(const struct option_rule *rule, const char *word, void *field)
{
	uint32_t value = find_word(rule, word);

	if (value == rule->words)
		return -EINVAL;
	*(uint32_t *)field = value;
	return 0;
}

static int take_text(const struct option_rule *rule, const char *word, void *field)
{
	(void)rule;
	*(const char **)field = word;
	return 0;
}

static int take_comm(const struct option_rule *rule, const char *word, void *field)
{
	return *word && strlen(word) <= COMM_MAX ? take_text(rule, word, field) : -EINVAL;
}

static int take_cgroup(const struct option_rule *rule, const char *word, void *field)
{
	return *word == '/' ? take_text(rule, word, field) : -EINVAL;
}

static int take_duration(const struct option_rule *rule, const char *word, void *field)
{
	(void)rule;
	return parse_duration(word, field) ? 0 : -EINVAL;
}

static int take_ring(const struct option_rule *rule, const char *word, void *field)
{
	uint64_t bytes;

	(void)rule;
	if (!parse_size(word, &bytes) || bytes < RING_MIN || bytes > RING_MAX)
		return -EINVAL;
	*(uint64_t *)field = bytes;
	return 0;
}

static int take_number(const char *word, uint64_t min, uint64_t max, uint32_t *ret)
{
	uint64_t number;

	if (!parse_number(word, min, max, &number))
		return -EINVAL;
	*ret = number;
	return 0;
}

static int take_netns(const struct option_rule *rule, const char *word, void *field)
{
	(void)rule;
	return take_number(word, 1, UINT32_MAX, field);
}

static int take_connections(const struct option_rule *rule, const char *word, void *field)
{
	(void)rule;
	return take_number(word, 1, CONNECTIONS_MAX, field);
}

static int take_max(const struct option_rule *rule, const char *word, void *field)
{
	(void)rule;
	return take_number(word, 0, UINT32_MAX, field);
}

/* Words */

/* A listener is not a connection, and NEW_SYN_RECV is the kernel's own affair. */
static const char *state_word(unsigned int state)
{
	return state == WIRE_LISTEN || state == WIRE_NEW_SYN_RECV ? NULL : conn_state_name(state);
}

static const char *end_word(unsigned int end)
{
	return conn_end_name(end);
}

static const char *event_word(unsigned int kind)
{
	return record_kind_name(kind);
}

static const char *by_word(unsigned int by)
{
	return leak_by_name(by);
}

static const char *time_wait_word(unsigned int mode)
{
	static const char *const words[] = {[CONN_TW_JOIN] = "join", [CONN_TW_SPLIT] = "split", [CONN_TW_OFF] = "off"};

	return words[mode];
}

static const char *tier_word(unsigned int tier)
{
	static const char *const words[WIRE_TIER_MAX] = {
		[WIRE_TIER_FENTRY] = "fentry", [WIRE_TIER_TIMER] = "timer", [WIRE_TIER_SCAN] = "scan"};

	return words[tier];
}

#define FIELD(member) .field = offsetof(struct options, member)
#define WORDS(function, max) .word = function, .words = max

const struct option_rule option_rules[] = {
	{"pid", 'p', NULL, "PID,..", "Process that owns the socket", GROUP_SELECT, SELECT, true, take_pid, FIELD(select.pids),
	 "a pid is a number from 1 to 4194304"},
	{"comm", 'c', NULL, "COMM", "Its name, in full", GROUP_SELECT, SELECT, false, take_comm, FIELD(select.comm),
	 "a process name has 1 to 15 bytes, the kernel keeps no more"},
	{"local-port", 'L', "localport", "PORT,A-B,..", "Local port", GROUP_SELECT, SELECT, true, take_ports,
	 FIELD(select.local_ports), A_PORT},
	{"peer-port", 'D', "remoteport", "PORT,A-B,..", "Peer's port", GROUP_SELECT, SELECT, true, take_ports,
	 FIELD(select.peer_ports), A_PORT},
	{"local", 0, NULL, "CIDR,..", "Local address or network", GROUP_SELECT, SELECT, true, take_net,
	 FIELD(select.local_nets), A_CIDR},
	{"peer", 0, NULL, "CIDR,..", "Peer's address or network", GROUP_SELECT, SELECT, true, take_net, FIELD(select.peer_nets),
	 A_CIDR},
	{"ipv4", '4', NULL, NULL, "IPv4 only", GROUP_SELECT, SELECT, FIELD(select.ipv4)},
	{"ipv6", '6', NULL, NULL, "IPv6 only", GROUP_SELECT, SELECT, FIELD(select.ipv6)},
	{"netns", 0, NULL, "INUM", "Network namespace, by inode number", GROUP_SELECT, SELECT, false, take_netns,
	 FIELD(select.netns), "a network namespace is the number that `ls -iL /proc/PID/ns/net` prints"},
	{"cgroup", 0, NULL, "PATH", "Control group and all below it", GROUP_SELECT, SELECT, false, take_cgroup,
	 FIELD(select.cgroup), "a cgroup path starts with /, as in /proc/PID/cgroup"},
	{"min-duration", 0, NULL, "DUR", "Lived at least this long", GROUP_SELECT, LIVES, false, take_duration,
	 FIELD(select.min_duration_ns), A_DURATION},
	{"state", 0, NULL, "STATE,..", "Was ever in one of these states", GROUP_SELECT, LIVES, true, take_state,
	 FIELD(select.states), "states are", WORDS(state_word, WIRE_STATE_MAX)},
	{"end", 0, NULL, "REASON,..", "Ended for one of these reasons", GROUP_SELECT, LIVES, true, take_bit, FIELD(select.ends),
	 "reasons are", WORDS(end_word, CONN_END_MAX)},

	{"json", 'j', NULL, NULL, "JSON lines instead of a table", GROUP_OUTPUT, JSON, FIELD(json)},
	{"output", 'o', NULL, "FILE", "Write to FILE, not to standard output", GROUP_OUTPUT, LIVES, false, take_text,
	 FIELD(output), NULL},
	{"events", 0, NULL, "LIST", "Records to write", GROUP_OUTPUT, OUTPUT, true, take_bit, FIELD(events), "events are",
	 WORDS(event_word, RECORD_MAX)},
	{"time-wait", 0, NULL, "MODE",
	 "join (the default with --json): one record, after TIME_WAIT; split (the default without): one at the close, one "
	 "after "
	 "TIME_WAIT; off: do not follow TIME_WAIT",
	 GROUP_OUTPUT, OUTPUT, false, take_word, FIELD(time_wait), "it is one of", WORDS(time_wait_word, CONN_TW_OFF + 1)},
	{"progress", 0, NULL, "DUR", "Report living connections every DUR", GROUP_OUTPUT, OUTPUT, false, take_duration,
	 FIELD(progress_ns), A_DURATION},
	{"summary", 0, NULL, "DUR", "Totals every DUR (60s)", GROUP_OUTPUT, OUTPUT, false, take_duration, FIELD(summary_ns),
	 A_DURATION},
	{"time", 'T', NULL, NULL, "Full date and time", GROUP_OUTPUT, OUTPUT, FIELD(full_time)},
	{"wide", 'w', NULL, NULL, "Wide columns, for IPv6", GROUP_OUTPUT, OUTPUT, FIELD(wide)},
	{"no-header", 0, NULL, NULL, "No line of column names", GROUP_OUTPUT, OUTPUT, FIELD(no_header)},
	{"record", 0, NULL, "FILE", "Keep all events in FILE, for replay", GROUP_OUTPUT, TRACE, false, take_text, FIELD(record),
	 NULL},

	{"threshold", 0, NULL, "DUR", "A socket leaks after DUR in CLOSE_WAIT (60s)", GROUP_LEAKS, OUTPUT | LEAKS, false,
	 take_duration, FIELD(threshold_ns), A_DURATION},
	{"by", 0, NULL, "WHAT", "Group by process, peer or cgroup (process)", GROUP_LEAKS, LEAKS, false, take_word,
	 FIELD(leak_by), "leaks are grouped by", WORDS(by_word, LEAK_BY_MAX)},
	{"watch", 0, NULL, "DUR", "Repeat the scan every DUR", GROUP_LEAKS, LEAKS, false, take_duration, FIELD(watch_ns),
	 A_DURATION},
	{"stacks", 0, NULL, NULL, "Where in its program each leaked connection was opened, if that was while this runs",
	 GROUP_LEAKS, TRACE | LEAKS, FIELD(stacks)},
	{"max", 0, NULL, "N", "Exit with 3 if more than N sockets leak (0)", GROUP_LEAKS, LEAKS, false, take_max,
	 FIELD(leaks_max), "it is a number from 0 to 4294967295"},

	{"follow", 0, NULL, NULL, "Each connection as it ends; without it, what is open now", GROUP_SHOW, SHOW, FIELD(follow)},
	{"from", 0, NULL, "FILE", "From JSON lines (- for standard input) or a recording", GROUP_SHOW, SHOW, false, take_text,
	 FIELD(from), NULL},
	{"ascii", 0, NULL, NULL, "Draw with ASCII characters", GROUP_SHOW, SHOW, FIELD(ascii)},

	{"hooks", 0, NULL, "LIST", "How TIME_WAIT may be seen (fentry,timer,scan): the best of these that works", GROUP_RUN,
	 LIVE | DOCTOR, true, take_bit, FIELD(tiers), "hooks for TIME_WAIT are", WORDS(tier_word, WIRE_TIER_MAX)},
	{"duration", 'd', NULL, "DUR", "Stop after DUR", GROUP_RUN, LIVE, false, take_duration, FIELD(duration_ns), A_DURATION},
	{"ring", 0, NULL, "SIZE", "Buffer for the kernel's events (16M)", GROUP_RUN, LIVE, false, take_ring, FIELD(ring_bytes),
	 "a size is a number with K, M or G, like 16M, from 256K to 1G"},
	{"max-connections", 0, NULL, "N", "Track at most N at a time (1000000)", GROUP_RUN, LIVES, false, take_connections,
	 FIELD(max_connections), "it is a number from 1 to 16777216"},
	{"verbose", 'v', NULL, NULL, "Say what is being done, on stderr", GROUP_RUN, JSON | SHOW, FIELD(verbose)},
};
const size_t option_rules_len = ARRAY_SIZE(option_rules);

static int take_list(const struct option_rule *rule, const char *arg, void *field, char **ret_bad)
{
	for (;;) {
		size_t len = strcspn(arg, ",");
		char *word = strndup(arg, len);
		int err = word ? rule->parse(rule, word, field) : -ENOMEM;

		if (err == -EINVAL)
			*ret_bad = word;
		else
			free(word);
		if (err || !arg[len])
			return err;
		arg += len + 1;
	}
}

int option_set(const struct option_rule *rule, const char *arg, struct options *options, char **ret_bad)
{
	void *field = (char *)options + rule->field;
	int err;

	if (!rule->parse) {
		*(bool *)field = true;
		return 0;
	}
	if (rule->list)
		return take_list(rule, arg, field, ret_bad);
	err = rule->parse(rule, arg, field);
	if (err == -EINVAL) {
		*ret_bad = strdup(arg);
		return *ret_bad ? -EINVAL : -ENOMEM;
	}
	return err;
}

void option_expects(const struct option_rule *rule, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "%s", rule->expects ? rule->expects : "");
	const char *before = " ";

	for (unsigned int i = 0; i < rule->words && len < size; i++) {
		if (!rule->word(i))
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", before, rule->word(i));
		before = ", ";
	}
}
