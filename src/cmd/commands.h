/* SPDX-License-Identifier: GPL-2.0-only */
/* The commands, one file each. Each returns the exit code, after one sentence on stderr for anything but EXIT_OK. */
#pragma once

struct options;

int command_trace(const struct options *options);
int command_replay(const struct options *options);
int command_explain(const struct options *options);
int command_leaks(const struct options *options);
int command_diagnose(const struct options *options);
int command_top(const struct options *options);
int command_features(const struct options *options);
int command_show(const struct options *options); /* and `explain --from` */
int command_report(const struct options *options);
int command_status(const struct options *options);
