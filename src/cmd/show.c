// SPDX-License-Identifier: GPL-2.0-only
/* Connections as pictures: ladders of text. */
#include "commands.h"
#include "connections.h"
#include "kept_texts.h"
#include "src/format/ladder.h"
#include "src/host/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

struct show {
	const struct options *options;
	struct connections_taker taker;
	struct ladder style; /* without its ends */
	struct kept_texts kept;
	bool no_memory;
	uint64_t drawn;
	char *text; /* LADDER_MAX bytes */
};

static void write_text(struct show *s, const char *text, size_t len)
{
	if (s->drawn++)
		s->taker.put(s->taker.put_ctx, "\n", 1);
	s->taker.put(s->taker.put_ctx, text, len);
}

/* connections_taker.take */
static void draw(void *ctx, const struct ladder_end *left, const struct ladder_end *right)
{
	struct show *s = ctx;
	struct ladder ladder = s->style;
	size_t len;

	ladder.left = left;
	ladder.right = right;
	len = ladder_draw(&ladder, s->text, LADDER_MAX);
	if (!s->options->last)
		write_text(s, s->text, len);
	else
		s->no_memory |= kept_texts_add(&s->kept, s->text, len) != 0;
}

/* connections_taker.end */
static void write_kept(void *ctx)
{
	struct show *s = ctx;

	for (size_t i = 0; i < kept_texts_len(&s->kept); i++) {
		const struct kept_text *text = kept_texts_get(&s->kept, i);
		write_text(s, text->data, text->len);
	}
}

/* What the output is decides, unless the command line does. */
static void choose_style(struct show *s)
{
	const struct options *o = s->options;
	bool to_stdout = !o->output || !strcmp(o->output, "-");
	unsigned int columns = to_stdout ? terminal_columns() : 0;

	setlocale(LC_CTYPE, "");
	s->style.ascii = o->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0;
	s->style.clock = o->clock;
	s->style.colour = o->colour == COLOUR_AUTO ? to_stdout && terminal_has_colour() : o->colour == COLOUR_ALWAYS;
	if (columns && columns < LADDER_WIDTH_MIN)
		columns = LADDER_WIDTH_MIN;
	if (columns > LADDER_WIDTH_MAX)
		columns = LADDER_WIDTH_MAX;
	s->style.width = o->width ? o->width : columns;
}

int command_show(const struct options *options)
{
	struct show s = {.options = options, .taker = {.take = draw, .end = write_kept}};
	int exit_code;

	s.taker.ctx = &s;
	s.text = malloc(LADDER_MAX);
	if (!s.text || kept_texts_init(&s.kept, options->last)) {
		free(s.text);
		return fail(EXIT_RUNTIME, "out of memory");
	}
	choose_style(&s);
	exit_code = connections_take(options, &s.taker);
	if (!exit_code && s.no_memory)
		exit_code = fail(EXIT_RUNTIME, "out of memory: some connections are left out; a smaller --last needs less");
	kept_texts_free(&s.kept);
	free(s.text);
	return exit_code;
}
