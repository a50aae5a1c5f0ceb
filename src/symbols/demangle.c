// SPDX-License-Identifier: GPL-2.0-only
/*
 * By libiberty, which hands the text out in pieces. A short name may stand for a text of gigabytes, so that as soon as there is
 * more of it than anybody will see, it is left where it is.
 */
#include "demangle.h"

#include <ctype.h>
#include <libiberty/demangle.h>
#include <setjmp.h>
#include <stdint.h>
#include <string.h>

#define TEXT_MAX 4096

struct demangled {
	size_t len;
	bool full;
	jmp_buf enough;
	char text[TEXT_MAX];
};

static bool is_ascii(const char *piece, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (piece[i] & 0x80)
			return false;
	}
	return true;
}

/* The only pieces that are on its heap are Rust's identifiers that are not ASCII: such a one is let pass. */
static void take(const char *piece, size_t len, void *ctx)
{
	struct demangled *d = ctx;
	size_t room = sizeof(d->text) - 1 - d->len;

	if (!len) /* then there may be no piece */
		return;
	if (d->full && is_ascii(piece, len))
		longjmp(d->enough, 1);
	d->full |= len > room;
	memcpy(d->text + d->len, piece, len < room ? len : room);
	d->len += len < room ? len : room;
}

static bool begins_arguments(const char *text, const char *p)
{
	return p > text && (isalnum((unsigned char)p[-1]) || p[-1] == '_' || p[-1] == ':');
}

/* operator<, operator->> and the like: how many bytes of them stand at `p`. */
static size_t operator_len(const char *text, const char *p)
{
	static const char word[] = "operator";
	size_t len = sizeof(word) - 1;

	return (size_t)(p - text) >= len && !memcmp(p - len, word, len) ? strspn(p, "<>=-") : 0;
}

/* The brackets that are open. */
struct brackets {
	unsigned int depth, inside; /* all, and those around arguments */
	uint64_t arguments;         /* a bit for each that is open: it is around arguments */
};

static void open_bracket(struct brackets *b, bool arguments)
{
	b->arguments = b->arguments << 1 | arguments;
	b->depth++;
	b->inside += arguments;
}

/* Whether it was around arguments. */
static bool close_bracket(struct brackets *b)
{
	bool arguments = b->arguments & 1;

	b->arguments >>= 1;
	b->depth--;
	b->inside -= arguments;
	return arguments;
}

/*
 * Arguments of templates inside of more than `keep` others become "..". A < that begins a name, as Rust's have, is around none.
 * `to` has room for `text`.
 */
static void collapse(const char *text, unsigned int keep, char *to)
{
	const char *begin = to;
	struct brackets b = {0};

	for (const char *p = text; *p; p++) {
		size_t sign = operator_len(text, p);

		if (*p == '>' && !sign && b.depth && p[-1] != '-') {
			bool hid = b.inside > keep;

			if (close_bracket(&b) && hid && b.inside == keep) {
				for (int dots = 0; dots < 2 && to - begin < p - text; dots++)
					*to++ = '.';
			}
		}
		if (b.inside <= keep) {
			memcpy(to, p, sign ?: 1);
			to += sign ?: 1;
		}
		if (*p == '<' && !sign && b.depth < 64)
			open_bracket(&b, begins_arguments(text, p));
		p += sign ? sign - 1 : 0;
	}
	*to = '\0';
}

static bool is_mangled(const char *name)
{
	return name[0] == '_' && (name[1] == 'Z' || name[1] == 'R') && strnlen(name, MANGLED_MAX + 1) <= MANGLED_MAX;
}

/* Rust's first: C++'s reader would take its older ones too, and show their hash. */
static bool read_name(const char *name, struct demangled *d)
{
	if (rust_demangle_callback(name, DMGL_NO_OPTS, take, d))
		return true;
	d->len = 0;
	d->full = false;
	return cplus_demangle_v3_callback(name, DMGL_NO_OPTS, take, d);
}

/* What is written after setjmp() lies outside of the frame that a longjmp() comes back to. */
static bool read_until_full(const char *name, struct demangled *d)
{
	if (setjmp(d->enough))
		return true;
	return read_name(name, d);
}

bool demangle(const char *name, char *ret, size_t size)
{
	struct demangled d = {0};
	char shorter[TEXT_MAX];

	if (!is_mangled(name) || !read_until_full(name, &d) || !d.len)
		return false;
	d.text[d.len] = '\0';
	for (unsigned int keep = 2; keep-- > 0 && strlen(d.text) >= size;) {
		collapse(d.text, keep, shorter);
		strcpy(d.text, shorter);
	}
	d.len = strnlen(d.text, size - 1);
	memcpy(ret, d.text, d.len);
	ret[d.len] = '\0';
	return true;
}
