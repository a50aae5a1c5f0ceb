/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include <stdbool.h>

/* A terminal that is gone has sent SIGHUP, too: nobody will read what is written to it, and nobody can press Ctrl-C. */
bool terminal_hung_up(void);

/* 0: it is no terminal, or does not say. */
unsigned int terminal_columns(int fd);

/* Standard output is a terminal that shows colours, and its user wants them: see https://no-color.org. */
bool terminal_has_colour(void);
