/* SPDX-License-Identifier: GPL-2.0-only */
/* How the program becomes a helper of the tracer. */
#pragma once

/* Of main(): runs the helper that argv stands for, and does not return then. */
void helper_run_if_asked(int argc, char **argv);
