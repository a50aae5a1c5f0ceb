// SPDX-License-Identifier: GPL-2.0-only
/* The command line as a user types it: what it fills in, and the one sentence that a wrong one gives. */
#include "src/cli/error.h" /* before cmocka, which has a macro fail() */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/core/record_types.h"
#include "src/cli/embedded.h"
#include "src/format/ladder_steps.h"
#include "src/cli/args.h"
#include "src/format/format.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
#define SECOND 1000000000ULL
#define BIT(n) (1U << (n))
#define DEFAULT_EVENTS                                                                                                         \
	(BIT(RECORD_CONNECTION) | BIT(RECORD_CLOSE_WAIT_LEAK) | BIT(RECORD_CLOSE_WAIT_RESOLVED) | BIT(RECORD_SNAPSHOT) |       \
	 BIT(RECORD_SUMMARY) | BIT(RECORD_LOST) | BIT(RECORD_META))

/* What one call left behind. */
static struct options options;
static int code;
static char out[65536], err[4096];
static char line[1024]; /* `options` points into it */

static int redirect(int fd, FILE *to)
{
	int saved = dup(fd);

	assert_true(saved >= 0);
	assert_int_equal(dup2(fileno(to), fd), fd);
	return saved;
}

static void restore(int fd, int saved, FILE *from, char *buf, size_t size)
{
	assert_int_equal(dup2(saved, fd), fd);
	close(saved);
	rewind(from);
	buf[fread(buf, 1, size - 1, from)] = '\0';
	fclose(from);
}

/* Splits at blanks; `''` stands for an empty argument. */
static void run(const char *command_line)
{
	static char *argv[64];
	FILE *out_file = tmpfile(), *err_file = tmpfile();
	int argc = 0, saved_out, saved_err;

	assert_non_null(out_file);
	assert_non_null(err_file);
	options_free(&options);
	assert_true((size_t)snprintf(line, sizeof(line), "build/tcplife-fsm %s", command_line) < sizeof(line));
	for (char *rest = line, *word; (word = strsep(&rest, " "));)
		if (*word)
			argv[argc++] = strcmp(word, "''") ? word : word + 2;
	argv[argc] = NULL;

	fflush(stdout);
	saved_out = redirect(STDOUT_FILENO, out_file);
	saved_err = redirect(STDERR_FILENO, err_file);
	code = options_parse(argc, argv, &options, NULL);
	fflush(stdout);
	restore(STDOUT_FILENO, saved_out, out_file, out, sizeof(out));
	restore(STDERR_FILENO, saved_err, err_file, err, sizeof(err));
}

static void accept_line(const char *command_line)
{
	run(command_line);
	if (code != -1 || *out || *err)
		fail_msg("'%s' gives %d: %s", command_line, code, err);
}

static void defaults(void **state)
{
	(void)state;
	accept_line("");
	assert_int_equal(options.command, COMMAND_TRACE);
	assert_null(options.file);
	assert_false(options.json);
	assert_null(options.output);
	assert_int_equal(options.each.events, DEFAULT_EVENTS);
	assert_int_equal(options.progress_ns, 0);
	assert_int_equal(options.summary_ns, 60 * SECOND);
	assert_false(options.full_time || options.wide || options.no_header || options.verbose);
	assert_null(options.record);
	assert_int_equal(options.duration_ns, 0);
	assert_int_equal(options.ring_bytes, 16 << 20);
	assert_int_equal(options.max_connections, 1000000);
	assert_memory_equal(&options.select, &(struct selection){0}, sizeof(options.select));
}

static void commands(void **state)
{
	(void)state;
	accept_line("trace -w");
	assert_int_equal(options.command, COMMAND_TRACE);
	accept_line("-j replay life.rec -w");
	assert_int_equal(options.command, COMMAND_REPLAY);
	assert_string_equal(options.file, "life.rec");
	accept_line("-s -o /tmp/x -o /tmp/y?format=json");
	assert_int_equal(options.outputs[0].format, OUTPUT_CSV);
	assert_int_equal(options.outputs[1].format, OUTPUT_JSON);
	assert_int_equal(options.time_wait, CONN_TW_JOIN);
	accept_line("-o /tmp/x?format=csv");
	assert_int_equal(options.outputs[0].format, OUTPUT_CSV);
	accept_line("replay -s x.rec");
	assert_true(options.csv);
	accept_line("-j state established sport = :443 -w");
	assert_int_equal(options.command, COMMAND_TRACE);
	assert_int_equal(options.select.filter.states, BIT(WIRE_ESTABLISHED));
	assert_int_equal(options.select.filter.len, 1);
	accept_line("diagnose dst 10/8");
	assert_int_equal(options.duration_ns, 30 * SECOND);
	assert_int_equal(options.time_wait, CONN_TW_SPLIT);
	accept_line("diagnose -q --json -d 5s --ignore resets,RETRANSMITS --ignore held_by_child --threshold 2s -L 80");
	assert_true(options.quiet && options.json);
	assert_int_equal(options.ignored, BIT(FINDING_RESETS) | BIT(FINDING_RETRANSMITS) | BIT(FINDING_HELD_BY_CHILD));
	assert_int_equal(options.duration_ns, 5 * SECOND);
	assert_int_equal(options.time_wait, CONN_TW_SPLIT);
	accept_line("top");
	assert_int_equal(options.interval_ns, SECOND);
	assert_int_equal(options.duration_ns, 0);
	assert_int_equal(options.time_wait, CONN_TW_SPLIT);
	accept_line("top --once --interval 200ms --ascii --threshold 2s -L 80 state close-wait");
	assert_int_equal(options.command, COMMAND_TOP);
	assert_true(options.once && options.ascii);
	assert_int_equal(options.interval_ns, SECOND / 5);
	assert_int_equal(options.select.filter.states, BIT(WIRE_CLOSE_WAIT));
	accept_line("leaks dst 10/8 or dst 192.168/16");
	assert_int_equal(options.select.filter.len, 3);
	accept_line("replay life.rec (sport=:443)");
	assert_string_equal(options.file, "life.rec");
	assert_int_equal(options.select.filter.len, 1);
	accept_line("show 2a01 --follow state time-wait");
	assert_int_equal(options.select.cookie, 0x2a01);
	assert_int_equal(options.select.filter.states, BIT(WIRE_TIME_WAIT));
	accept_line("show not src 10/8");
	assert_int_equal(options.select.filter.len, 2);
	accept_line("replay -- -odd-name");
	assert_string_equal(options.file, "-odd-name");
	accept_line("--stacks");
	assert_true(options.stacks);
	accept_line("leaks --threshold 5s --by peer,unit --watch 500ms --stacks --max 0 -j -L 80");
	assert_true(options.stacks);
	assert_int_equal(options.command, COMMAND_LEAKS);
	assert_int_equal(options.threshold_ns, 5 * SECOND);
	assert_int_equal(options.leak_by, LEAK_BY(PEER) | LEAK_BY(UNIT));
	assert_int_equal(options.watch_ns, SECOND / 2);
	accept_line("leaks -o x -d 10 -wT --no-header --watch 1s");
	assert_string_equal(options.output, "x");
	assert_int_equal(options.duration_ns, 10 * SECOND);
	assert_true(options.wide && options.full_time && options.no_header);
	assert_int_equal(options.leaks_max, 0);
	accept_line("leaks");
	assert_int_equal(options.threshold_ns, 60 * SECOND);
	assert_int_equal(options.leak_by, 0);
	assert_int_equal(options.watch_ns, 0);
	accept_line("show 7C9E6679.2a01 --follow --ascii -D 443 -d 5s --state SYN_SENT");
	assert_int_equal(options.command, COMMAND_SHOW);
	assert_string_equal(options.select.boot, "7c9e6679");
	assert_int_equal(options.select.cookie, 0x2a01);
	assert_true(options.follow && options.ascii);
	accept_line("show sk:a8983"); /* as ss -e prints it */
	assert_int_equal(options.select.cookie, 0xa8983);
	assert_string_equal(options.select.boot, "");
	accept_line("show 192.0.2.7:443");
	assert_int_equal(options.select.endpoint.port, 443);
	assert_int_equal(options.select.endpoint.addr.s6_addr[12], 192);
	accept_line("show [2001:db8::7]:65535");
	assert_int_equal(options.select.endpoint.port, 65535);
	assert_int_equal(options.select.endpoint.addr.s6_addr[15], 7);
	accept_line("show ffffffffffffffff --from -");
	assert_string_equal(options.select.boot, "");
	assert_true(options.select.cookie == UINT64_MAX);
	assert_string_equal(options.from, "-");
	accept_line("show --from - --last 3 --clock delta --width 200 --colour never");
	assert_int_equal(options.last, 3);
	assert_int_equal(options.clock, LADDER_DELTA);
	assert_int_equal(options.width, 200);
	assert_int_equal(options.colour, COLOUR_NEVER);
	accept_line("status");
	assert_int_equal(options.command, COMMAND_STATUS);
	assert_null(options.socket);
	accept_line("status /run/x.sock -j");
	assert_string_equal(options.socket, "/run/x.sock");
	assert_true(options.json);
	accept_line("-o - --group adm --status /run/x.sock");
	assert_string_equal(options.status, "/run/x.sock");
	accept_line("explain");
	assert_int_equal(options.command, COMMAND_EXPLAIN);
	assert_null(options.word);
	accept_line("explain --from life.jsonl 7c9e6679.2a01");
	assert_string_equal(options.from, "life.jsonl");
	assert_int_equal(options.select.cookie, 0x2a01);
	accept_line("explain close_wait");
	assert_string_equal(options.word, "close_wait");
	accept_line("doctor");
	assert_int_equal(options.command, COMMAND_FEATURES);
	accept_line("features --json -v");
	assert_int_equal(options.command, COMMAND_FEATURES);
	assert_true(options.json && options.verbose);
}

static void flags(void **state)
{
	(void)state;
	accept_line("-46jTwv --no-header");
	assert_true(options.select.ipv4 && options.select.ipv6 && options.json && options.full_time && options.wide &&
		    options.verbose && options.no_header);
	accept_line("--json --verbose");
	assert_true(options.json && options.verbose);
	assert_false(options.select.ipv4 || options.select.ipv6 || options.wide);
}

static void long_names(void **state)
{
	const struct selection *s = &options.select;

	(void)state;
	accept_line(
		"--pid 1 --comm nginx --local-port 80 --localport 81 --peer-port 443 --remoteport 444 --ipv4 --time --wide");
	assert_int_equal(s->pids.len, 1);
	assert_string_equal(s->comm, "nginx");
	assert_int_equal(s->local_ports.len, 2);
	assert_int_equal(s->peer_ports.len, 2);
	assert_true(s->ipv4 && !s->ipv6 && options.full_time && options.wide);
	accept_line("--ipv6");
	assert_true(s->ipv6);
}

static void run_values(void **state)
{
	(void)state;
	accept_line("-o life.jsonl --record life.rec -d 5m --ring 256K --max-connections 1 --progress 500ms --summary 2h");
	assert_string_equal(options.outputs->address, "life.jsonl");
	assert_string_equal(options.record, "life.rec");
	assert_int_equal(options.duration_ns, 300 * SECOND);
	assert_int_equal(options.ring_bytes, 256 << 10);
	assert_int_equal(options.max_connections, 1);
	assert_int_equal(options.progress_ns, SECOND / 2);
	assert_int_equal(options.summary_ns, 7200 * SECOND);
	accept_line("--output=- --duration=1s --ring=1G --max-connections=16777216");
	assert_string_equal(options.outputs->address, "-");
	assert_int_equal(options.duration_ns, SECOND);
	assert_int_equal(options.ring_bytes, 1 << 30);
	assert_int_equal(options.max_connections, 1 << 24);
	/* A value alone is not a list: the last one counts, so that an alias can be overruled. */
	accept_line("-d 1s -c ssh -d 2s -c nginx");
	assert_int_equal(options.duration_ns, 2 * SECOND);
	assert_string_equal(options.select.comm, "nginx");
}

/* Half of the memory is for connections, unless the command line says how many there are. */
static void limits(void **state)
{
	(void)state;
	accept_line("");
	assert_int_equal(options.cpu_limit_ppm, 0);
	assert_int_equal(options.memory_limit, 0);
	accept_line("--cpu-limit 5% --memory-limit 256M");
	assert_int_equal(options.cpu_limit_ppm, 50000);
	assert_int_equal(options.memory_limit, 256 << 20);
	assert_int_equal(options.max_connections, 524288);
	accept_line("--cpu-limit 0.5 --memory-limit 32M");
	assert_int_equal(options.cpu_limit_ppm, 5000);
	assert_int_equal(options.max_connections, 65536);
	accept_line("--memory-limit 1G");
	assert_int_equal(options.max_connections, 1000000);
	accept_line("--memory-limit 256M --max-connections 1048576");
	assert_int_equal(options.max_connections, 1048576);
	accept_line("--cpu-limit 100000");
	assert_int_equal(options.cpu_limit_ppm, 1000000000);
}

static uint32_t own_netns(void)
{
	struct stat ns;

	assert_int_equal(stat("/proc/self/ns/net", &ns), 0);
	return (uint32_t)ns.st_ino;
}

static void selections(void **state)
{
	const struct selection *s = &options.select;

	(void)state;
	accept_line("-p 1,4194304 -p 7 -c exactly15bytes! -L 80,8000-8999 -D 443 -D 1-1023,65535 --netns 4026531840,4026531841 "
		    "--netns /proc/self/ns/net --cgroup /a/b");
	assert_int_equal(s->pids.len, 3);
	assert_int_equal(((const uint32_t *)s->pids.items)[0], 1);
	assert_int_equal(((const uint32_t *)s->pids.items)[1], 4194304);
	assert_int_equal(((const uint32_t *)s->pids.items)[2], 7);
	assert_string_equal(s->comm, "exactly15bytes!");
	assert_int_equal(s->local_ports.len, 2);
	assert_int_equal(((const struct port_range *)s->local_ports.items)[0].first, 80);
	assert_int_equal(((const struct port_range *)s->local_ports.items)[0].last, 80);
	assert_int_equal(((const struct port_range *)s->local_ports.items)[1].first, 8000);
	assert_int_equal(((const struct port_range *)s->local_ports.items)[1].last, 8999);
	assert_int_equal(s->peer_ports.len, 3);
	assert_int_equal(((const struct port_range *)s->peer_ports.items)[2].last, 65535);
	assert_int_equal(s->namespaces.len, 3);
	assert_int_equal(((const uint32_t *)s->namespaces.items)[0], 4026531840U);
	assert_int_equal(((const uint32_t *)s->namespaces.items)[1], 4026531841U);
	assert_int_equal(((const uint32_t *)s->namespaces.items)[2], own_netns());
	assert_string_equal(s->cgroup, "/a/b");

	accept_line("--local 10.0.0.0/8,::1 --peer 192.0.2.7 --min-duration 30s");
	assert_int_equal(s->local_nets.len, 2);
	assert_int_equal(((const struct cidr *)s->local_nets.items)[0].bits, 104);
	assert_int_equal(((const struct cidr *)s->local_nets.items)[1].bits, 128);
	assert_int_equal(s->peer_nets.len, 1);
	assert_int_equal(s->min_duration_ns, 30 * SECOND);

	accept_line("--state CLOSE_WAIT,fin-wait-1 --state estab --end fin,rst_sent --end TIMEOUT");
	assert_int_equal(s->states, BIT(WIRE_CLOSE_WAIT) | BIT(WIRE_FIN_WAIT1) | BIT(WIRE_ESTABLISHED));
	assert_int_equal(s->ends, BIT(CONN_END_FIN) | BIT(CONN_END_RST_SENT) | BIT(CONN_END_TIMEOUT));
	accept_line("--end rst-out,rst_in,unreach,netns --end stop"); /* as the table writes them */
	assert_int_equal(s->ends, BIT(CONN_END_RST_SENT) | BIT(CONN_END_RST_RECEIVED) | BIT(CONN_END_UNREACHABLE) |
					  BIT(CONN_END_NETNS_GONE) | BIT(CONN_END_DAEMON_STOP));
}

/* In the spelling of the kernel, of RFC 9293 and of ss. */
static void states(void **state)
{
	static const struct {
		const char *text;
		uint32_t state; /* 0: refused */
	} rows[] = {
		{"SYN_SENT", WIRE_SYN_SENT},
		{"syn-sent", WIRE_SYN_SENT},
		{"SYN_RECV", WIRE_SYN_RECV},
		{"SYN-RECEIVED", WIRE_SYN_RECV},
		{"syn_received", WIRE_SYN_RECV},
		{"ESTABLISHED", WIRE_ESTABLISHED},
		{"ESTAB", WIRE_ESTABLISHED},
		{"FIN_WAIT1", WIRE_FIN_WAIT1},
		{"FIN-WAIT-1", WIRE_FIN_WAIT1},
		{"fin_wait_2", WIRE_FIN_WAIT2},
		{"finwait2", WIRE_FIN_WAIT2},
		{"time-wait", WIRE_TIME_WAIT},
		{"CLOSE-WAIT", WIRE_CLOSE_WAIT},
		{"Close_Wait", WIRE_CLOSE_WAIT},
		{"LAST-ACK", WIRE_LAST_ACK},
		{"closing", WIRE_CLOSING},
		{"CLOSE", WIRE_CLOSE},
		{"closed", WIRE_CLOSE},
		{"UNCONN", WIRE_CLOSE},
		{"LISTEN", 0},
		{"NEW_SYN_RECV", 0},
		{"FIN_WAIT", 0},
		{"FIN_WAIT3", 0},
		{"ESTABLISHEDX", 0},
		{"EST", 0},
		{"-", 0},
		{"1", 0},
		{"SYN+SENT", 0},
	};

	char words[64];

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		snprintf(words, sizeof(words), "--state %s", rows[i].text);
		run(words);
		if (code != (rows[i].state ? -1 : EXIT_USAGE) || (rows[i].state && options.select.states != BIT(rows[i].state)))
			fail_msg("state '%s' gives %d, %x", rows[i].text, code, options.select.states);
	}
}

static void events(void **state)
{
	static const struct {
		const char *line;
		uint32_t events;
		uint64_t summary_ns;
	} rows[] = {
		{"--events connection", BIT(RECORD_CONNECTION), 60 * SECOND},
		{"--events state,reset --events retransmit", BIT(RECORD_STATE) | BIT(RECORD_RESET) | BIT(RECORD_RETRANSMIT),
		 60 * SECOND},
		{"--events summary,lost,meta,snapshot",
		 BIT(RECORD_SUMMARY) | BIT(RECORD_LOST) | BIT(RECORD_META) | BIT(RECORD_SNAPSHOT), 60 * SECOND},
		{"--progress 1m", DEFAULT_EVENTS | BIT(RECORD_PROGRESS), 60 * SECOND},
		{"--progress 1m --events connection", BIT(RECORD_CONNECTION) | BIT(RECORD_PROGRESS), 60 * SECOND},
		{"--events progress --progress 1m", BIT(RECORD_PROGRESS), 60 * SECOND},
		{"--summary 5s --events connection", BIT(RECORD_CONNECTION) | BIT(RECORD_SUMMARY), 5 * SECOND},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		accept_line(rows[i].line);
		if (options.each.events != rows[i].events || options.summary_ns != rows[i].summary_ns)
			fail_msg("'%s' gives events %x, summary %llu", rows[i].line, options.each.events,
				 (unsigned long long)options.summary_ns);
	}
}

/* Each: exit code 2, nothing on stdout, one line on stderr that starts with our name and holds `words`. */
static void refusals(void **state)
{
	static const struct {
		const char *line, *words;
	} rows[] = {
		{"show --width 39", "--width '39': N is a number from 40 to 200"},
		{"show --width 201", "--width '201': "},
		{"show --last 0", "--last '0': N is a number from 1 to 10000"},
		{"show --clock utc", "--clock 'utc': HOW is one of relative, wall, delta"},
		{"show --color yes", "--color 'yes': WHEN is one of auto, always, never"},
		{"show --svg --width 100", "--width is for ladders of text, and --svg is none"},
		{"show --svg --colour never", "--color is for ladders of text"},
		{"show --svg -o x.svg",
		 "--svg writes one document, and --output would add it to a file: write > x.svg instead"},
		{"show --svg --mermaid", "--svg and --mermaid are two forms of one picture"},
		{"show --mermaid --ascii", "--ascii is for ladders of text, and --mermaid is none"},
		{"explain --last 3", "explain takes --last only with --from FILE"},
		{"explain --from x nonsense", "'nonsense': an ID is a conn_id"},
		{"trace --svg", "trace does not take --svg"},
		{"show --follow --last 2", "--follow draws each connection as it ends, --last those at the end"},
		{"-p 0", "--pid \'0': a pid is a number from 1 to 4194304"},
		{"-p 1,2x", "--pid \'2x': "},
		{"-p 1,", "--pid \'': "},
		{"--pid \''", "--pid \'': "},
		{"-p", "--pid needs a value: --pid PID,.."},
		{"-c ''", "--comm '': a process name has 1 to 15 bytes"},
		{"-c exactly16bytes!!", "--comm 'exactly16bytes!!': "},
		{"-L 0", "--local-port '0': a port is a number from 1 to 65535, or a range like 8000-8999"},
		{"-L 80,,443", "--local-port '': "},
		{"-D 9-8", "--peer-port '9-8': a port"},
		{"--local 10.0.0.0/33", "--local '10.0.0.0/33': an address or a network is like 192.0.2.7"},
		{"--peer localhost", "--peer 'localhost': "},
		{"--netns 0", "--netns '0': "},
		{"--netns 4294967296", "--netns '4294967296': "},
		{"--netns 1,no-such-name", "--netns 'no-such-name': a network namespace is the number"},
		{"--netns ''", "--netns '': "},
		{"--netns /dev/null", "--netns '/dev/null': "},
		{"--end open", "--end 'open': reasons are"},
		{"--cgroup system.slice", "--cgroup 'system.slice': a cgroup path starts with /"},
		{"--min-duration 5w", "--min-duration '5w': a duration is a number with ms, s, m, h or d, like 1.5s"},
		{"--sample 5", "--sample '5': a sample is like 1/100"},
		{"--sample 2/5", "--sample '2/5': a sample is like 1/100"},
		{"--sample 1/0", "--sample '1/0': a sample is like 1/100"},
		{"--sample 1/1000001", "--sample '1/1000001': a sample is like 1/100"},
		{"--detail brief", "--detail 'brief': a detail is one of full, standard, short"},
		{"--state LISTEN", "--state 'LISTEN': states are ESTABLISHED, SYN_SENT"},
		{"--state ESTABLISHED,CLOSEWAITING", "--state 'CLOSEWAITING': "},
		{"--end reset", "--end 'reset': reasons are unknown, fin"},
		{"--events connection,all", "--events 'all': events are connection"},
		{"--events close_wait", "--events 'close_wait': events are connection"},
		{"leaks --by peer,usr",
		 "--by 'usr': did you mean user? leaks are grouped by process, dependency, peer, local_port, container"},
		{"leaks --max -1", "--max '-1'"},
		{"leaks --record x", "leaks does not take --record"},
		{"-o x --rotate-keep 3", "--rotate-keep has no effect without --rotate-bytes"},
		{"-o x --rotate-compress", "--rotate-compress has no effect without --rotate-bytes"},
		{"--csv -o x?detail=short", "detail is for JSON"},
		{"leaks -d 10", "leaks takes --duration only with --watch"},
		{"leaks later", "filter: unknown word 'later': a condition begins with src"},
		{"features now", "'now': features takes no argument"},
		{"leaks sport = :nosuchservice", "filter: ':nosuchservice': a port is"},
		{"replay x.rec dev lo", "filter: dev: which device"},
		{"show 2a01 sport", "filter: it ends after 'sport'"},
		{"sport = :443 leaks", "filter: unknown word 'leaks'"},
		{"--watch 1s", "trace does not take --watch"},
		{"diagnose --ignore resetz", "--ignore 'resetz': did you mean resets? findings are accept_queue_full, ports"},
		{"diagnose --ignore nothing_near", "--ignore 'nothing_near': findings are accept_queue_full"},
		{"diagnose --watch 1s", "diagnose does not take --watch"},
		{"diagnose --state CLOSE_WAIT", "diagnose does not take --state"},
		{"diagnose later", "filter: unknown word 'later'"},
		{"top --once -d 5s", "--once ends after one --interval, and --duration says when to end"},
		{"top --interval 99ms", "--interval: pictures are at least 100ms apart"},
		{"top --json", "top does not take --json"},
		{"top later", "filter: unknown word 'later'"},
		{"--once", "trace does not take --once"},
		{"--quiet", "trace does not take --quiet"},
		{"leaks --stacks", "leaks takes --stacks only with --watch"},
		{"replay f --stacks", "replay does not take --stacks"},
		{"explain a b", "'b': explain takes one word, and has 'a'"},
		{"--events progress", "--events 'progress' needs an interval: add --progress DUR"},
		{"--progress 0s", "--progress '0s': a duration"},
		{"--summary off", "--summary 'off': a duration"},
		{"-d 10y", "--duration '10y': a duration"},
		{"--ring 3X", "--ring '3X': a size is a number with K, M or G, like 16M"},
		{"--ring 255K", "--ring '255K': "},
		{"--ring 2G", "--ring '2G': "},
		{"--max-connections 0", "--max-connections '0': "},
		{"--max-connections 16777217", "--max-connections '16777217': "},
		{"--cpu-limit 0", "--cpu-limit '0': a limit is a part of one CPU in percent, like 5% or 0.5%"},
		{"--cpu-limit 5%%", "--cpu-limit '5%%': "},
		{"--cpu-limit 100000.1%", "--cpu-limit '100000.1%': "},
		{"--cpu-limit half", "--cpu-limit 'half': "},
		{"--memory-limit 31M", "--memory-limit '31M': a size is a number with K, M or G, like 256M, from 32M"},
		{"--memory-limit 256M --max-connections 1048577",
		 "--memory-limit has 256M, and --max-connections 1048577 may take 257M: allow more than that, like "
		 "--memory-limit 513M, or give --max-connections 524288"},
		{"show --cpu-limit 5%", "show does not take --cpu-limit"},
		{"--no-such", "unknown option '--no-such': see `tcplife-fsm --help`"},
		{"-z", "unknown option '-z': see `tcplife-fsm --help`"},
		{"leaks -j --no-such=1", "unknown option '--no-such=1': see `tcplife-fsm leaks --help`"},
		{"--p 5", "'--p' is ambiguous: it may be --pid, --peer-port, --peer, --progress"},
		{"show --output", "--output needs a value: --output URL"},
		{"--json=yes", "--json takes no value"},
		{"leeks", "unknown command 'leeks': did you mean leaks?"},
		{"leak", "unknown command 'leak': did you mean leaks?"},
		{"sprot = :443", "'sprot' is neither a command nor a word of a filter: did you mean sport?"},
		{"-s -j", "--csv and --json are two forms of the same"},
		{"--csv --events connection,summary", "--events 'summary': CSV has rows for"},
		{"--sort count", "--sort orders what leaks lists at one time, and trace writes"},
		{"show --sort oldest:desc", "and show writes as it comes"},
		{"leaks --sort count -j", "--sort orders the groups of the table"},
		{"leaks --sort size", "--sort 'size': groups are sorted by count, count:desc, oldest"},
		{"leaks --csv --json", "--csv and --json are two forms of the same"},
		{"leaks --csv --sort count", "--sort orders the groups of the table, and --csv has none"},
		{"show --csv", "show does not take --csv"},
		{"xyzzy", "unknown command 'xyzzy': see `tcplife-fsm help`"},
		{"--jsn", "unknown option '--jsn': did you mean --json?"},
		{"leaks --trheshold=5s", "unknown option '--trheshold=5s': did you mean --threshold?"},
		{"show sprot", "'sprot' is neither an ID nor a word of a filter: did you mean sport?"},
		{"''", "unknown command ''"},
		{"trace eth0", "filter: unknown word 'eth0': a condition begins with src"},
		{"features now", "'now': features takes no argument"},
		{"replay", "replay needs a recording"},
		{"replay a b", "filter: unknown word 'b': a condition begins with src"},
		{"replay a -d 1s", "replay does not take --duration"},
		{"replay a --ring 1M", "replay does not take --ring"},
		{"replay a --record b", "replay does not take --record"},
		{"replay ./a -o ./a", "--output './a' is the recording that is read"},
		{"show 7c9e6679.2a01 5", "'5': show takes one ID"},
		{"show 0", "'0': an ID is a conn_id"},
		{"show 2a0x", "'2a0x': an ID is a conn_id"},
		{"show 7c9e667.2a01", "'7c9e667.2a01': an ID is a conn_id"},
		{"show 7c9e6679.", "'7c9e6679.': an ID is a conn_id"},
		{"show 12345678123456781", "'12345678123456781': an ID is a conn_id"},
		{"show --from a --follow", "--follow waits for connections, --from reads a file"},
		{"show sk:", "'sk:': an ID is a conn_id"},
		{"show 192.0.2.7", "'192.0.2.7': an ID is a conn_id"},
		{"show 192.0.2.7:0", "'192.0.2.7:0': an ID is a conn_id"},
		{"show ::1:443", "'::1:443': an ID is a conn_id"},
		{"show [192.0.2.7]:443", "'[192.0.2.7]:443': an ID is a conn_id"},
		{"show sk:1 192.0.2.7:443", "'192.0.2.7:443': show takes one ID"},
		{"show [::1]:443 5", "'5': show takes one ID"},
		{"show -d 1s", "show takes --duration only with --follow"},
		{"leaks --watch 1s --max 3", "--max has no effect with --watch"},
		{"show --from ./a -o ./a", "--output './a' is what --from reads"},
		{"show -j", "show does not take --json"},
		{"trace --follow", "trace does not take --follow"},
		{"features -L 80", "features does not take --local-port"},
		{"features -o x", "features does not take --output"},
		{"--rotate-bytes 1M", "--rotate-bytes is for files: add --output FILE"},
		{"-o - --group adm", "--group is for files and for the socket of --status: add --output FILE"},
		{"--status ''", "--status '': a socket needs a name"},
		{"status a b", "'b': status takes one socket, and has 'a'"},
		{"status --status a", "status does not take --status"},
		{"leaks --status a", "leaks does not take --status"},
		{"-o a --record a", "--record 'a' is where the output goes"},
		{"--record -", "--record '-' is where the output goes"},
		{"--record /proc/self/exe -o /proc/thread-self/exe", "--record '/proc/self/exe' is where the output goes"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		run(rows[i].line);
		if (code != EXIT_USAGE || *out || strncmp(err, "tcplife-fsm: ", 13) || !strstr(err, rows[i].words) ||
		    strchr(err, '\n') != err + strlen(err) - 1)
			fail_msg("'%s' gives %d: %s%s", rows[i].line, code, out, err);
	}
}

/* The sentences list what is accepted: a new name in the core must not be missing there. */
static void sentences_are_complete(void **state)
{
	static char name_line[128];

	(void)state;
	run("--state x");
	for (unsigned int i = 1; i < WIRE_STATE_MAX; i++)
		if (i != WIRE_LISTEN && i != WIRE_NEW_SYN_RECV)
			assert_non_null(strstr(err, conn_state_name(i)));
	run("--end x");
	for (enum conn_end i = 0; i < CONN_END_MAX; i++)
		assert_non_null(strstr(err, conn_end_name(i)));
	run("--events x");
	for (enum record_kind i = 0; i < RECORD_MAX; i++)
		assert_non_null(strstr(err, record_kind_name(i)));
	for (enum record_kind i = 0; i < RECORD_MAX; i++) {
		snprintf(name_line, sizeof(name_line), "--progress 1s --events %s", record_kind_name(i));
		accept_line(name_line);
	}
}

static void lines_are_neat(void)
{
	for (char *rest = out, *text; (text = strsep(&rest, "\n"));) {
		if (strlen(text) > 80)
			fail_msg("wider than a terminal: %s", text);
		if (*text && text[strlen(text) - 1] == ' ')
			fail_msg("blanks at the end of '%s'", text);
	}
}

/* Each command's help has what that command takes, and nothing else. */
static void help(void **state)
{
	static const struct {
		const char *line, *has, *has_not;
	} rows[] = {
		{"--help", "`tcplife-fsm COMMAND --help`", "--max-connections"},
		{"help", "leaks ", "--watch=DUR"},
		{"trace --help", "-L, --local-port=PORT", "--follow"},
		{"-h trace", "STATES", "localport"},
		{"help trace", "--schema", "--by"},
		{"leaks --help", "--by=WHAT", "--record"},
		{"leaks --help", "Exit code 3: ", "--record"},
		{"diagnose --help", "also the time in FIN_WAIT2", "--watch"},
		{"leaks -h -L 80", "Exit with 3 if more than N sockets leak", "--schema"},
		{"show --help", "--follow", "--threshold"},
		{"diagnose --help", "--ignore=ID", "--watch"},
		{"top --help", "--interval=DUR", "--json"},
		{"replay --help", "--max-connections", "--ring"},
		{"report --help", "--since=TIME", "--events"},
		{"features --help", "--hooks", "--pid"},
		{"explain --help", "Without WORD", "--json"},
		{"status --help", "7: none runs", "--output"},
		{"help version", "Print the version.", "--json"},
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		run(rows[i].line);
		if (code != EXIT_OK || *err || !strstr(out, rows[i].has) || strstr(out, rows[i].has_not) ||
		    !strstr(out, "Examples:\n  "))
			fail_msg("%s does not say %s, or says %s", rows[i].line, rows[i].has, rows[i].has_not);
		lines_are_neat();
	}
	run("help nobody");
	assert_int_equal(code, EXIT_USAGE);
}

/* What bash does with it is tested in tests/replay. */
static void completion(void **state)
{
	(void)state;
	run("completion");
	assert_int_equal(code, EXIT_OK);
	assert_non_null(strstr(out, "complete -F _tcplife_fsm tcplife-fsm\n"));
}

static void version_and_schema(void **state)
{
	char want[256];

	(void)state;
	snprintf(want, sizeof(want), "tcplife-fsm %s\noutputs: %s\nmetrics: %s\nlinked: %s\n", version_string, outputs_string,
		 metrics_string, linked_string);
	run("version");
	assert_string_equal(out, want);
	run("-V");
	assert_int_equal(code, EXIT_OK);
	assert_string_equal(out, want);
	run("--version -p nonsense");
	assert_int_equal(code, EXIT_OK);
	run("--schema");
	assert_int_equal(code, EXIT_OK);
	assert_int_equal(strlen(out), schema_json_len);
	assert_memory_equal(out, schema_json, schema_json_len);
	assert_string_equal(err, "");
}

/* Nothing of a refused line stays (the sanitizers watch what it held), and freeing twice is harmless. */
static void refused_leaves_result_untouched(void **state)
{
	(void)state;
	run("-p 1,2,3 -L 80 --local ::1 -w -L 0");
	assert_int_equal(code, EXIT_USAGE);
	assert_memory_equal(&options, &(struct options){0}, sizeof(options));
	accept_line("-p 5");
	options_free(&options);
	options_free(&options);
	options_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test(commands),
		cmocka_unit_test(flags),
		cmocka_unit_test(long_names),
		cmocka_unit_test(run_values),
		cmocka_unit_test(limits),
		cmocka_unit_test(selections),
		cmocka_unit_test(states),
		cmocka_unit_test(events),
		cmocka_unit_test(refusals),
		cmocka_unit_test(sentences_are_complete),
		cmocka_unit_test(help),
		cmocka_unit_test(completion),
		cmocka_unit_test(version_and_schema),
		cmocka_unit_test(refused_leaves_result_untouched),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
