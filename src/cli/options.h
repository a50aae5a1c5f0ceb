/* SPDX-License-Identifier: GPL-2.0-only */
/* What the command line and its files say, as one const struct. args.h fills it in. */
#pragma once

#include "src/core/conn_config.h"
#include "src/core/leak_group.h"
#include "src/core/metrics.h"
#include "src/pipeline/output_spec.h"
#include "src/pipeline/select.h"

#define OPTIONS_WHY 1024 /* bytes of a sentence */

enum command {
	COMMAND_TRACE,
	COMMAND_LEAKS,
	COMMAND_DIAGNOSE,
	COMMAND_TOP,
	COMMAND_SHOW,
	COMMAND_REPLAY,
	COMMAND_REPORT,
	COMMAND_EXPLAIN,
	COMMAND_STATUS,
	COMMAND_FEATURES,
	COMMAND_HELP,
	COMMAND_VERSION,
	COMMAND_COMPLETION,
	COMMAND_MAX
};

enum colour_when { COLOUR_AUTO, COLOUR_ALWAYS, COLOUR_NEVER, COLOUR_WHENS };

struct option_rule;
struct option_given {
	const struct option_rule *rule;
	const char *value; /* NULL: it has none */
	char *where;       /* FILE:LINE, owned; NULL: the command line */
};

/* Which listeners of --metrics have the live page. */
enum live_page_where { LIVE_PAGE_LOCAL, LIVE_PAGE_ANY, LIVE_PAGE_OFF, LIVE_PAGE_WHERES };

struct options {
	int argc; /* as options_parse() got them, to read the files again */
	char **argv;
	struct value_list config_files; /* of const char *: --config, as given */
	struct value_list config_texts; /* of char *, owned: what is in them, into which strings point */
	bool check_config;
	enum command command;
	const char *file;           /* replay FILE */
	struct value_list files;    /* of const char *: report FILE..., "-": stdin */
	int64_t since_us, until_us; /* report: since 1970; 0: no limit */
	const char *word;           /* explain WORD, help COMMAND */
	const char *socket;         /* status SOCKET; NULL: all that it finds */
	const char *from;           /* show --from: a recording or JSON lines, "-": stdin; NULL: live */
	bool follow, ascii, svg, mermaid;
	uint32_t width;  /* of ladders, in columns; 0: the terminal's */
	uint32_t last;   /* so many connections; 0: all */
	uint32_t clock;  /* enum ladder_clock */
	uint32_t colour; /* enum colour_when */
	struct selection select;
	struct value_list given;       /* of struct option_given: what was given and is in force, the command line and files */
	struct value_list filter_args; /* of const char *: the words that select.filter is made of */
	bool json, csv;
	struct value_list output_args; /* of const char *: -o, as given */
	struct output_spec *outputs;   /* what they say; if there are none, standard output */
	size_t outputs_len;
	const char *output;      /* of a command that has one output: NULL or "-": stdout */
	struct output_spec each; /* what holds for all outputs, but for their queries */
	uint64_t progress_ns;    /* 0: off */
	uint64_t summary_ns;
	bool full_time;
	bool wide;
	bool no_header;
	const char *record;
	const char *state_file;   /* what the run before knew; NULL: none */
	const char *metrics;      /* ADDR:PORT or unix:PATH; NULL: none, as the next one */
	const char *metrics_file; /* for node_exporter */
	uint32_t metrics_by;      /* enum metrics_by */
	uint32_t live_page;       /* enum live_page_where */
	const char *status;       /* a path, or "none"; NULL: in the folder of status_run.h */
	uint64_t duration_ns;     /* 0: until stopped */
	uint64_t ring_bytes;
	bool no_lanes;
	uint32_t max_connections;
	uint64_t cpu_limit_ppm; /* of one CPU; 0: none, as the next one */
	uint64_t memory_limit;
	uint32_t time_wait; /* enum conn_tw_mode */
	uint32_t tiers;     /* --hooks, 1 << enum wire_tw_tier; 0: not given */
	bool verbose;
	uint64_t threshold_ns; /* in CLOSE_WAIT for so long is a leak */
	bool stacks;           /* where they were opened */
	uint64_t watch_ns;     /* 0: one scan */
	uint32_t leaks_max;    /* more than these are an exit code */
	bool redact;           /* of command lines the program's name alone */
	uint32_t leak_by;      /* --by, 1 << enum leak_by; 0: not given */
	uint32_t leak_sort;    /* leak_sort_name() */
	uint32_t ignored;      /* findings, 1 << enum finding_id */
	bool quiet;            /* prints nothing if nothing is wrong */
	bool once;             /* top: one picture */
	uint64_t interval_ns;  /* top: between two pictures */
};
