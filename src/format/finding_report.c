// SPDX-License-Identifier: GPL-2.0-only
/* The report of `diagnose`: findings as paragraphs, then what was looked at and what could not be. */
#include "finding_text.h"

#include "put.h"
#include "src/core/findings.h"
#include "src/core/record_owner.h"

#define LABEL_WIDTH 10
#define PATH_WIDTH 80

static void put_label(struct buf *b, const char *label)
{
	buf_str(b, "  ");
	buf_str(b, label);
	put_spaces(b, strlen(label), LABEL_WIDTH);
}

static void put_text(struct buf *b, const char *before, const char *text, size_t len)
{
	buf_str(b, before);
	put_safe(b, text, len, PATH_WIDTH, true);
}

/* Who is meant by the process: of most findings who has to be corrected, of some who suffers. */
static const char *whose(const struct finding_record *f)
{
	switch (f->id) {
	case FINDING_HELD_BY_CHILD:
		return "Held by";
	case FINDING_FIN_WAIT2_PILE:
	case FINDING_FIN_UNANSWERED:
	case FINDING_FIN_BLOCKED:
		return "Here";
	default:
		return "Whose";
	}
}

static void put_whose(struct buf *b, const struct finding_record *f, const struct record_owner *owner, bool foreign_pids)
{
	put_label(b, whose(f));
	if (f->t.from == CONN_FROM_NONE) {
		buf_str(b, foreign_pids ? "not seen: this container has pids of its own" : "not known");
	} else {
		put_process(b, &f->t, SIZE_MAX, true);
		if (owner && owner->exe)
			put_text(b, ", ", owner->exe, strlen(owner->exe));
		if (owner && owner->unit)
			put_text(b, ", ", owner->unit, owner->unit_len);
		if (owner && owner->container_id)
			put_text(b, ", container ", owner->container_id, 12);
	}
	if (f->t.id.netns)
		put_text_uint(b, ", network namespace ", f->t.id.netns);
	buf_char(b, '\n');
}

void finding_text(struct buf *b, const struct finding_record *f, const struct record_owner *owner, bool foreign_pids)
{
	buf_str(b, "\n");
	buf_str(b, f->severity == FINDING_CRITICAL ? "CRITICAL  " : "WARNING   ");
	buf_str(b, finding_id_name(f->id));
	buf_str(b, f->what == FINDING_DOWN ? "  (over now)\n  " : "\n  ");
	finding_message(b, f);
	buf_char(b, '\n');
	put_whose(b, f, owner, foreign_pids);
	put_label(b, "To do");
	buf_str(b, finding_hint(f));
	buf_char(b, '\n');
	put_label(b, "More");
	finding_command(b, f);
	buf_char(b, '\n');
}

static void put_count(struct buf *b, const char *before, uint64_t count, const char *one, const char *many)
{
	put_text_uint(b, before, count);
	buf_char(b, ' ');
	buf_str(b, count == 1 ? one : many);
}

void finding_text_head(struct buf *b, const struct diagnosis *d, const char *hostname)
{
	if (d->findings)
		put_count(b, "", d->findings, "finding", "findings");
	else
		buf_str(b, "Found nothing wrong");
	buf_str(b, " on ");
	put_safe(b, hostname, strlen(hostname), PATH_WIDTH, true);
	put_text_duration(b, " in ", d->watched_us);
	if (d->watched_us < d->asked_us)
		put_text_duration(b, " (ended early; ", d->asked_us);
	buf_str(b, d->watched_us < d->asked_us ? " were asked for)" : "");
	buf_str(b, d->findings > 1 ? ", the worst first:\n" : d->findings ? ":\n" : ".\n");
	if (d->ignored)
		put_count(b, "", d->ignored, "finding is ignored, as --ignore says.\n",
			  "findings are ignored, as --ignore says.\n");
}

static void put_missing(struct buf *b, const char **head, const char *what)
{
	buf_str(b, *head);
	*head = "";
	buf_str(b, "  ");
	buf_str(b, what);
}

/* It is what the reader needs, so it is not cut. */
static void put_why(struct buf *b, const char *before, const char *why)
{
	buf_str(b, before);
	put_safe(b, why, strlen(why), SIZE_MAX, true);
	buf_char(b, '\n');
}

static void put_missing_hooks(struct buf *b, const struct diagnosis *d, const char **head)
{
	for (size_t i = 0; i < d->hooks_len; i++) {
		const struct record_hook *hook = &d->hooks[i];

		if (hook->ok || hook->not_needed)
			continue;
		put_missing(b, head, "what the hook ");
		put_text(b, "", hook->name, strlen(hook->name));
		put_why(b, " shows: ", hook->why);
	}
}

bool finding_text_is_blind(const struct diagnosis *d)
{
	for (size_t i = 0; i < d->hooks_len; i++)
		if (!d->hooks[i].ok && !d->hooks[i].not_needed)
			return true;
	return d->scans_failed;
}

void finding_text_end(struct buf *b, const struct diagnosis *d)
{
	put_count(b, "\nLooked at: ", d->sockets, "socket", "sockets");
	put_count(b, " in ", d->namespaces, "network namespace", "network namespaces");
	buf_str(b, " at the start, ");
	put_count(b, "", d->connections, "connection that ended", "connections that ended");
	put_count(b, ", ", d->socket_scans, "scan", "scans");
	buf_str(b, " for sockets that leak or do not close.\n");
	finding_text_missing(b, d, "\nNot looked at:\n");
}

void finding_text_missing(struct buf *b, const struct diagnosis *d, const char *head)
{
	if (d->scans_failed) {
		put_missing(b, &head, d->socket_scans ? "some of the " : "");
		put_why(b, "leaks, accept queues and sockets that do not close: ", d->scans_failed);
	}
	if (d->namespaces_missed) {
		put_missing(b, &head, "");
		put_count(b, "", d->namespaces_missed, "network namespace", "network namespaces");
		buf_str(b, " that could not be entered: what no process holds there is not known\n");
	}
	put_missing_hooks(b, d, &head);
	if (d->foreign_pids)
		put_missing(b, &head, "processes outside of this container, which has pids of its own\n");
	if (d->lost) {
		put_missing(b, &head, "");
		put_count(b, "", d->lost, "event", "events");
		buf_str(b, " that were lost: a larger --ring helps\n");
	}
	if (d->watched_us < FINDING_WINDOW_NS / 1000) {
		put_missing(b, &head, "more than ");
		put_text_duration(b, "", d->watched_us);
		put_text_duration(b, ": limits of counts are for ", FINDING_WINDOW_NS / 1000);
		buf_str(b, ", so fewer are passed\n");
	}
	if (d->left_out) {
		put_missing(b, &head, "");
		put_count(b, "", d->left_out, "socket, service or finding", "sockets, services or findings");
		buf_str(b, " beyond those that there is room for\n");
	}
}
