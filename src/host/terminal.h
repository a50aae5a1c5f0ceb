/* SPDX-License-Identifier: GPL-2.0-only */
#pragma once

#include <stdbool.h>

/* A terminal that is gone has sent SIGHUP, too: nobody will read what is written to it, and nobody can press Ctrl-C. */
bool terminal_hung_up(void);
