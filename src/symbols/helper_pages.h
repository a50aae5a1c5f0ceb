/* SPDX-License-Identifier: GPL-2.0-only */
/* What is in the pages that the tracer shares with the parser and the opener. They cannot write the control page. */
#pragma once

#include <stdint.h>

/* What is in work. */
struct work {
	uint64_t number; /* another one for each; 0: none */
	uint64_t since_ns;
	uint64_t start_ns;
	uint64_t cgroup_id;
	uint32_t tgid;
	uint32_t pad;
};

/* CPU time by process and control group, see budget.h. */
#define SHARES_MAX 256u /* a power of two */
struct share_table {
	uint64_t window_ns; /* when the window began */
	struct share {
		uint64_t key; /* 0: free */
		uint64_t used_ns;
	} rows[SHARES_MAX];
};

struct parser_page {
	struct work work;
	struct share_table shares;
};

struct opener_page {
	struct work work;
};

/* Whose captures are skipped, and until when. */
#define BANS_MAX 64u
struct ban {
	uint64_t key; /* as in struct share */
	uint64_t until_ns;
};

struct control_page {
	uint64_t first_number; /* of the parser's stacks */
	uint64_t opener;       /* 1: there is one */
	struct ban bans[BANS_MAX];
};
