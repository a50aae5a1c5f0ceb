// SPDX-License-Identifier: GPL-2.0-only
#include "screen.h"

#include "screen_out.h"
#include "screen_reset.h"
#include "terminfo.h"

#include <curses.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
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
	FILE *written; /* by ncurses: into memory, from where `out` takes it */
	struct screen_out out;
	struct termios mode; /* of the screen */
	bool undrawn;        /* the newest picture is not on it */
};

bool screen_is_possible(void)
{
	return isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
}

/* What ends the mode that ncurses begins. */
static void prepare_reset(const struct screen *s)
{
	const char *const names[] = {"sgr0", "rmkx", "cnorm", "rmcup"};
	const char *texts[4];

	for (size_t i = 0; i < 4; i++)
		texts[i] = terminfo_text(names[i]);
	screen_reset_arm(s->out.tty, texts, 4);
}

/* Ctrl-S would stop the output. */
static void refuse_flow_control(struct screen *s)
{
	if (tcgetattr(STDIN_FILENO, &s->mode))
		return;
	s->mode.c_iflag &= ~(tcflag_t)IXON;
	tcsetattr(STDIN_FILENO, TCSANOW, &s->mode);
}

/* While ncurses writes to the terminal itself: from it, it learns the modes. Nothing is written yet. */
static int begin_curses(struct screen *s)
{
	int fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);

	s->written = fd < 0 ? NULL : fdopen(fd, "w");
	if (!s->written)
		return -errno;
	if (terminfo_load(fd))
		s->curses = newterm(NULL, s->written, stdin);
	if (!s->curses)
		return -ENOTSUP;
	signal(SIGWINCH, SIG_DFL); /* ncurses would ask its descriptor for the size, which is no terminal any more */
	set_term(s->curses);
	cbreak();
	noecho();
	nonl();
	typeahead(-1); /* pictures are written whole */
	refuse_flow_control(s);
	return screen_out_divert(&s->out, fd);
}

static void free_screen(struct screen *s)
{
	if (s->curses)
		delscreen(s->curses);
	if (s->written)
		fclose(s->written);
	screen_out_close(&s->out);
	free(s);
}

int screen_open(struct screen **out)
{
	struct screen *s = calloc(1, sizeof(*s));
	int err = s ? screen_out_open(&s->out, STDOUT_FILENO) : -ENOMEM;

	if (err) {
		free(s);
		return err;
	}
	screen_reset_remember(STDIN_FILENO);
	screen_stop_catch(); /* before ncurses does */
	err = begin_curses(s);
	if (err) {
		screen_stop_release();
		screen_reset_mode();
		free_screen(s);
		return err;
	}
	prepare_reset(s);
	set_escdelay(ESCAPE_MS);
	keypad(stdscr, true);
	nodelay(stdscr, true);
	curs_set(0);
	*out = s;
	return 0;
}

/* endwin() waits for nothing here: its descriptor is memory. */
static void leave(struct screen *s)
{
	endwin();
	if (!screen_out_flush(&s->out)) {
		screen_reset_text();
		screen_out_drop(&s->out); /* it would come behind that, after Ctrl-Z and `fg` */
	}
	screen_reset_mode();
}

void screen_close(struct screen *s)
{
	if (!s)
		return;
	leave(s);
	screen_stop_release();
	screen_reset_disarm();
	free_screen(s);
}

/* A signal that ends the program is blocked, and waits for its descriptor to be read. */
static bool is_to_end(void)
{
	sigset_t waiting;

	return !sigpending(&waiting) &&
	       (sigismember(&waiting, SIGTERM) || sigismember(&waiting, SIGINT) || sigismember(&waiting, SIGHUP));
}

/*
 * A shell's `kill` lets a stopped program go on in the background, where the terminal's mode is the shell's. After `bg` it
 * stops again.
 */
static void stop(struct screen *s)
{
	leave(s);
	screen_stop();
	while (!screen_is_ours() && !is_to_end())
		raise(SIGSTOP);
	if (!screen_is_ours())
		return;
	tcsetattr(STDIN_FILENO, TCSANOW, &s->mode);
	clearok(curscr, true);
}

bool screen_turn(struct screen *s)
{
	if (screen_stop_asked()) {
		stop(s);
		s->undrawn = true;
	}
	return screen_out_flush(&s->out) && s->undrawn;
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

	s->undrawn = !screen_out_flush(&s->out);
	if (s->undrawn)
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
	screen_out_flush(&s->out);
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
