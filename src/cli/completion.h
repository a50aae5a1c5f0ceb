/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

/* The completion for bash, made from the table of options, to stdout. */
void completion_print(void);
