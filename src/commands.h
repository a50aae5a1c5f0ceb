/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands, one file each. Each returns the exit code, after one sentence on stderr for anything but EXIT_OK. */
#ifndef COMMANDS_H
#define COMMANDS_H

#include "complain.h"

struct options;

int command_trace(const struct options *options);
int command_replay(const struct options *options);
int command_explain(const struct options *options);
int command_leaks(const struct options *options);
int command_doctor(const struct options *options);

/* EXIT_PRIVILEGES, EXIT_KERNEL or EXIT_RUNTIME, after the collector's sentence. */
struct collector_failure;
int complain_collector(const struct collector_failure *failure);

#endif
