/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The terminal as a screen: the only user of ncurses. Whatever ends the program, but for SIGKILL, leaves the terminal as it
 * was: screen_close() does, and a handler of its own for each signal that would end it at once. Messages on standard error wait
 * for that. Nothing here waits for the terminal: what it does not take is kept, and the next picture waits for it.
 */
#pragma once

#include "src/format/picture.h"

struct screen;

/* Keys that are no character. */
enum screen_key {
	SCREEN_NONE = -1, /* none was pressed */
	SCREEN_UP = 0x110000,
	SCREEN_DOWN,
	SCREEN_PAGE_UP,
	SCREEN_PAGE_DOWN,
	SCREEN_HOME,
	SCREEN_END,
	SCREEN_ENTER,
	SCREEN_BACKSPACE,
	SCREEN_ESCAPE,
	SCREEN_OTHER,
};

/* Standard input and output are a terminal. */
bool screen_is_possible(void);

/* 0, or -errno; -ENOTSUP: terminfo does not know this terminal, or it cannot move its cursor. The locale must be set, and no
 * privilege given up. */
int screen_open(struct screen **out);
void screen_close(struct screen *screen); /* NULL is fine */

/* As it is now; a changed size is taken in. */
void screen_size(struct screen *screen, size_t *ret_width, size_t *ret_height);

/* No effect while the terminal has not taken the picture before. */
void screen_draw(struct screen *screen, const struct picture *picture);

/* At each tick: gives the terminal what waits for it, and stops the program if Ctrl-Z asked for that. True: the newest picture
 * is to be drawn now. */
bool screen_turn(struct screen *screen);

/* enum screen_key, or the code of a character. Never waits. */
int screen_key(struct screen *screen);

/* The columns of standard output, if it is a terminal; else `otherwise`. */
size_t screen_columns(size_t otherwise);
