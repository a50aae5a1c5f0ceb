// SPDX-License-Identifier: GPL-2.0-only
/*
 * Columns from the left: times and states of the left end, its lifeline, the segments, and the same of the right end. An arrow
 * goes down as it goes across, since it needs time. A lifeline is a bar in the colour of its state; what is inferred is dashed.
 */
#include "svg.h"

#include <string.h>

#include "ladder_words.h"
#include "wrap.h"
#include "xml.h"

enum {
	WIDTH = SVG_WIDTH,
	EDGE = 16,
	LEFT_TIME = 124, /* texts of the left end stop here, those of the right end begin at its columns */
	LEFT_STATE = 304,
	LEFT_BAR = 312,
	BAR = 8,
	FIRST = LEFT_BAR + BAR,
	RIGHT_BAR = WIDTH - LEFT_BAR - BAR,
	LAST = RIGHT_BAR,
	RIGHT_STATE = WIDTH - LEFT_STATE,
	RIGHT_TIME = WIDTH - EDGE,
	MIDDLE = WIDTH / 2,
	ROW = 26,
	LINE = 15,       /* of text */
	SLOPE = 16,      /* of an arrow */
	CROSS = 44,      /* of two that cross */
	BASE = 4,        /* from the middle of a text to its base line */
	LABEL_ROOM = 42, /* characters of a text between the lifelines */
	HALF_ROOM = 20,  /* the same of a half of them */
	LABEL_GAP = 6,   /* between a text and its arrow, which slopes */
	HEAD_ROOM = 118, /* and of a line above them */
};

struct bar {
	struct ladder_state state;
	int from;
};

struct svg {
	const struct ladder *ladder;
	struct ladder_plan plan;
	struct ladder_times times[LADDER_SIDES];
	struct bar bars[LADDER_SIDES];
	struct buf b;
	int y;
};

#define STYLE                                                                                                                  \
	"text{font:12px ui-monospace,'DejaVu Sans Mono',Menlo,Consolas,monospace;fill:#1f2328;white-space:pre}"                \
	".back{fill:#ffffff}.bold{font-weight:bold}.quiet{fill:#59636e}.line{stroke:#59636e;fill:none;stroke-width:1.5}"       \
	".opening{fill:#9a6700;stroke:#9a6700}.open{fill:#1a7f37;stroke:#1a7f37}.waiting{fill:#bf3989;stroke:#bf3989}"         \
	".closing{fill:#0969da;stroke:#0969da}.reset{stroke:#cf222e;fill:none;stroke-width:2}"                                 \
	".dashed{stroke-dasharray:5 4}.hollow{fill:none;stroke-width:2;stroke-dasharray:5 4}"
#define STYLE_DARK                                                                                                             \
	"text{fill:#e6edf3}.back{fill:#0d1117}.quiet{fill:#9198a1}.line{stroke:#9198a1}"                                       \
	".opening{fill:#d29922;stroke:#d29922}.open{fill:#3fb950;stroke:#3fb950}.waiting{fill:#f778ba;stroke:#f778ba}"         \
	".closing{fill:#58a6ff;stroke:#58a6ff}.reset{stroke:#ff7b72}.hollow{fill:none}"

/* Elements */

static void put_int(struct buf *b, const char *before, int value)
{
	buf_str(b, before);
	if (value < 0)
		buf_char(b, '-');
	put_uint(b, (uint64_t)(value < 0 ? -value : value));
}

/* Where a text is: it starts there, ends there, or has its middle there. */
struct spot {
	int x, y;
	const char *anchor;
};

static void begin_text(struct svg *s, struct spot at)
{
	put_int(&s->b, "<text x=\"", at.x);
	put_int(&s->b, "\" y=\"", at.y + BASE);
	buf_str(&s->b, "\" text-anchor=\"");
	buf_str(&s->b, at.anchor);
	buf_str(&s->b, "\"");
}

static void put_text(struct svg *s, struct spot at, const struct label *label)
{
	begin_text(s, at);
	buf_str(&s->b, ">");
	xml_put(&s->b, label->text, label_len(label));
	buf_str(&s->b, "</text>\n");
}

static void put_quiet(struct svg *s, struct spot at, const char *text, size_t len)
{
	begin_text(s, at);
	buf_str(&s->b, " class=\"quiet\">");
	xml_put(&s->b, text, len);
	buf_str(&s->b, "</text>\n");
}

static void begin_path(struct svg *s, const char *class, bool dashed)
{
	buf_str(&s->b, "<path class=\"");
	buf_str(&s->b, class);
	buf_str(&s->b, dashed ? " dashed\" d=\"" : "\" d=\"");
}

static void put_point(struct svg *s, char how, int x, int y)
{
	buf_char(&s->b, how);
	put_int(&s->b, "", x);
	put_int(&s->b, " ", y);
}

/* Lifelines */

static const char *class_of(const struct ladder_state *state)
{
	static const char *const classes[LADDER_PHASES] = {[LADDER_OPENING] = "opening",
							   [LADDER_OPEN] = "open",
							   [LADDER_WAITING] = "waiting",
							   [LADDER_CLOSING] = "closing"};

	return classes[ladder_phase(state)];
}

static int bar_of(int side)
{
	return side == LADDER_LEFT ? LEFT_BAR : RIGHT_BAR;
}

/* Down to `y`; without a state that takes time, a line. */
static void end_bar(struct svg *s, int side, int y)
{
	const struct bar *bar = &s->bars[side];
	const char *class = class_of(&bar->state);

	if (y <= bar->from)
		return;
	if (!class) {
		begin_path(s, "line", bar->state.inferred);
		put_point(s, 'M', bar_of(side) + BAR / 2, bar->from);
		put_point(s, 'L', bar_of(side) + BAR / 2, y);
	} else {
		buf_str(&s->b, "<path class=\"");
		buf_str(&s->b, class);
		buf_str(&s->b, bar->state.inferred ? " hollow\" d=\"" : "\" d=\"");
		put_point(s, 'M', bar_of(side) + 1, bar->from + 1);
		put_int(&s->b, "h", BAR - 2);
		put_int(&s->b, "v", y - bar->from - 2);
		put_int(&s->b, "h", 2 - BAR);
		buf_char(&s->b, 'z');
	}
	buf_str(&s->b, "\"/>\n");
}

static void enter(struct svg *s, int side, int y, const struct ladder_state *state)
{
	bool left = side == LADDER_LEFT;
	struct label duration;

	if (!state->name)
		return;
	end_bar(s, side, y);
	s->bars[side] = (struct bar){*state, y};
	label_init(&duration);
	ladder_put_duration(&duration.b, state);
	begin_text(s, left ? (struct spot){LEFT_STATE, y, "end"} : (struct spot){RIGHT_STATE, y, "start"});
	buf_str(&s->b, "><tspan class=\"bold\">");
	buf_str(&s->b, state->name);
	buf_str(&s->b, "</tspan>");
	if (label_len(&duration)) {
		buf_char(&s->b, ' ');
		xml_put(&s->b, duration.text, label_len(&duration));
	}
	buf_str(&s->b, "</text>\n");
}

/* When a step left or reached that end, and the state that it enters. */
static void put_side(struct svg *s, int side, int y, const struct ladder_step *step)
{
	struct label label;

	enter(s, side, y, &step->state[side]);
	if (!step->at_known[side])
		return;
	label_init(&label);
	ladder_put_time(&label.b, &s->times[side], step->at_us[side]);
	ladder_times_advance(&s->times[side], step->at_us[side]);
	put_quiet(s, (struct spot){side == LADDER_LEFT ? LEFT_TIME : RIGHT_TIME, y, "end"}, label.text, label_len(&label));
}

/* Segments */

/* Its end at (x, y): a head, a cross for a reset, a question mark if nothing says that it arrived. */
static void put_arrow_end(struct svg *s, const struct ladder_step *step, int x, int y)
{
	int back = step->seg.dir == CONN_OUT ? -1 : 1;

	if (step->lost) {
		put_quiet(s, (struct spot){x + 8 * back, y, "middle"}, "?", 1);
		return;
	}
	begin_path(s, ladder_is_reset(&step->seg) ? "reset" : "line", false);
	if (ladder_is_reset(&step->seg)) {
		put_point(s, 'M', x + 12 * back, y - 6);
		put_point(s, 'L', x + 2 * back, y + 5);
		put_point(s, 'M', x + 12 * back, y + 5);
		put_point(s, 'L', x + 2 * back, y - 6);
	} else {
		put_point(s, 'M', x + 9 * back, y - 5);
		put_point(s, 'L', x, y);
		put_point(s, 'L', x + 9 * back, y + 4);
	}
	buf_str(&s->b, "\"/>\n");
}

/* From one lifeline to the other, between the heights `top` and `bottom`. */
static void put_arrow(struct svg *s, const struct ladder_step *step, int top, int bottom)
{
	bool out = step->seg.dir == CONN_OUT;
	int from = out ? FIRST : LAST, to = out ? LAST : FIRST, gap = step->lost ? 16 : 0;

	begin_path(s, ladder_is_reset(&step->seg) ? "reset" : "line", step->seg.proof == CONN_PROOF_INFERRED);
	put_point(s, 'M', from, top);
	put_point(s, 'L', out ? to - gap : to + gap, bottom);
	buf_str(&s->b, "\"/>\n");
	put_arrow_end(s, step, to, bottom);
}

/* Lines of text whose last one is at `s->y`, which it moves down by what the others need. */
static void put_label(struct svg *s, int x, const char *anchor, const struct conn_segment *seg, size_t room)
{
	struct label label;
	const char *text = label.text;
	size_t len;

	label_init(&label);
	ladder_put_segment(&label.b, seg, "×");
	len = label_len(&label);
	for (;;) {
		size_t piece = wrap_text(text, len, room);
		begin_text(s, (struct spot){x, s->y, anchor});
		buf_str(&s->b, ">");
		xml_put(&s->b, text, piece);
		buf_str(&s->b, "</text>\n");
		if (piece == len)
			return;
		piece += text[piece] == ' ';
		text += piece;
		len -= piece;
		s->y += LINE;
	}
}

static size_t label_columns(const struct conn_segment *seg)
{
	struct label label;

	label_init(&label);
	ladder_put_segment(&label.b, seg, "×");
	return wrap_columns(label.text, label_len(&label));
}

static void draw_segment(struct svg *s, const struct ladder_step *step)
{
	bool out = step->seg.dir == CONN_OUT;

	s->y += LINE;
	put_label(s, MIDDLE, "middle", &step->seg, LABEL_ROOM);
	s->y += LABEL_GAP;
	put_arrow(s, step, s->y, s->y + SLOPE);
	put_side(s, LADDER_LEFT, out ? s->y : s->y + SLOPE, step);
	put_side(s, LADDER_RIGHT, out ? s->y + SLOPE : s->y, step);
	s->y += SLOPE + 2;
}

static void draw_crossing(struct svg *s, const struct ladder_step *a, const struct ladder_step *b)
{
	const struct ladder_step *out = a->seg.dir == CONN_OUT ? a : b, *in = out == a ? b : a;

	s->y += LINE;
	put_label(s, FIRST + 4, "start", &out->seg, LABEL_ROOM);
	if (label_columns(&out->seg) > HALF_ROOM || label_columns(&in->seg) > HALF_ROOM)
		s->y += LINE;
	put_label(s, LAST - 4, "end", &in->seg, LABEL_ROOM);
	s->y += LINE - 2;
	put_arrow(s, out, s->y, s->y + CROSS);
	put_arrow(s, in, s->y, s->y + CROSS);
	put_side(s, LADDER_LEFT, s->y, out);
	put_side(s, LADDER_RIGHT, s->y, in);
	put_side(s, LADDER_LEFT, s->y + CROSS, in);
	put_side(s, LADDER_RIGHT, s->y + CROSS, out);
	s->y += CROSS + 2;
}

static void draw_moment(struct svg *s, const struct ladder_step *step)
{
	s->y += ROW / 2;
	for (int side = LADDER_LEFT; side < LADDER_SIDES; side++)
		put_side(s, side, s->y, step);
	if (step->note)
		put_quiet(s, (struct spot){MIDDLE, s->y, "middle"}, step->note, strlen(step->note));
	s->y += ROW / 2;
}

static void draw_data(struct svg *s, const struct ladder_step *step)
{
	for (int dir = CONN_OUT; dir < CONN_DIR_MAX; dir++) {
		struct label label;

		if (!step->bytes[dir])
			continue;
		label_init(&label);
		if (dir == CONN_IN)
			buf_str(&label.b, "⇐ ");
		put_uint(&label.b, step->bytes[dir]);
		buf_str(&label.b, step->bytes[dir] == 1 ? " byte" : " bytes");
		buf_str(&label.b, step->note ? step->note : "");
		if (dir == CONN_OUT)
			buf_str(&label.b, " ⇒");
		s->y += ROW / 2;
		put_text(s, (struct spot){MIDDLE, s->y, "middle"}, &label);
		s->y += ROW / 2 - 4;
	}
}

static void draw_steps(struct svg *s)
{
	for (unsigned int i = 0; i < s->plan.len; i++) {
		const struct ladder_step *step = &s->plan.steps[i];

		s->y += 6;
		if (step->kind == LADDER_DATA)
			draw_data(s, step);
		else if (step->kind == LADDER_MOMENT)
			draw_moment(s, step);
		else if (step->crosses && i + 1 < s->plan.len)
			draw_crossing(s, step, &s->plan.steps[++i]);
		else
			draw_segment(s, step);
	}
	s->y += ROW / 2;
	for (int side = LADDER_LEFT; side < LADDER_SIDES; side++)
		end_bar(s, side, s->y);
}

/* Around it */

/* Each text at its edge; on lines of their own if they have no room beside each other. */
static void draw_lines(struct svg *s, const struct ladder_lines *lines)
{
	for (unsigned int i = 0; i < lines->len; i++) {
		const struct label *left = &lines->lines[i].left, *right = &lines->lines[i].right;
		size_t columns = wrap_columns(left->text, label_len(left)) + wrap_columns(right->text, label_len(right));

		s->y += LINE + 2;
		put_text(s, (struct spot){EDGE, s->y, "start"}, left);
		if (!label_len(right))
			continue;
		s->y += columns > HEAD_ROOM ? LINE + 2 : 0;
		put_text(s, (struct spot){RIGHT_TIME, s->y, "end"}, right);
	}
}

/* What a reader who does not see the picture hears. */
static void put_title(struct svg *s, const struct ladder_lines *head)
{
	const struct ladder_line *ends = &head->lines[0], *last = &head->lines[head->len - 1];

	buf_str(&s->b, "<g role=\"img\"><title>TCP connection: ");
	xml_put(&s->b, ends->left.text, label_len(&ends->left));
	buf_str(&s->b, ", ");
	xml_put(&s->b, ends->right.text, label_len(&ends->right));
	buf_str(&s->b, "; ");
	xml_put(&s->b, last->left.text, label_len(&last->left));
	buf_str(&s->b, "</title>\n");
}

size_t svg_ladder(const struct ladder *ladder, char *buf, size_t size, unsigned int *ret_height)
{
	static const char legend[] = "dashed: inferred, not seen · ?: not known to arrive · ×N: sent N times · "
				     "seq, ack: counted from the SYN";
	struct svg s = {.ladder = ladder, .y = 4};
	struct ladder_lines lines;

	buf_init(&s.b, buf, size);
	ladder_plan(ladder, &s.plan);
	for (int side = LADDER_LEFT; side < LADDER_SIDES; side++)
		ladder_times_init(&s.times[side], ladder, &s.plan);
	ladder_head_lines(ladder, &lines);
	put_title(&s, &lines);
	draw_lines(&s, &lines);
	s.y += LINE;
	s.bars[LADDER_LEFT].from = s.bars[LADDER_RIGHT].from = s.y;
	s.bars[LADDER_RIGHT].state.inferred = !ladder->right;
	draw_steps(&s);
	ladder_note_lines(ladder, &lines);
	draw_lines(&s, &lines);
	s.y += LINE + 6;
	put_quiet(&s, (struct spot){EDGE, s.y, "start"}, legend, sizeof(legend) - 1);
	buf_str(&s.b, "</g>\n");
	*ret_height = (unsigned int)s.y + ROW;
	return (size_t)(s.b.p - s.b.start);
}

size_t svg_begin(unsigned int height, char *buf, size_t size)
{
	struct buf b;

	buf_init(&b, buf, size);
	put_int(&b, "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", WIDTH);
	put_int(&b, "\" height=\"", (int)height);
	put_int(&b, "\" viewBox=\"0 0 ", WIDTH);
	put_int(&b, " ", (int)height);
	buf_str(&b, "\">\n<style>" STYLE "\n@media (prefers-color-scheme:dark){" STYLE_DARK "}</style>\n"
		    "<rect class=\"back\" width=\"100%\" height=\"100%\"/>\n");
	return (size_t)(b.p - b.start);
}

size_t svg_place(unsigned int top, char *buf, size_t size)
{
	struct buf b;

	buf_init(&b, buf, size);
	put_int(&b, "<g transform=\"translate(0 ", (int)top);
	buf_str(&b, ")\">\n");
	return (size_t)(b.p - b.start);
}

const char svg_placed[] = "</g>\n", svg_end[] = "</svg>\n";
