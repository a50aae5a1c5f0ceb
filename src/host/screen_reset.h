/* SPDX-License-Identifier: GPL-2.0-only */
/* What gives a terminal back to its user when a signal ends the program: a crash, abort(), Ctrl-\. */
#pragma once

#include <stddef.h>

/* Before the terminal's mode is changed. */
void screen_reset_remember(int fd);

/*
 * From now on each signal that would end the program writes these texts of terminfo (NULL: none) to `fd` first, and restores
 * the mode. What is written to standard error, if that is a terminal, waits until then, or until screen_reset_disarm().
 */
void screen_reset_arm(int fd, const char *const *texts, size_t len);
void screen_reset_disarm(void);

/* The mode alone, now. */
void screen_reset_mode(void);
