// SPDX-License-Identifier: GPL-2.0-only
/*
 * What ss does counts, not what its manual says: `and` and `or` bind alike, from the left to the right, and states stand
 * before the expression. Besides, signs need no space around them. What this tool cannot know is refused, never passed over.
 */
#include "ss_filter.h"

#include "nearest.h"
#include "ss_host.h"
#include "ss_states.h"
#include "src/pipeline/filter.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORDS_MAX 1024
#define DEPTH_MAX 32
#define NONE (-1)

#define BLANK " \t\n"
#define SIGNS "()!&|=<>"

struct parser {
	struct filter *filter;
	const char *words[WORDS_MAX];
	size_t words_len, at;
	char *why;
};

/* Always NONE. */
static int __attribute__((format(printf, 2, 3))) refuse(struct parser *p, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(p->why, SS_FILTER_WHY, format, args);
	va_end(args);
	return NONE;
}

/* Words */

enum kind { END, WORD, OPEN, CLOSE, NOT, AND, OR, EQ, NE, LE, GE, LT, GT };

static const struct {
	const char *text;
	enum kind kind;
} operators[] = {
	{"(", OPEN}, {")", CLOSE}, {"!", NOT}, {"not", NOT}, {"&", AND}, {"&&", AND}, {"and", AND}, {"|", OR},  {"||", OR},
	{"or", OR},  {"=", EQ},    {"==", EQ}, {"eq", EQ},   {"!=", NE}, {"ne", NE},  {"neq", NE},  {"<=", LE}, {"le", LE},
	{"leq", LE}, {">=", GE},   {"ge", GE}, {"geq", GE},  {"<", LT},  {"lt", LT},  {">", GT},    {"gt", GT},
};
#define OPERATORS (sizeof(operators) / sizeof(operators[0]))

static enum kind kind_of(const char *word)
{
	for (size_t i = 0; i < OPERATORS; i++)
		if (!strcmp(word, operators[i].text))
			return operators[i].kind;
	return WORD;
}

/* How long a sign is at the begin of the text: 0, 1 or 2. */
static size_t sign_len(const char *text)
{
	if (!*text || !strchr(SIGNS, *text))
		return 0;
	return (text[1] == '=' && strchr("!<>=", *text)) || (text[1] == *text && strchr("&|", *text)) ? 2 : 1;
}

/* The first word of the text, which has one, to `to`. The text behind it. A path keeps its signs. */
static const char *cut_word(const char *text, char *to, bool is_path)
{
	size_t len = is_path && *text == '/' ? strcspn(text, BLANK) : sign_len(text);
	bool verbatim = len;

	if (!len)
		len = strcspn(text, BLANK SIGNS);
	for (size_t i = 0; i < len; i++)
		if (verbatim || text[i] != '\\')
			*to++ = text[i];
	*to = '\0';
	return text + len;
}

static int split(struct parser *p, const char *const *args, size_t args_len, char *to)
{
	bool is_path = false;

	for (size_t i = 0; i < args_len; i++) {
		for (const char *text = args[i] + strspn(args[i], BLANK); *text; text += strspn(text, BLANK)) {
			if (p->words_len == WORDS_MAX)
				return refuse(p, "it has more than %d words", WORDS_MAX);
			text = cut_word(text, to, is_path);
			if (!*to) /* a backslash that stood before a sign */
				continue;
			is_path = !strcmp(to, "cgroup") || (is_path && kind_of(to) != WORD);
			p->words[p->words_len++] = to;
			to += strlen(to) + 1;
		}
	}
	return 0;
}

static enum kind peek(const struct parser *p)
{
	return p->at < p->words_len ? kind_of(p->words[p->at]) : END;
}

/* The word before, for a sentence. */
static const char *last(const struct parser *p)
{
	return p->words[p->at - 1];
}

/* Conditions */

static int add(struct parser *p, struct filter_node node)
{
	if (p->filter->len == FILTER_NODES_MAX)
		return refuse(p, "it has more than %d conditions and operators", FILTER_NODES_MAX);
	p->filter->nodes[p->filter->len] = node;
	return (int)p->filter->len++;
}

static int negate(struct parser *p, int a)
{
	return a == NONE ? NONE : add(p, (struct filter_node){.op = FILTER_NOT, .a = (uint16_t)a});
}

/* The operator, if there is one, and a value. NULL: refused. */
static const char *take_value(struct parser *p, enum kind *ret_op, const char *example)
{
	const char *key = last(p);
	enum kind kind = peek(p);

	*ret_op = EQ;
	if (kind >= EQ) {
		*ret_op = kind;
		p->at++;
	}
	kind = peek(p);
	if (kind == WORD)
		return p->words[p->at++];
	if (kind == END)
		refuse(p, "it ends after '%s': %s is like %s", last(p), key, example);
	else
		refuse(p, "'%s' stands after '%s': %s is like %s", p->words[p->at], last(p), key, example);
	return NULL;
}

static int take_host(struct parser *p, bool local)
{
	struct filter_node node = {.op = FILTER_HOST};
	const char *key = last(p), *value;
	enum kind op;

	value = take_value(p, &op, local ? "src 10.0.0.0/8" : "dst 10.0.0.0/8");
	if (!value)
		return NONE;
	if (op != EQ)
		return refuse(p, "%s knows no other operator than =: write not %s %.80s", key, key, value);
	if (!ss_host_parse(value, &node.host, p->why, SS_FILTER_WHY))
		return NONE;
	node.host.local = local;
	return add(p, node);
}

static int take_port(struct parser *p, bool local)
{
	static const struct {
		enum filter_op op;
		bool negated;
	} ops[] = {
		[EQ] = {FILTER_HOST, false},    [NE] = {FILTER_HOST, true},    [LE] = {FILTER_PORT_LE, false},
		[GE] = {FILTER_PORT_GE, false}, [LT] = {FILTER_PORT_GE, true}, [GT] = {FILTER_PORT_LE, true},
	};
	struct filter_node node = {0};
	const char *value;
	enum kind op;
	int added;

	value = take_value(p, &op, local ? "sport = :443" : "dport = :443");
	if (!value || !ss_port_parse(value, &node.host, p->why, SS_FILTER_WHY))
		return NONE;
	node.op = ops[op].op;
	node.host.local = local;
	added = add(p, node);
	return ops[op].negated ? negate(p, added) : added;
}

static int take_cgroup(struct parser *p, bool unused)
{
	struct filter_node node = {.op = FILTER_CGROUP};
	enum kind op;
	int added;

	(void)unused;
	node.cgroup = take_value(p, &op, "cgroup /system.slice");
	if (!node.cgroup)
		return NONE;
	if (op != EQ && op != NE)
		return refuse(p, "cgroup knows no other operator than = and !=");
	if (*node.cgroup != '/')
		return refuse(p, "cgroup '%.80s': a cgroup path starts with /, as in /proc/PID/cgroup", node.cgroup);
	added = add(p, node);
	return op == NE ? negate(p, added) : added;
}

/* What may begin a condition. */
static const struct {
	const char *word;
	int (*take)(struct parser *p, bool local); /* NULL: refused, and why */
	bool local;
	const char *why;
} keys[] = {
	{"src", take_host, true, NULL},
	{"dst", take_host, false, NULL},
	{"sport", take_port, true, NULL},
	{"dport", take_port, false, NULL},
	{"cgroup", take_cgroup, false, NULL},
	{"state", NULL, false, "states stand before the expression, as in ss: state established sport = :443"},
	{"exclude", NULL, false, "states stand before the expression, as in ss: exclude time-wait sport = :443"},
	{"excl", NULL, false, "states stand before the expression, as in ss: exclude time-wait sport = :443"},
	{"dev", NULL, false, "which device a socket is bound to is not known here: ask ss for sockets that are open now"},
	{"fwmark", NULL, false, "the mark of a socket is not known here: ask ss for sockets that are open now"},
	{"autobound", NULL, false, "who chose the local port is not known here: ask ss for sockets that are open now"},
};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static size_t find_key(const char *word)
{
	size_t i = 0;

	while (i < KEYS && strcmp(word, keys[i].word) != 0)
		i++;
	return i;
}

static int refuse_word(struct parser *p, const char *word)
{
	struct nearest nearest = {.word = word};

	ss_filter_suggest(&nearest, p->at == 1);
	if (nearest.found)
		return refuse(p, "unknown word '%.80s': did you mean %s?", word, nearest.found);
	return refuse(p, "unknown word '%.80s': a condition begins with src, dst, sport, dport, cgroup, not or (", word);
}

static int take_list(struct parser *p, int depth);

static int take_group(struct parser *p, int depth)
{
	int node = take_list(p, depth);

	if (node == NONE)
		return NONE;
	if (peek(p) != CLOSE)
		return refuse(p, "a ( has no )");
	p->at++;
	return node;
}

static int take_condition(struct parser *p, int depth)
{
	enum kind kind = peek(p);
	size_t key;

	if (kind == END)
		return refuse(p, "it ends after '%s', where a condition must follow", last(p));
	p->at++;
	if ((kind == NOT || kind == OPEN) && depth == DEPTH_MAX)
		return refuse(p, "more than %d parentheses and negations stand inside each other", DEPTH_MAX);
	if (kind == NOT)
		return negate(p, take_condition(p, depth + 1));
	if (kind == OPEN)
		return take_group(p, depth + 1);
	if (kind != WORD)
		return refuse(p, "'%s' stands where a condition must begin, like sport = :443", last(p));
	key = find_key(last(p));
	if (key == KEYS)
		return refuse_word(p, last(p));
	return keys[key].take ? keys[key].take(p, keys[key].local) : refuse(p, "%s: %s", last(p), keys[key].why);
}

/* Conditions that nothing joins are joined by and. */
static int take_list(struct parser *p, int depth)
{
	int node = take_condition(p, depth), other;

	while (node != NONE && peek(p) != END && peek(p) != CLOSE) {
		enum kind kind = peek(p);

		if (kind == AND || kind == OR)
			p->at++;
		other = take_condition(p, depth);
		node = other == NONE ? NONE
				     : add(p, (struct filter_node){.op = kind == OR ? FILTER_OR : FILTER_AND,
								   .a = (uint16_t)node,
								   .b = (uint16_t)other});
	}
	return node;
}

/* States */

static int refuse_state(struct parser *p, const char *word)
{
	struct nearest nearest = {.word = word};

	ss_states_suggest(&nearest);
	if (nearest.found)
		return refuse(p, "unknown state '%.80s': did you mean %s?", word, nearest.found);
	return refuse(p,
		      "unknown state '%.80s': states are those of ss, like established or close-wait, and all, connected, "
		      "synchronized, bucket, big",
		      word);
}

/* The first word says where to begin: with none, or with all. */
static int take_states(struct parser *p)
{
	struct filter *f = p->filter;
	bool any = false;

	while (p->at < p->words_len) {
		bool exclude = !strcmp(p->words[p->at], "exclude") || !strcmp(p->words[p->at], "excl");
		uint32_t set;

		if (!exclude && strcmp(p->words[p->at], "state") != 0)
			break;
		if (++p->at == p->words_len)
			return refuse(p, "it ends after '%s', where a state must follow, like established", last(p));
		set = ss_states_find(p->words[p->at++]);
		if (!set)
			return refuse_state(p, last(p));
		f->states = exclude ? (any ? f->states : SS_STATES_ALL) & ~set : f->states | set;
		f->excluded = exclude ? f->excluded | set : f->excluded & ~set;
		any = true;
	}
	if (any && !(f->states & ~(1u << WIRE_LISTEN)))
		return refuse(p, f->states ? "a listener is no connection: no other state is selected"
					   : "its states exclude each other: none is left");
	if (f->states == SS_STATES_ALL)
		f->states = 0;
	return 0;
}

/* Whole filters */

static int take_all(struct parser *p)
{
	if (take_states(p) == NONE)
		return NONE;
	if (p->at == p->words_len)
		return p->words_len ? 0 : refuse(p, "it has no word");
	if (take_list(p, 0) == NONE)
		return NONE;
	return p->at == p->words_len ? 0 : refuse(p, "a ) has no (");
}

int ss_filter_parse(struct filter *ret, const char *const *args, size_t len, char why[SS_FILTER_WHY])
{
	struct filter filter = {0};
	struct parser p = {.filter = &filter, .why = why};
	size_t size = 1;
	bool fine;

	for (size_t i = 0; i < len; i++)
		size += 2 * strlen(args[i]) + 1; /* each sign may become a word */
	filter.text = malloc(size);
	filter.nodes = calloc(FILTER_NODES_MAX, sizeof(*filter.nodes));
	fine = filter.text && filter.nodes;
	if (fine && split(&p, args, len, filter.text) != NONE && take_all(&p) != NONE) {
		*ret = filter;
		return 0;
	}
	filter_free(&filter);
	return fine ? -EINVAL : -ENOMEM;
}

bool ss_filter_begins(const char *arg)
{
	char word[16];
	size_t len;

	arg += strspn(arg, BLANK "\\");
	if (*arg == '(' || *arg == '!')
		return true;
	len = strcspn(arg, BLANK SIGNS);
	if (len >= sizeof(word))
		return false;
	memcpy(word, arg, len);
	word[len] = '\0';
	return kind_of(word) == NOT || find_key(word) < KEYS;
}

const char *ss_filter_word(size_t n)
{
	static const char *const words[] = {"state", "exclude", "src", "dst", "sport", "dport", "cgroup", "not", "and", "or"};

	return n < sizeof(words) / sizeof(words[0]) ? words[n] : NULL;
}

void ss_filter_suggest(struct nearest *nearest, bool begin)
{
	const char *word;

	for (size_t i = 0; (word = ss_filter_word(i)); i++)
		if (!begin || kind_of(word) == NOT || kind_of(word) == WORD)
			nearest_try(nearest, word);
}
