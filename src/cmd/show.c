// SPDX-License-Identifier: GPL-2.0-only
/*
 * Connections as pictures: ladders of text, or as one SVG document, or as diagrams of Mermaid; and for `explain --from` in
 * sentences. */
#include "commands.h"
#include "connections.h"
#include "kept_texts.h"
#include "src/format/ladder.h"
#include "src/format/mermaid.h"
#include "src/format/sentences.h"
#include "src/format/svg.h"
#include "src/host/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SVG_LAST 100 /* ladders of a document, unless --last says how many */

struct show {
	const struct options *options;
	struct connections_taker taker;
	struct ladder style; /* without its ends */
	struct kept_texts kept;
	bool no_memory;
	uint64_t drawn;
	char *text; /* LADDER_MAX bytes */
};

static void put(struct show *s, const char *text, size_t len)
{
	s->taker.put(s->taker.put_ctx, text, len);
}

static void write_text(struct show *s, const char *text, size_t len)
{
	if (s->drawn++)
		put(s, "\n", 1);
	put(s, text, len);
}

/* connections_taker.take */
static void draw(void *ctx, const struct ladder_end *left, const struct ladder_end *right)
{
	struct show *s = ctx;
	struct ladder ladder = s->style;
	unsigned int height = 0;
	size_t len;

	ladder.left = left;
	ladder.right = right;
	if (s->options->svg)
		len = svg_ladder(&ladder, s->text, LADDER_MAX, &height);
	else if (s->options->mermaid)
		len = mermaid_ladder(&ladder, s->text, LADDER_MAX);
	else if (s->options->command == COMMAND_EXPLAIN)
		len = sentences_ladder(&ladder, s->text, LADDER_MAX);
	else
		len = ladder_draw(&ladder, s->text, LADDER_MAX);
	if (!s->kept.max)
		write_text(s, s->text, len);
	else
		s->no_memory |= kept_texts_add(&s->kept, s->text, len, height) != 0;
}

/* A document has its size at its begin, so all its ladders are kept. */
static void write_svg(struct show *s)
{
	char piece[SVG_PIECE_MAX];
	unsigned int height = 0;

	for (size_t i = 0; i < kept_texts_len(&s->kept); i++)
		height += kept_texts_get(&s->kept, i)->height;
	if (!height)
		return;
	put(s, piece, svg_begin(height, piece, sizeof(piece)));
	height = 0;
	for (size_t i = 0; i < kept_texts_len(&s->kept); i++) {
		const struct kept_text *text = kept_texts_get(&s->kept, i);
		put(s, piece, svg_place(height, piece, sizeof(piece)));
		put(s, text->data, text->len);
		put(s, svg_placed, strlen(svg_placed));
		height += text->height;
	}
	put(s, svg_end, strlen(svg_end));
	if (s->kept.added > kept_texts_len(&s->kept) && !s->options->last)
		warn("the picture has the last %d of %llu connections: choose them by ID or FILTER, or say --last N", SVG_LAST,
		     (unsigned long long)s->kept.added);
}

/* connections_taker.end */
static void write_kept(void *ctx)
{
	struct show *s = ctx;

	if (s->options->svg) {
		write_svg(s);
		return;
	}
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
	unsigned int columns = to_stdout ? terminal_columns(STDOUT_FILENO) : 0;

	setlocale(LC_CTYPE, "");
	s->style.ascii = !o->svg && !o->mermaid && (o->ascii || strcmp(nl_langinfo(CODESET), "UTF-8") != 0);
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
	if (!s.text || kept_texts_init(&s.kept, options->svg && !options->last ? SVG_LAST : options->last)) {
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
