// SPDX-License-Identifier: GPL-2.0-only
#include "reload.h"

#include "run.h"
#include "src/cli/args.h"
#include "src/cli/option_rules.h"
#include "src/pipeline/output_trouble.h"
#include "src/pipeline/outputs.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAMES_LEN 1024

/* The options of a trace, each as what SIGHUP may do with it. */
static void compare(const struct reload *r, const struct options *next, struct record_reload *ret)
{
	for (size_t i = 0; i < option_rules_len; i++) {
		const struct option_rule *rule = &option_rules[i];
		bool reloads = option_reloads(rule);

		if (!option_in_file(rule->name) || option_same(rule, next, reloads && r->now ? r->now : r->start))
			continue;
		if (reloads && ret->changed_len < RECORD_RELOAD_NAMES)
			ret->changed[ret->changed_len++] = rule->name;
		if (!reloads && ret->needs_restart_len < RECORD_RELOAD_NAMES)
			ret->needs_restart[ret->needs_restart_len++] = rule->name;
	}
}

static const char *output_text(const struct options *o, size_t i)
{
	return i < o->output_args.len ? ((const char **)o->output_args.items)[i] : "-";
}

/* Of an output that is written otherwise now nothing changes. */
static const struct output_spec *find_spec(const struct options *o, const char *text)
{
	for (size_t i = 0; i < o->outputs_len; i++)
		if (!strcmp(output_text(o, i), text))
			return &o->outputs[i];
	return NULL;
}

static void apply(struct reload *r, struct options *next, struct outputs *outputs)
{
	const struct output_spec *specs[OUTPUTS_MAX] = {NULL};

	for (size_t i = 0; i < r->start->outputs_len; i++)
		specs[i] = find_spec(next, output_text(r->start, i));
	outputs_reload(outputs, &next->select, specs);
	options_free(r->now);
	free(r->now);
	r->now = next;
}

static void join(const char *const *names, size_t len, char text[NAMES_LEN])
{
	size_t used = (size_t)snprintf(text, NAMES_LEN, "%s", len ? "" : "nothing");

	for (size_t i = 0; i < len && used < NAMES_LEN; i++)
		used += (size_t)snprintf(text + used, NAMES_LEN - used, "%s%s", i ? ", " : "", names[i]);
}

static void say(const struct record_reload *reload)
{
	char changed[NAMES_LEN], fixed[NAMES_LEN];

	join(reload->changed, reload->changed_len, changed);
	join(reload->needs_restart, reload->needs_restart_len, fixed);
	if (reload->error)
		warn("the configuration is wrong, and the old settings stay: %s", reload->error);
	else
		warn("the configuration was read again; changed: %s; needs a restart: %s", changed, fixed);
}

void reload_if_due(struct reload *r, struct outputs *outputs, const struct record_context *context, uint64_t now)
{
	struct record_reload reload = {0};
	const struct record_meta meta = {.what = "reload", .reload = &reload};
	struct options *next;
	char why[OPTIONS_WHY] = "";

	if (!r->due || !r->start->config_files.len)
		return;
	r->due = false;
	next = calloc(1, sizeof(*next));
	if (!next || options_parse(r->start->argc, r->start->argv, next, why) >= 0) {
		reload.error = next && *why ? why : "out of memory";
	} else if (run_check_selection(&next->select, false)) {
		reload.error = "a control group is selected, and no cgroup2 file system is mounted";
		options_free(next);
	} else {
		compare(r, next, &reload);
		apply(r, next, outputs);
		next = NULL;
	}
	free(next);
	say(&reload);
	outputs_emit_meta(outputs, context, &meta, now);
}

const struct options *reload_options(const struct reload *r)
{
	return r->now ? r->now : r->start;
}

void reload_free(struct reload *r)
{
	options_free(r->now);
	free(r->now);
	r->now = NULL;
}
