/* SPDX-License-Identifier: GPL-2.0-only */
/* What gives a terminal back to its user when a signal ends the program, a crash, abort(), Ctrl-\, or stops it: Ctrl-Z. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

/* Before the terminal's mode is changed. */
void screen_reset_remember(int fd);

/*
 * From now on each signal that would end the program writes these texts of terminfo (NULL: none) to `fd` first, and restores
 * the mode. `fd` is O_NONBLOCK. What is written to standard error, if that is a terminal, waits until then, or until
 * screen_reset_disarm().
 */
void screen_reset_arm(int fd, const char *const *texts, size_t len);
void screen_reset_disarm(void);

bool screen_is_ours(void); /* false: the terminal has another job in the foreground */

/* Now, the texts alone and the mode alone, if the terminal is ours. */
void screen_reset_text(void);
void screen_reset_mode(void);

/* Ctrl-Z is caught, unless who started the program ignores it, until screen_stop_release(). */
void screen_stop_catch(void);
void screen_stop_release(void);
bool screen_stop_asked(void); /* true once for each time */
void screen_stop(void);       /* as Ctrl-Z does; returns when the program goes on */
