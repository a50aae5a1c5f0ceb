// SPDX-License-Identifier: GPL-2.0-only
#include "screen.h"

#include "screen_reset.h"
#include "terminfo.h"

#include <curses.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define ESCAPE_MS 50 /* the rest of a key's sequence comes within it */
#define KEY_CTRL_H 8
#define KEY_DELETE 127
#define KEY_ESC 27

struct screen {
	SCREEN *curses;
};

bool screen_is_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* What ends the mode that ncurses begins. */
static void prepare_reset(void)
{
	const char *const names[] = {"sgr0", "rmkx", "cnorm", "rmcup"};
	const char *texts[4];

	for (size_t i = 0; i < 4; i++)
		texts[i] = terminfo_text(names[i]);
	screen_reset_arm(STDOUT_FILENO, texts, 4);
}

/* Ctrl-S would stop the output, and with it the program that writes. */
static void refuse_flow_control(void)
{
	struct termios mode;

	if (tcgetattr(STDIN_FILENO, &mode))
		return;
	mode.c_iflag &= ~(tcflag_t)IXON;
	tcsetattr(STDIN_FILENO, TCSANOW, &mode);
	def_prog_mode();
}

/* A terminal that is not read has no room at some time: a picture is left out then, so that the run goes on. */
static bool takes_output(void)
{
	struct pollfd fd = {.fd = STDOUT_FILENO, .events = POLLOUT};

	return poll(&fd, 1, 0) == 1 && fd.revents & POLLOUT;
}

int screen_open(struct screen **out)
{
	struct screen *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	screen_reset_remember(STDIN_FILENO);
	if (terminfo_load(STDOUT_FILENO))
		s->curses = newterm(NULL, stdout, stdin);
	if (!s->curses) {
		free(s);
		return -ENOTSUP;
	}
	set_term(s->curses);
	prepare_reset();
	cbreak();
	noecho();
	nonl();
	set_escdelay(ESCAPE_MS);
	keypad(stdscr, true);
	nodelay(stdscr, true);
	curs_set(0);
	refuse_flow_control();
	*out = s;
	return 0;
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	if (takes_output())
		endwin();
	else
		screen_reset_mode();
	delscreen(s->curses);
	screen_reset_disarm();
	free(s);
}

static bool window_size(struct winsize *ret)
{
	return !ioctl(STDOUT_FILENO, TIOCGWINSZ, ret) && ret->ws_col && ret->ws_row;
}

void screen_size(struct screen *s, size_t *ret_width, size_t *ret_height)
{
	struct winsize size;

	(void)s;
	if (window_size(&size) && is_term_resized(size.ws_row, size.ws_col))
		resizeterm(size.ws_row, size.ws_col);
	*ret_width = (size_t)COLS;
	*ret_height = (size_t)LINES;
}

size_t screen_columns(size_t otherwise)
{
	struct winsize size;

	return window_size(&size) ? size.ws_col : otherwise;
}

void screen_draw(struct screen *s, const struct picture *picture)
{
	static const attr_t looks[] = {
		[PICTURE_PLAIN] = A_NORMAL,
		[PICTURE_HEAD] = A_BOLD,
		[PICTURE_TITLE] = A_REVERSE | A_BOLD,
		[PICTURE_CURSOR] = A_REVERSE,
		[PICTURE_FOUND] = A_BOLD | A_UNDERLINE,
	};

	(void)s;
	if (!takes_output())
		return;
	erase();
	for (size_t i = 0; i < picture->len; i++) {
		const struct picture_line *line = &picture->lines[i];
		bool whole = line->look == PICTURE_TITLE || line->look == PICTURE_CURSOR;

		attrset((int)looks[line->look]);
		if (whole)
			mvhline((int)i, 0, ' ' | looks[line->look], COLS);
		mvaddnstr((int)i, 0, line->text, (int)line->len);
		if (line->more)
			mvaddch((int)i, COLS - 1, PICTURE_MORE | looks[line->look]);
	}
	refresh();
}

static int function_key(wint_t code)
{
	switch (code) {
	case KEY_UP:
		return SCREEN_UP;
	case KEY_DOWN:
		return SCREEN_DOWN;
	case KEY_PPAGE:
		return SCREEN_PAGE_UP;
	case KEY_NPAGE:
		return SCREEN_PAGE_DOWN;
	case KEY_HOME:
		return SCREEN_HOME;
	case KEY_END:
		return SCREEN_END;
	case KEY_ENTER:
		return SCREEN_ENTER;
	case KEY_BACKSPACE:
		return SCREEN_BACKSPACE;
	default:
		return SCREEN_OTHER;
	}
}

int screen_key(struct screen *s)
{
	wint_t code;
	int kind = get_wch(&code);

	(void)s;
	if (kind == ERR)
		return SCREEN_NONE;
	if (kind == KEY_CODE_YES)
		return function_key(code);
	switch (code) {
	case '\r':
	case '\n':
		return SCREEN_ENTER;
	case KEY_CTRL_H:
	case KEY_DELETE:
		return SCREEN_BACKSPACE;
	case KEY_ESC:
		return SCREEN_ESCAPE;
	default:
		return (int)code;
	}
}
