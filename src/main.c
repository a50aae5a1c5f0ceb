// SPDX-License-Identifier: GPL-2.0-only
/* The command line leads to a command; a failure is one sentence and an exit code. */
#include <signal.h>

#include "src/cli/args.h"
#include "src/cmd/commands.h"

static int (*const commands[COMMAND_MAX])(const struct options *) = {
	[COMMAND_TRACE] = command_trace, [COMMAND_REPLAY] = command_replay, [COMMAND_EXPLAIN] = command_explain,
	[COMMAND_LEAKS] = command_leaks, [COMMAND_DOCTOR] = command_doctor, [COMMAND_SHOW] = command_show,
};

int main(int argc, char **argv)
{
	struct options options;
	int exit_code;

	signal(SIGPIPE, SIG_IGN); /* a reader that leaves is an error of write(), and a quiet end */
	exit_code = options_parse(argc, argv, &options);
	if (exit_code < 0)
		exit_code = commands[options.command](&options);
	options_free(&options);
	return exit_code;
}
