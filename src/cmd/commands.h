/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands, one file each. Each returns the exit code, after one sentence on stderr for anything but EXIT_OK. */
#ifndef CMD_COMMANDS_H
#define CMD_COMMANDS_H

#include "src/cli/error.h"

struct options;
struct record_consumer;

int command_trace(const struct options *options);
int command_replay(const struct options *options);
int command_explain(const struct options *options);
int command_leaks(const struct options *options);
int command_doctor(const struct options *options);
int command_show(const struct options *options);

/* The run of `trace`, and the reading of `replay`, with a record_consumer of the records; NULL: none. */
int trace_run(const struct options *options, struct record_consumer *record_consumer);
int replay_run(const struct options *options, struct record_consumer *record_consumer);

/* EXIT_PRIVILEGES, EXIT_KERNEL or EXIT_RUNTIME, after the collector's sentence. */
struct collector_failure;
int fail_collector(const struct collector_failure *failure);

#endif
