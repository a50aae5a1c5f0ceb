// SPDX-License-Identifier: GPL-2.0-only
/* What this kernel offers, row by row, and what a run here would use: found by loading and attaching everything for a moment.
 */
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "commands.h"
#include "run.h"
#include "src/cli/embedded.h"
#include "src/cli/options.h"
#include "src/format/json_write.h"
#include "src/kernel/checks.h"
#include "src/kernel/collector.h"
#include "src/kernel/leak_scan.h"
#include "src/kernel/stack_capture.h"

#define REPORT_BYTES (64 * 1024)

struct report {
	struct hook_state features[HOOKS_MAX], hooks[HOOKS_MAX], leaks[HOOKS_MAX];
	size_t features_n, hooks_n, leaks_n;
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
	struct collector *collector = NULL;
	const struct hook_state *hooks;

	uname(&r->uts);
	r->features_n = collector_features(r->features);
	r->leaks_n = leak_scan_examine(r->leaks, options->verbose);
	r->leaks_n += stack_source_examine(r->leaks + r->leaks_n, options->verbose);
	if (collector_check(&r->failure) || collector_open(&collector, &config, &r->failure)) {
		r->hooks_n = collector_probe(r->hooks);
		return;
	}
	hooks = collector_hooks(collector, &r->hooks_n);
	memcpy(r->hooks, hooks, r->hooks_n * sizeof(*hooks));
	collector_close(collector);
}

static void print_rows(const struct hook_state *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		printf("%-30s %-8s %-5s %-5s %-38s %s%s%s\n", rows[i].hook->name, rows[i].hook->type,
		       rows[i].available ? "yes" : "no", rows[i].used ? "yes" : "no", rows[i].hook->fact,
		       rows[i].used || rows[i].not_needed ? "" : rows[i].hook->fallback,
		       rows[i].used || rows[i].not_needed || !rows[i].why[0] ? "" : ": ", rows[i].why);
}

static void print_table(const struct report *r)
{
	printf("tcplife-fsm %s, Linux %s, %s, libbpf %s\n\n", version_string, r->uts.release, r->uts.machine,
	       collector_libbpf_version());
	printf("%-30s %-8s %-5s %-5s %-38s %s\n", "HOOK", "TYPE", "HERE", "USED", "TELLS", "WITHOUT IT");
	print_rows(r->features, r->features_n);
	print_rows(r->hooks, r->hooks_n);
	print_rows(r->leaks, r->leaks_n);
	if (r->failure.problem)
		printf("\nA run would not work here: %s.\n", r->failure.text);
	else
		printf("\nReady to trace.\n");
}

static void write_rows(struct buf *b, struct jsonw_key key, const struct hook_state *rows, size_t n)
{
	jsonw_open(b, key, '[');
	for (size_t i = 0; i < n; i++) {
		jsonw_open(b, KEY_NONE, '{');
		jsonw_word(b, KEY("name"), rows[i].hook->name);
		jsonw_word(b, KEY("type"), rows[i].hook->type);
		jsonw_bool(b, KEY("available"), rows[i].available);
		jsonw_bool(b, KEY("used"), rows[i].used);
		jsonw_word(b, KEY("tells"), rows[i].hook->fact);
		jsonw_word(b, KEY("fallback"), rows[i].hook->fallback);
		jsonw_text(b, KEY("why"), rows[i].why, strlen(rows[i].why), sizeof(rows[i].why));
		jsonw_close(b, '}');
	}
	jsonw_close(b, ']');
}

static void print_json(const struct report *r)
{
	static char space[REPORT_BYTES];
	const char *problem = r->failure.problem ? r->failure.text : NULL;
	struct buf b;
	size_t len;

	buf_init(&b, space, sizeof(space));
	jsonw_open(&b, KEY_NONE, '{');
	jsonw_word(&b, KEY("version"), version_string);
	jsonw_text(&b, KEY("kernel"), r->uts.release, strlen(r->uts.release), sizeof(r->uts.release));
	jsonw_word(&b, KEY("arch"), r->uts.machine);
	jsonw_word(&b, KEY("libbpf"), collector_libbpf_version());
	jsonw_bool(&b, KEY("ready"), !problem);
	jsonw_text(&b, KEY("problem"), problem, problem ? strlen(problem) : 0, sizeof(r->failure.text));
	write_rows(&b, KEY("features"), r->features, r->features_n);
	write_rows(&b, KEY("hooks"), r->hooks, r->hooks_n);
	write_rows(&b, KEY("leaks"), r->leaks, r->leaks_n);
	jsonw_close(&b, '}');
	len = jsonw_end(&b);
	fwrite(space, 1, len, stdout);
}

int command_doctor(const struct options *options)
{
	static struct report report;

	examine(&report, options);
	if (options->json)
		print_json(&report);
	else
		print_table(&report);
	if (fflush(stdout))
		return fail(EXIT_OUTPUT, "cannot write to standard output");
	return report.failure.problem ? fail_collector(&report.failure) : EXIT_OK;
}
