// SPDX-License-Identifier: GPL-2.0-only
/* One row per option. option_value.c takes the values; what depends on several options is checked in settle.c. */
#include "option_rules.h"

#include "nearest.h"
#include "src/format/format.h"
#include "src/format/ladder_steps.h"

#include <stdio.h>
#include <string.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define A_PORT "a port is a number from 1 to 65535, or a range like 8000-8999"
#define A_CIDR "an address or a network is like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32"
#define A_MOMENT "a time is in UTC, like 2026-01-02, 2026-01-02T03:04 or 2026-01-02T03:04:05Z, or so long ago, like 2h"
#define A_DURATION "a duration is a number with ms, s, m, h or d, like 1.5s, above 0 and up to 10 years"

/* The sets of commands that take an option. */
enum {
	TRACE = 1 << COMMAND_TRACE,
	LEAKS = 1 << COMMAND_LEAKS,
	DIAGNOSE = 1 << COMMAND_DIAGNOSE,
	TOP = 1 << COMMAND_TOP,
	SHOW = 1 << COMMAND_SHOW,
	REPORT = 1 << COMMAND_REPORT,
	FEATURES = 1 << COMMAND_FEATURES,
	STATUS = 1 << COMMAND_STATUS,
	OUTPUT = TRACE | 1 << COMMAND_REPLAY,
	LIVE = TRACE | SHOW | DIAGNOSE | TOP,
	FILES = SHOW | 1 << COMMAND_EXPLAIN,
	LIVES = OUTPUT | SHOW, /* whole ones */
	TABLE = OUTPUT | LEAKS,
	SELECT = LIVES | LEAKS | DIAGNOSE | TOP,
	JSON = OUTPUT | LEAKS | DIAGNOSE | FEATURES,
};

/* Words */

/* A listener is not a connection, and NEW_SYN_RECV is the kernel's own affair. */
static const char *state_word(unsigned int state)
{
	return state == WIRE_LISTEN || state == WIRE_NEW_SYN_RECV ? NULL : conn_state_name(state);
}

static const char *time_wait_word(unsigned int mode)
{
	static const char *const words[] = {[CONN_TW_JOIN] = "join", [CONN_TW_SPLIT] = "split", [CONN_TW_OFF] = "off"};

	return words[mode];
}

static const char *output_format_word(unsigned int format)
{
	static const char *const words[OUTPUT_FORMATS] = {
		[OUTPUT_JSON] = "json", [OUTPUT_TABLE] = "table", [OUTPUT_CSV] = "csv"};

	return words[format];
}

static const char *on_full_word(unsigned int what)
{
	static const char *const words[OUTPUT_ON_FULL_MAX] = {
		[OUTPUT_DROP] = "drop", [OUTPUT_BLOCK] = "block", [OUTPUT_EXIT] = "exit"};

	return words[what];
}

static const char *live_page_word(unsigned int where)
{
	static const char *const words[LIVE_PAGE_WHERES] = {
		[LIVE_PAGE_LOCAL] = "local", [LIVE_PAGE_ANY] = "any", [LIVE_PAGE_OFF] = "off"};

	return words[where];
}

static const char *colour_word(unsigned int when)
{
	static const char *const words[COLOUR_WHENS] = {
		[COLOUR_AUTO] = "auto", [COLOUR_ALWAYS] = "always", [COLOUR_NEVER] = "never"};

	return words[when];
}

static const char *tier_word(unsigned int tier)
{
	static const char *const words[WIRE_TIER_MAX] = {
		[WIRE_TIER_FENTRY] = "fentry", [WIRE_TIER_TIMER] = "timer", [WIRE_TIER_SCAN] = "scan"};

	return words[tier];
}

#define FIELD(member) .field = offsetof(struct options, member)
#define WORDS(function, max) .word = function, .words = max
#define LIMITS(least, most) .min = least, .max = most

const struct option_rule option_rules[] = {
	{"pid", 'p', NULL, "PID,..", "Process that owns the socket", GROUP_SELECT, SELECT, OPTION_PIDS, FIELD(select.pids),
	 "a pid is a number from 1 to 4194304"},
	{"comm", 'c', NULL, "COMM", "Full name of the process, as in /proc/PID/comm", GROUP_SELECT, SELECT, OPTION_COMM,
	 FIELD(select.comm), "a process name has 1 to 15 bytes, the kernel keeps no more"},
	{"local-port", 'L', "localport", "PORT,A-B,..", "Local port", GROUP_SELECT, SELECT, OPTION_PORTS,
	 FIELD(select.local_ports), A_PORT},
	{"peer-port", 'D', "remoteport", "PORT,A-B,..", "Peer's port", GROUP_SELECT, SELECT, OPTION_PORTS,
	 FIELD(select.peer_ports), A_PORT},
	{"local", 0, NULL, "CIDR,..", "Local address or network", GROUP_SELECT, SELECT, OPTION_NETS, FIELD(select.local_nets),
	 A_CIDR},
	{"peer", 0, NULL, "CIDR,..", "Peer's address or network", GROUP_SELECT, SELECT, OPTION_NETS, FIELD(select.peer_nets),
	 A_CIDR},
	{"ipv4", '4', NULL, NULL, "IPv4 only", GROUP_SELECT, SELECT, OPTION_FLAG, FIELD(select.ipv4)},
	{"ipv6", '6', NULL, NULL, "IPv6 only", GROUP_SELECT, SELECT, OPTION_FLAG, FIELD(select.ipv6)},
	{"netns", 0, NULL, "NETNS,..", "Network namespace, by inode number, path, or name in `ip netns`", GROUP_SELECT, SELECT,
	 OPTION_NETNS, FIELD(select.namespaces),
	 "a network namespace is the number that `ls -iL /proc/PID/ns/net` prints, such a path, or a name of `ip netns list`"},
	{"cgroup", 0, NULL, "PATH", "Control group and all below it", GROUP_SELECT, SELECT, OPTION_CGROUP, FIELD(select.cgroup),
	 "a cgroup path starts with /, as in /proc/PID/cgroup"},
	{"min-duration", 0, NULL, "DUR", "Lived at least this long", GROUP_SELECT, LIVES, OPTION_DURATION,
	 FIELD(select.min_duration_ns), A_DURATION},
	{"state", 0, NULL, "STATE,..", "Was ever in one of these states:", GROUP_SELECT, LIVES, OPTION_STATES,
	 FIELD(select.states), "states are", WORDS(state_word, WIRE_STATE_MAX)},
	{"end", 0, NULL, "REASON,..", "Ended for one of these reasons:", GROUP_SELECT, LIVES, OPTION_ENDS, FIELD(select.ends),
	 "reasons are", WORDS(conn_end_name, CONN_END_MAX)},

	{"json", 'j', NULL, NULL, "JSON lines instead of a table", GROUP_OUTPUT, JSON | STATUS, OPTION_FLAG, FIELD(json)},
	{"csv", 's', NULL, NULL,
	 "CSV instead of a table: connections, their progress, and losses; of leaks, a row for each socket", GROUP_OUTPUT,
	 TABLE, OPTION_FLAG, FIELD(csv)},
	{"output", 'o', NULL, "URL",
	 "Where records go: a file, to which they are appended, but report replaces it, or - for standard output, the default. "
	 "trace also takes unix:PATH, journal:, kafka://HOST:PORT/TOPIC, otlp+http://HOST:PORT/v1/logs, and several outputs, "
	 "each "
	 "with options of its own: --json -o 'FILE?detail=short&events=connection,lost'",
	 GROUP_OUTPUT, LIVES | LEAKS | DIAGNOSE | REPORT, OPTION_TEXTS, FIELD(output_args), "an output needs a name"},
	{"events", 0, NULL, "LIST",
	 "Records to write (by default all but progress, state, retransmit, reset, time_wait and "
	 "finding):",
	 GROUP_OUTPUT, OUTPUT, OPTION_WORDS, FIELD(each.events), "events are", WORDS(record_kind_name, RECORD_MAX)},
	{"detail", 0, NULL, "HOW", "How much a JSON line has of a connection: full (the default), standard, short",
	 GROUP_OUTPUT, OUTPUT, OPTION_WORD, FIELD(each.detail), "a detail is one of",
	 WORDS(format_detail_name, FORMAT_DETAIL_MAX)},
	{"sample", 0, NULL, "1/N", "Write all records of one in N connections; alerts and totals always", GROUP_OUTPUT, OUTPUT,
	 OPTION_SAMPLE, FIELD(each.sample), "a sample is like 1/100, from 1/1 to 1/1000000", LIMITS(1, 1000000)},
	{"time-wait", 0, NULL, "MODE",
	 "join (the default with JSON or CSV): one record, after TIME_WAIT; split (the default for tables): one at the close, "
	 "one after TIME_WAIT; off: do not follow TIME_WAIT",
	 GROUP_OUTPUT, OUTPUT, OPTION_WORD, FIELD(time_wait), "a mode is one of", WORDS(time_wait_word, CONN_TW_OFF + 1)},
	{"progress", 0, NULL, "DUR", "Report living connections every DUR", GROUP_OUTPUT, OUTPUT, OPTION_DURATION,
	 FIELD(progress_ns), A_DURATION},
	{"summary", 0, NULL, "DUR", "Totals every DUR (60s), and at the end", GROUP_OUTPUT, OUTPUT, OPTION_DURATION,
	 FIELD(summary_ns), A_DURATION},
	{"time", 'T', NULL, NULL, "Date and time in UTC", GROUP_OUTPUT, TABLE, OPTION_FLAG, FIELD(full_time)},
	{"wide", 'w', NULL, NULL, "Columns wide enough for IPv6, and words for letters; of leaks, all groups and commands",
	 GROUP_OUTPUT, TABLE, OPTION_FLAG, FIELD(wide)},
	{"no-header", 0, NULL, NULL, "No line of column names", GROUP_OUTPUT, TABLE, OPTION_FLAG, FIELD(no_header)},
	{"format", 0, NULL, "FORMAT", NULL, GROUP_OUTPUT, 0, OPTION_WORD, FIELD(each.format), "a format is one of",
	 WORDS(output_format_word, OUTPUT_FORMATS)},
	{"on-full", 0, NULL, "WHAT",
	 "If an output is slower than its records: drop (the default) some and count them, block until there is room, or exit",
	 GROUP_OUTPUT, TRACE, OPTION_WORD, FIELD(each.on_full), "WHAT is one of", WORDS(on_full_word, OUTPUT_ON_FULL_MAX)},
	{"rotate-bytes", 0, NULL, "SIZE", "Begin a new file when it has SIZE; the old one gets the ending .1", GROUP_OUTPUT,
	 TRACE, OPTION_SIZE, FIELD(each.rotate_bytes), "a size is a number with K, M or G, like 100M, from 64K to 1024G",
	 LIMITS(64 << 10, 1ull << 40)},
	{"rotate-keep", 0, NULL, "N", "Keep N old files (5)", GROUP_OUTPUT, TRACE, OPTION_NUMBER, FIELD(each.rotate_keep),
	 "N is a number from 0 to 999", LIMITS(0, 999)},
	{"rotate-compress", 0, NULL, NULL, "Compress old files with gzip", GROUP_OUTPUT, TRACE, OPTION_FLAG,
	 FIELD(each.rotate_compress)},
	{"group", 0, NULL, "NAME", "Group of new files and of --status, like adm", GROUP_OUTPUT, TRACE, OPTION_TEXT,
	 FIELD(each.group), NULL},
	{"spool", 0, NULL, "DIR,SIZE", NULL, GROUP_OUTPUT, 0, OPTION_TEXT, FIELD(each.spool), NULL},
	{"properties", 0, NULL, "FILE", NULL, GROUP_OUTPUT, 0, OPTION_TEXT, FIELD(each.properties), NULL},
	{"headers", 0, NULL, "FILE", NULL, GROUP_OUTPUT, 0, OPTION_TEXT, FIELD(each.headers), NULL},
	{"ca", 0, NULL, "FILE", NULL, GROUP_OUTPUT, 0, OPTION_TEXT, FIELD(each.ca), NULL},
	{"record", 0, NULL, "FILE", "Keep all events in FILE, for replay; it is overwritten", GROUP_OUTPUT, TRACE, OPTION_TEXT,
	 FIELD(record), NULL},
	{"state-file", 0, NULL, "FILE",
	 "Keep what is known of leaks in FILE, so that the next run goes on with their alerts and ages", GROUP_OUTPUT, TRACE,
	 OPTION_TEXT, FIELD(state_file), NULL},
	{"metrics", 0, NULL, "ADDR:PORT", "Serve metrics to Prometheus at http://ADDR:PORT/metrics, or at unix:PATH",
	 GROUP_OUTPUT, TRACE, OPTION_TEXT, FIELD(metrics), NULL},
	{"metrics-file", 0, NULL, "FILE", "Write metrics to FILE each 5 s, for node_exporter", GROUP_OUTPUT, TRACE, OPTION_TEXT,
	 FIELD(metrics_file), NULL},
	{"metrics-by", 0, NULL, "WHAT", "Metrics of connections by process, local_port or cgroup: the 50 commonest, and other",
	 GROUP_OUTPUT, TRACE, OPTION_WORD, FIELD(metrics_by), "metrics are by", WORDS(metrics_by_name, METRICS_BY_MAX)},
	{"live-page", 0, NULL, "WHERE",
	 "Where --metrics has a page of the connections at /, too: local (the default: at loopback addresses and Unix "
	 "sockets), any, or off",
	 GROUP_OUTPUT, TRACE, OPTION_WORD, FIELD(live_page), "the live page is", WORDS(live_page_word, LIVE_PAGE_WHERES)},
	{"status", 0, NULL, "SOCKET",
	 "Socket on which `tcplife-fsm status` asks this run (in /run/tcplife-fsm, if it exists), or none", GROUP_OUTPUT, TRACE,
	 OPTION_TEXT, FIELD(status), NULL},

	{"threshold", 0, NULL, "DUR",
	 "A socket leaks after DUR in CLOSE_WAIT (60s). For leaks, diagnose and top also the time in FIN_WAIT2 and without "
	 "accept(), for diagnose and top the time unused while a child holds it",
	 GROUP_LEAKS, TABLE | DIAGNOSE | TOP, OPTION_DURATION, FIELD(threshold_ns), A_DURATION},
	{"by", 0, NULL, "WHAT,..", "Group by one or several of these (process,dependency):", GROUP_LEAKS, LEAKS, OPTION_WORDS,
	 FIELD(leak_by), "leaks are grouped by", WORDS(leak_by_name, LEAK_BY_MAX)},
	{"sort", 0, NULL, "KEY[:desc]", "Order of the groups: the least first, or with :desc the most (count:desc)",
	 GROUP_LEAKS, LEAKS, OPTION_WORD, FIELD(leak_sort), "groups are sorted by", WORDS(leak_sort_name, LEAK_SORT_MAX)},
	{"watch", 0, NULL, "DUR", "Repeat the scan every DUR", GROUP_LEAKS, LEAKS, OPTION_DURATION, FIELD(watch_ns),
	 A_DURATION},
	{"stacks", 0, NULL, NULL,
	 "Show the code that opened each leaked connection; not for connections that are older than this run", GROUP_LEAKS,
	 TRACE | LEAKS, OPTION_FLAG, FIELD(stacks)},
	{"redact", 0, NULL, NULL, "Of command lines show the program's name alone", GROUP_LEAKS, LEAKS, OPTION_FLAG,
	 FIELD(redact)},
	{"max", 0, NULL, "N", "Exit with 3 if more than N sockets leak (0); not with --watch", GROUP_LEAKS, LEAKS,
	 OPTION_NUMBER, FIELD(leaks_max), "N is a number from 0 to 4294967295", LIMITS(0, UINT32_MAX)},

	{"ignore", 0, NULL, "ID,..", "Leave these findings out:", GROUP_DIAGNOSE, DIAGNOSE, OPTION_WORDS, FIELD(ignored),
	 "findings are", WORDS(finding_id_name, FINDING_MAX)},
	{"quiet", 'q', NULL, NULL,
	 "Print nothing if nothing was found wrong, and warn of nothing but failed scans and hooks, as for cron",
	 GROUP_DIAGNOSE, DIAGNOSE, OPTION_FLAG, FIELD(quiet)},

	{"once", 0, NULL, NULL, "Print one picture, after one interval, and end", GROUP_TOP, TOP, OPTION_FLAG, FIELD(once)},
	{"interval", 0, NULL, "DUR", "A picture each DUR (1s)", GROUP_TOP, TOP, OPTION_DURATION, FIELD(interval_ns),
	 A_DURATION},

	{"follow", 0, NULL, NULL, "Draw each connection as it ends; the default is to draw what is open now", GROUP_SHOW, SHOW,
	 OPTION_FLAG, FIELD(follow)},
	{"from", 0, NULL, "FILE", "From JSON lines (- for standard input) or a recording", GROUP_SHOW, FILES, OPTION_TEXT,
	 FIELD(from), NULL},
	{"svg", 0, NULL, NULL, "One SVG document instead of text: > FILE.svg", GROUP_SHOW, SHOW, OPTION_FLAG, FIELD(svg)},
	{"mermaid", 0, NULL, NULL, "Sequence diagrams of Mermaid for tickets, in Markdown", GROUP_SHOW, SHOW, OPTION_FLAG,
	 FIELD(mermaid)},
	{"last", 0, NULL, "N", "Draw the last N connections only; not with --follow", GROUP_SHOW, FILES, OPTION_NUMBER,
	 FIELD(last), "N is a number from 1 to 10000", LIMITS(1, 10000)},
	{"clock", 0, NULL, "HOW",
	 "Times: relative to the connection's begin (the default), wall (of day, in UTC), or delta (since the time above)",
	 GROUP_SHOW, SHOW, OPTION_WORD, FIELD(clock), "HOW is one of", WORDS(ladder_clock_name, LADDER_CLOCKS)},
	{"width", 0, NULL, "N", "Columns, from 40 to 200 (the terminal's; 80 in a pipe or a file)", GROUP_SHOW, FILES,
	 OPTION_NUMBER, FIELD(width), "N is a number from 40 to 200", LIMITS(LADDER_WIDTH_MIN, LADDER_WIDTH_MAX)},
	{"color", 0, "colour", "WHEN", "Colours: auto (the default; on a terminal, unless NO_COLOR is set), always, or never",
	 GROUP_SHOW, SHOW, OPTION_WORD, FIELD(colour), "WHEN is one of", WORDS(colour_word, COLOUR_WHENS)},
	{"ascii", 0, NULL, NULL, "Draw with ASCII characters", GROUP_SHOW, SHOW | TOP, OPTION_FLAG, FIELD(ascii)},

	{"since", 0, NULL, "TIME",
	 "Records of this time or later: 2026-01-02, 2026-01-02T03:04:05Z, or 2h, which is 2 hours ago", GROUP_REPORT, REPORT,
	 OPTION_MOMENT, FIELD(since_us), A_MOMENT},
	{"until", 0, NULL, "TIME", "Records of this time or earlier", GROUP_REPORT, REPORT, OPTION_MOMENT, FIELD(until_us),
	 A_MOMENT},

	{"config", 0, NULL, "FILE",
	 "Read options from FILE, one a line without dashes; of a folder, from all its *.conf. The command line wins",
	 GROUP_RUN, TRACE, OPTION_TEXTS, FIELD(config_files), "a file needs a name"},
	{"check-config", 0, NULL, NULL, "Say whether the options of --config are fine, and do nothing else", GROUP_RUN, TRACE,
	 OPTION_FLAG, FIELD(check_config)},
	{"hooks", 0, NULL, "LIST", "Follow TIME_WAIT by the best of these that works:", GROUP_RUN, LIVE | FEATURES,
	 OPTION_WORDS, FIELD(tiers), "hooks for TIME_WAIT are", WORDS(tier_word, WIRE_TIER_MAX)},
	{"duration", 'd', NULL, "DUR", "Stop after DUR (diagnose: 30s; below 10s it finds less)", GROUP_RUN, LIVE | LEAKS,
	 OPTION_DURATION, FIELD(duration_ns), A_DURATION},
	{"ring", 0, NULL, "SIZE", "Buffer for the kernel's events (16M)", GROUP_RUN, LIVE, OPTION_SIZE, FIELD(ring_bytes),
	 "a size is a number with K, M or G, like 16M, from 256K to 1G", LIMITS(256 << 10, 1 << 30)},
	{"no-lanes", 0, NULL, NULL, "Use ring buffers alone, without the faster lanes in front of them", GROUP_RUN, LIVE,
	 OPTION_FLAG, FIELD(no_lanes)},
	{"max-connections", 0, NULL, "N", "Track at most N at a time (1000000)", GROUP_RUN, LIVES | DIAGNOSE | TOP,
	 OPTION_NUMBER, FIELD(max_connections), "N is a number from 1 to 16777216", LIMITS(1, CONN_MAX)},
	{"cpu-limit", 0, NULL, "PERCENT",
	 "Write less while the tool takes more than PERCENT of one CPU, like 5%: standard instead of full records, then short "
	 "ones, then counts only; more again when it takes well less",
	 GROUP_RUN, TRACE, OPTION_PERCENT, FIELD(cpu_limit_ppm),
	 "a limit is a part of one CPU in percent, like 5% or 0.5%, up to 100000%", LIMITS(1, 1000 * 1000000ull)},
	{"memory-limit", 0, NULL, "SIZE",
	 "The same while it takes more memory than SIZE. Half of it is for connections, unless --max-connections says more",
	 GROUP_RUN, TRACE, OPTION_SIZE, FIELD(memory_limit), "a size is a number with K, M or G, like 256M, from 32M to 1024G",
	 LIMITS(32 << 20, 1ull << 40)},
	{"verbose", 'v', NULL, NULL, "Say what is being done, on stderr", GROUP_RUN, JSON | SHOW, OPTION_FLAG, FIELD(verbose)},
};
const size_t option_rules_len = ARRAY_SIZE(option_rules);
_Static_assert(ARRAY_SIZE(option_rules) <= OPTION_RULES_MAX, "each row has its place in struct context");

const struct option_rule *option_in_file(const char *name)
{
	for (const struct option_rule *rule = option_rules; rule < option_rules + option_rules_len; rule++) {
		bool is_about_files = rule->field == offsetof(struct options, config_files) ||
				      rule->field == offsetof(struct options, check_config);

		if (!strcmp(rule->name, name) || (rule->alias && !strcmp(rule->alias, name)))
			return rule->takes & TRACE && !is_about_files ? rule : NULL;
	}
	return NULL;
}

bool option_reloads(const struct option_rule *rule)
{
	return rule->group == GROUP_SELECT || rule->field == offsetof(struct options, each.sample) ||
	       rule->field == offsetof(struct options, each.detail) || rule->field == offsetof(struct options, cpu_limit_ppm) ||
	       rule->field == offsetof(struct options, memory_limit);
}

const char *option_nearest(const struct option_rule *rule, const char *word)
{
	struct nearest nearest = {.word = word};

	for (unsigned int i = 0; i < rule->words; i++)
		if (rule->word(i))
			nearest_try(&nearest, rule->word(i));
	return nearest.found;
}

void option_words(const struct option_rule *rule, const char *text, char *buf, size_t size)
{
	size_t len = (size_t)snprintf(buf, size, "%s", text ? text : "");
	const char *before = " ";

	for (unsigned int i = 0; i < rule->words && len < size; i++) {
		if (!rule->word(i))
			continue;
		len += (size_t)snprintf(buf + len, size - len, "%s%s", before, rule->word(i));
		before = ", ";
	}
}
