// SPDX-License-Identifier: GPL-2.0-only
/* The command line leads to a command; a failure is one sentence and an exit code. */
#include <signal.h>

#include "src/cli/args.h"
#include "src/cmd/commands.h"
#include "src/cmd/helper_main.h"
#include "src/host/self.h"

static int (*const commands[COMMAND_MAX])(const struct options *) = {
	[COMMAND_TRACE] = command_trace,       [COMMAND_REPLAY] = command_replay, [COMMAND_EXPLAIN] = command_explain,
	[COMMAND_DIAGNOSE] = command_diagnose, [COMMAND_LEAKS] = command_leaks,   [COMMAND_FEATURES] = command_features,
	[COMMAND_SHOW] = command_show,         [COMMAND_REPORT] = command_report, [COMMAND_TOP] = command_top,
	[COMMAND_STATUS] = command_status,
};

int main(int argc, char **argv)
{
	struct options options;
	int exit_code;

	helper_run_if_asked(argc, argv);
	self_raise_descriptors();
	signal(SIGCHLD, SIG_DFL); /* ignored, as some parents leave it, the end of a child could not be seen */
	signal(SIGPIPE, SIG_IGN); /* a reader that leaves is an error of write(), and a quiet end */
	exit_code = options_parse(argc, argv, &options, NULL);
	if (exit_code >= 0)
		return exit_code; /* nothing is in them */
	exit_code = commands[options.command](&options);
	options_free(&options);
	return exit_code;
}
