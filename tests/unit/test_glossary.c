// SPDX-License-Identifier: GPL-2.0-only
/* `explain` knows every word that the enums of the output have. */
#include "src/cli/glossary.h"
#include "src/core/record_names.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define VALUES_MAX 64

static void every_name(void **state)
{
	static const struct {
		const char *group;
		const char *(*name)(unsigned int value);
		unsigned int known; /* values with a name */
	} rows[] = {
		{"state", conn_state_name, WIRE_STATE_MAX - 1}, /* 0 is none */
		{"cause", leak_cause_name, LEAK_CAUSE_MAX - 1},
		{"end_reason", conn_end_name, CONN_END_MAX},
		{"closed_by", conn_side_name, CONN_SIDE_MAX - 1},
		{"close_kind", conn_close_kind_name, CONN_CLOSE_KIND_MAX - 1},
		{"flags", conn_flags_name, CONN_FLAGS_MAX},
		{"ev", conn_ev_name, CONN_EV_MAX},
		{"ev", conn_proof_name, CONN_PROOF_MAX},
		{"by", conn_by_name, CONN_BY_MAX - 1},
		{"role", conn_role_name, CONN_ROLE_MAX - 1},
		{"process.from", conn_from_name, CONN_FROM_MAX - 1},
		{"dir", conn_dir_name, CONN_DIR_MAX},
		{"resolution", leak_resolution_name, LEAK_RESOLUTION_MAX},
		{"event", record_kind_name, RECORD_MAX},
		{"finding", finding_id_name, FINDING_MAX},
		{"severity", finding_severity_name, FINDING_SEVERITY_MAX},
		{"finding.what", finding_what_name, FINDING_WHAT_MAX},
		{"time_wait.end", conn_tw_end_name, 7},
		{"stage", conn_lost_stage_name, 11},
		{"kind", conn_segment_name, 4},
		{"trigger", conn_trigger_name, 3},
		{"level", record_level_name, LEVEL_MAX},
		{"step.reason", level_reason_name, LEVEL_REASONS_MAX},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		unsigned int known = 0;

		for (unsigned int value = 0; value < VALUES_MAX; value++) {
			const char *name = rows[i].name(value);

			if (name && !glossary_has(rows[i].group, name))
				fail_msg("%s '%s' is not explained", rows[i].group, name);
			known += name != NULL;
		}
		if (known != rows[i].known)
			fail_msg("%s: %u names", rows[i].group, known);
	}
}

/* As users write them; and a text of its own for each, which ends its line. */
static void entries(void **state)
{
	struct glossary_entry e = {0};
	unsigned int groups = 0;
	const char *group = NULL;

	(void)state;
	assert_true(glossary_has("state", "close-wait"));
	assert_true(glossary_has("flags", "syn-ack"));
	assert_true(glossary_has("flags", "SYN,ACK"));
	assert_false(glossary_has("flags", "close_wait"));
	assert_false(glossary_has("state", "close"
					   "0123456789012345678901234567890123456789012345678901234567890123456789"));
	while (glossary_next(&e)) {
		groups += e.group != group;
		group = e.group;
		assert_in_range(e.word_len, 1, 31);
		assert_true(e.text_len > 1 && e.text[e.text_len - 1] == '\n');
		assert_null(memmem(e.text, e.text_len, "\n==", 3));
	}
	assert_true(groups > 20);
}

/* How many entries a word selects. */
static unsigned int count(const char *word)
{
	struct glossary_entry e = {0};
	unsigned int found = 0;

	while (glossary_next(&e))
		found += glossary_is(&e, word);
	return found;
}

static void selection(void **state)
{
	(void)state;
	assert_int_equal(count("refused"), 2); /* how it ended, and the case */
	assert_int_equal(count("end_reason:refused"), 1);
	assert_int_equal(count("End-Reason:REFUSED"), 1);
	assert_int_equal(count("history:S"), 1);
	assert_int_equal(count("flags:syn-ack"), 1);
	assert_int_equal(count("case"), 18);
	assert_int_equal(count("case:"), 0);
	assert_int_equal(count(":refused"), 0);
	assert_int_equal(count("state:refused"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_name),
		cmocka_unit_test(entries),
		cmocka_unit_test(selection),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
