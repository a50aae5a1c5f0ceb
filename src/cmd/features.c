// SPDX-License-Identifier: GPL-2.0-only
/* What this kernel offers, and what a run here would use: all programs are loaded and attached for a moment. */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "commands.h"
#include "run.h"
#include "src/cli/embedded.h"
#include "src/cli/options.h"
#include "src/format/json_write.h"
#include "src/host/self.h"
#include "src/kernel/checks.h"
#include "src/kernel/collector.h"
#include "src/kernel/leak_scan.h"
#include "src/kernel/stack_capture.h"

#define REPORT_BYTES (64 * 1024)

static const char not_shown[] =
	"who holds a socket through a direct descriptor of io_uring alone: it counts as held by no process";

enum list { FEATURES, HOOKS, LEAKS, LISTS };

struct report {
	struct hook_state rows[LISTS][HOOKS_MAX];
	size_t len[LISTS];
	struct collector_failure failure; /* COLLECTOR_OK: a run would work */
	struct utsname uts;
};

static void examine(struct report *r, const struct options *options)
{
	const struct collector_config config = {
		.ring_bytes = 1, /* the smallest rings */
		.verbose = options->verbose,
		.tiers = options->tiers ? options->tiers : COLLECTOR_TIERS_ALL,
		.tiers_forced = options->tiers,
	};
	struct collector *collector = collector_new(&config);
	const struct hook_state *hooks;

	collector_keep_memory(true);
	uname(&r->uts);
	r->len[FEATURES] = collector_features(r->rows[FEATURES]);
	r->len[LEAKS] = leak_scan_examine(r->rows[LEAKS], options->verbose);
	r->len[LEAKS] += stack_source_examine(r->rows[LEAKS] + r->len[LEAKS], options->verbose);
	if (collector_check(&r->failure) || !collector || collector_open(collector, &r->failure)) {
		r->len[HOOKS] = collector_probe(r->rows[HOOKS]);
		for (size_t i = 0; r->failure.problem == COLLECTOR_FAILED && i < r->len[HOOKS]; i++)
			r->rows[HOOKS][i].available = false;
	} else {
		hooks = collector_hooks(collector, &r->len[HOOKS]);
		memcpy(r->rows[HOOKS], hooks, r->len[HOOKS] * sizeof(*hooks));
	}
	collector_close(collector);
}

static void print_row(const struct hook_state *row)
{
	bool missing = !row->used && !row->not_needed;

	printf("%-30s %-8s %-5s %-5s %-38s %s%s%s\n", row->hook->name, row->hook->type, row->available ? "yes" : "no",
	       row->used ? "yes" : "no", row->hook->fact, missing ? row->hook->fallback : "",
	       missing && row->why[0] ? ": " : "", row->why);
}

static void print_table(const struct report *r)
{
	printf("tcplife-fsm %s, Linux %s, %s, libbpf %s\n\n", version_string, r->uts.release, r->uts.machine,
	       collector_libbpf_version());
	printf("%-30s %-8s %-5s %-5s %-38s %s\n", "HOOK", "TYPE", "HERE", "USED", "SHOWS", "WITHOUT IT");
	for (enum list list = 0; list < LISTS; list++)
		for (size_t i = 0; i < r->len[list]; i++)
			print_row(&r->rows[list][i]);
	printf("\nNo hook shows %s.\n", not_shown);
	if (r->failure.problem)
		printf("\nA run would not work here: %s.\n", r->failure.text);
	else if (self_foreign_pids())
		printf("\nReady to trace, but processes outside of this container are not seen: %s.\n", FOREIGN_PIDS_CURE);
	else
		printf("\nReady to trace.\n");
}

static void write_row(struct buf *b, const struct hook_state *row)
{
	jsonw_open(b, KEY_NONE, '{');
	jsonw_word(b, KEY("name"), row->hook->name);
	jsonw_word(b, KEY("type"), row->hook->type);
	jsonw_bool(b, KEY("available"), row->available);
	jsonw_bool(b, KEY("used"), row->used);
	jsonw_word(b, KEY("shows"), row->hook->fact);
	jsonw_word(b, KEY("fallback"), row->hook->fallback);
	jsonw_text(b, KEY("why"), row->why, strlen(row->why), sizeof(row->why));
	jsonw_close(b, '}');
}

static void print_json(const struct report *r)
{
	const struct jsonw_key keys[LISTS] = {KEY("features"), KEY("hooks"), KEY("leaks")};
	const char *problem = r->failure.problem ? r->failure.text : NULL;
	char space[REPORT_BYTES];
	struct buf b;

	buf_init(&b, space, sizeof(space));
	jsonw_open(&b, KEY_NONE, '{');
	jsonw_word(&b, KEY("version"), version_string);
	jsonw_text(&b, KEY("kernel"), r->uts.release, strlen(r->uts.release), sizeof(r->uts.release));
	jsonw_word(&b, KEY("arch"), r->uts.machine);
	jsonw_word(&b, KEY("libbpf"), collector_libbpf_version());
	jsonw_bool(&b, KEY("ready"), !problem);
	jsonw_text(&b, KEY("problem"), problem, problem ? strlen(problem) : 0, sizeof(r->failure.text));
	for (enum list list = 0; list < LISTS; list++) {
		jsonw_open(&b, keys[list], '[');
		for (size_t i = 0; i < r->len[list]; i++)
			write_row(&b, &r->rows[list][i]);
		jsonw_close(&b, ']');
	}
	jsonw_word(&b, KEY("not_shown"), not_shown);
	jsonw_close(&b, '}');
	fwrite(space, 1, jsonw_end(&b), stdout);
}

int command_features(const struct options *options)
{
	struct report report = {0};

	examine(&report, options);
	if (options->json)
		print_json(&report);
	else
		print_table(&report);
	if (fflush(stdout))
		return fail(EXIT_OUTPUT, "cannot write to standard output");
	return report.failure.problem ? fail_collector(&report.failure) : EXIT_OK;
}
