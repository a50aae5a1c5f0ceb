// SPDX-License-Identifier: GPL-2.0-only
/* The top of the page: what it is about, what is wrong, and how far the data can be trusted. */
#include "html_part.h"

#include "put.h"

#include <string.h>

#define KIND_SHOWN 4

/* The main numbers */

static void put_tile(struct buf *b, const char *id, const char *class, uint64_t count)
{
	buf_str(b, "<div class=\"tile ");
	buf_str(b, class);
	buf_str(b, "\"><dd id=\"");
	buf_str(b, id);
	put_text_uint(b, "\" data-v=\"", count);
	buf_str(b, "\">");
	html_count(b, count);
	buf_str(b, "</dd><dt>");
}

static void end_tile(struct buf *b, const char *what)
{
	buf_str(b, what);
	buf_str(b, "</dt></div>\n");
}

static void put_share(struct buf *b, const char *what, uint64_t part, uint64_t of)
{
	buf_str(b, what);
	if (part) {
		buf_str(b, ", ");
		html_percent(b, part, of);
	}
	end_tile(b, "");
}

static uint64_t failures(const struct report *r)
{
	uint64_t sum = 0;

	for (unsigned int end = 0; end < CONN_END_MAX; end++)
		sum += travelled_failed((enum conn_end)end) ? r->ends[end] : 0;
	return sum;
}

static uint64_t losses(const struct report *r)
{
	uint64_t sum = 0;

	for (unsigned int i = 0; i < WIRE_LOST_MAX; i++)
		sum += r->cover.lost[i];
	return sum;
}

static void put_tiles(struct buf *b, const struct report *r)
{
	uint64_t all = r->cover.kinds[RECORD_CONNECTION], leaking = report_leaking(r);

	buf_str(b, "<dl class=\"tiles\">\n");
	put_tile(b, "connections", "", all);
	if (r->ends[CONN_END_DAEMON_STOP])
		put_text_uint(b, "connections, open when the tool ended: ", r->ends[CONN_END_DAEMON_STOP]);
	end_tile(b, r->ends[CONN_END_DAEMON_STOP] ? "" : "connections ended");
	put_tile(b, "failed", failures(r) ? "warm" : "", failures(r));
	put_share(b, "failed or forced", failures(r), all);
	put_tile(b, "leaking", leaking ? "bad" : "", leaking);
	end_tile(b, "sockets leak at the end");
	put_tile(b, "again", "", r->again_connections);
	put_share(b, "sent segments again", r->again_connections, all);
	put_tile(b, "lost", losses(r) ? "warm" : "", losses(r));
	end_tile(b, "events or records lost");
	buf_str(b, "</dl>\n");
}

static void put_period(struct buf *b, const struct report *r)
{
	if (!r->cover.records) {
		buf_str(b, "<p class=\"period\">No record is of the time that was asked for.</p>\n");
		return;
	}
	buf_str(b, "<p class=\"period\">");
	html_time(b, r->cover.first_us);
	buf_str(b, " to ");
	html_time(b, r->cover.last_us);
	put_text_duration(b, ", ", (uint64_t)(r->cover.last_us - r->cover.first_us));
	buf_str(b, "</p>\n");
}

static void put_title(struct buf *b, const struct report *r)
{
	buf_str(b, "<h1>TCP connections");
	if (r->hosts.len == 1 && r->hosts.rows[0].key.len > 1) {
		buf_str(b, " of <bdi>");
		html_text(b, r->hosts.rows[0].key.text);
		buf_str(b, "</bdi>");
	} else if (r->hosts.len > 1) {
		buf_str(b, " of ");
		html_count(b, r->hosts.len);
		buf_str(b, r->hosts.displaced ? " hosts and more" : " hosts");
	}
	buf_str(b, "</h1>\n");
}

void html_head(struct buf *b, const struct report *r)
{
	static const char *const parts[][2] = {
		{"findings", "Findings"},     {"cover", "Data"},          {"states", "States"},
		{"close-wait", "CLOSE_WAIT"}, {"time-wait", "TIME_WAIT"}, {"handshakes", "Handshakes"},
		{"failures", "Failures"},     {"hosts", "Who"},           {"lanes", "Lanes"},
		{"examples", "Connections"},
	};

	buf_str(b, "<header>\n");
	put_title(b, r);
	put_period(b, r);
	buf_str(b, "<nav aria-label=\"Parts of this page\">");
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		buf_str(b, "<a href=\"#");
		buf_str(b, parts[i][0]);
		buf_str(b, "\">");
		buf_str(b, parts[i][1]);
		buf_str(b, "</a> ");
	}
	buf_str(b, "</nav>\n</header>\n<main>\n");
	put_tiles(b, r);
}

/* Findings */

static void put_whose(struct buf *b, const char *name)
{
	if (!*name)
		return;
	buf_str(b, "<b><bdi>");
	html_text(b, name);
	buf_str(b, "</bdi></b>: ");
}

/* `hint`: those of its kind have several, so each has its own. */
static void put_finding(struct buf *b, const struct report *r, const struct report_finding *f, bool hint)
{
	buf_str(b, f->gone ? "<li class=\"gone\">" : "<li>");
	if (r->hosts.len > 1)
		put_whose(b, f->host);
	put_whose(b, f->who);
	buf_str(b, "<bdi>");
	html_text(b, f->message);
	buf_str(b, "</bdi>");
	if (f->since_us) {
		buf_str(b, " Since ");
		html_time(b, f->since_us);
		buf_str(b, f->gone ? "; it is gone." : ".");
	}
	if (hint) {
		buf_str(b, " <span class=\"note\">");
		html_text(b, f->hint);
		buf_str(b, "</span>");
	}
	if (*f->command) {
		buf_str(b, " <code>");
		html_text(b, f->command);
		buf_str(b, "</code>");
	}
	buf_str(b, "</li>\n");
}

static void put_more(struct buf *b, unsigned int more)
{
	put_text_uint(b, "</ul><details><summary>and ", more);
	buf_str(b, " more</summary><ul>\n");
}

/* Findings of one kind; they are sorted. Returns how many there are. */
static unsigned int put_kind(struct buf *b, const struct report *r, unsigned int first)
{
	const struct report_finding *f = &r->findings[first];
	const char *severity = f->gone ? "gone" : finding_severity_name(f->severity);
	unsigned int len = 0;
	bool same = true;

	while (first + len < r->findings_len && f[len].what == f->what && f[len].gone == f->gone &&
	       f[len].severity == f->severity)
		same = !strcmp(f[len++].hint, f->hint) && same;
	buf_str(b, "<div class=\"finding ");
	buf_str(b, severity);
	buf_str(b, "\"><h3>");
	buf_str(b, finding_id_name(f->what));
	buf_str(b, " <span class=\"severity\">");
	buf_str(b, severity);
	buf_str(b, "</span></h3>\n");
	if (same) {
		buf_str(b, "<p class=\"note\">");
		html_text(b, f->hint);
		buf_str(b, "</p>");
	}
	buf_str(b, "<ul>\n");
	for (unsigned int i = 0; i < len; i++) {
		if (i == KIND_SHOWN)
			put_more(b, len - i);
		put_finding(b, r, f + i, !same);
	}
	buf_str(b, len > KIND_SHOWN ? "</ul></details></div>\n" : "</ul></div>\n");
	return len;
}

/* Those that a scan of live sockets alone shows. */
static void put_not_looked_at(struct buf *b, const struct report *r)
{
	static const enum finding_id live[] = {FINDING_HELD_BY_CHILD,  FINDING_ACCEPT_STALLED, FINDING_FIN_WAIT2_PILE,
					       FINDING_FIN_UNANSWERED, FINDING_FIN_BLOCKED,    FINDING_RETRANSMITS};
	unsigned int missing = 0;

	for (unsigned int i = 0; i < r->hosts.len; i++)
		missing += !r->hosts.rows[i].values[ROW_DIAGNOSED];
	if (!missing && r->hosts.len)
		return;
	buf_str(b, "<p class=\"note\">Not looked at");
	if (missing < r->hosts.len) {
		put_text_uint(b, " on ", missing);
		put_text_uint(b, " of ", r->hosts.len);
		buf_str(b, " hosts");
	}
	buf_str(b, ", since these need the live host: ");
	for (size_t i = 0; i < sizeof(live) / sizeof(live[0]); i++) {
		buf_str(b, i ? ", " : "");
		buf_str(b, finding_id_name(live[i]));
	}
	buf_str(b, ". Run <code>tcplife-fsm diagnose</code> there, or trace with <code>--events finding</code>.</p>\n");
}

void html_findings(struct buf *b, const struct report *r)
{
	html_section(b, "findings", "Findings", NULL);
	if (!r->findings_len)
		buf_str(b, "<p class=\"fine\">The records show nothing that <code>diagnose</code> calls wrong.</p>\n");
	for (unsigned int first = 0; first < r->findings_len;)
		first += put_kind(b, r, first);
	if (r->findings_dropped) {
		buf_str(b, "<p>");
		html_plural(b, r->findings_dropped, "finding");
		buf_str(b, " more had no room.</p>\n");
	}
	put_not_looked_at(b, r);
	html_section_end(b);
}

/* What the data cover */

static void put_item(struct buf *b, const char *what, uint64_t count)
{
	if (!count)
		return;
	buf_str(b, "<li>");
	buf_str(b, what);
	buf_str(b, ": ");
	html_count(b, count);
	buf_str(b, "</li>\n");
}

static void put_lost(struct buf *b, const struct report *r)
{
	for (unsigned int i = 0; i < WIRE_LOST_MAX; i++) {
		if (!r->cover.lost[i])
			continue;
		buf_str(b, "<li class=\"warm\">Lost at the stage <code>");
		buf_str(b, conn_lost_stage_name(i) ?: "unknown");
		buf_str(b, "</code>: ");
		html_count(b, r->cover.lost[i]);
		buf_str(b, "</li>\n");
	}
}

static void put_numbering(struct buf *b, const struct report *r)
{
	uint64_t missing = 0, copies = 0, killed = 0;

	for (unsigned int i = 0; i < r->instances_len; i++) {
		const struct report_instance *instance = &r->instances[i];
		uint64_t expected = instance->most - instance->least + 1;

		missing += instance->seen < expected ? expected - instance->seen : 0;
		copies += instance->seen > expected ? instance->seen - expected : 0;
		killed += !instance->stopped;
	}
	put_item(b,
		 "Numbers of records (<code>seq</code>) that are not in the data, lost on the way or left out of these files",
		 missing);
	put_item(b, "Records that came twice, and count twice", copies);
	put_item(b, "Runs that did not end in order, or go on after these data", killed);
}

static void put_inferred(struct buf *b, const struct report *r)
{
	const struct report_cover *c = &r->cover;

	put_item(b, "Connections that were not seen whole (<code>complete</code> is false)", c->incomplete);
	put_item(b, "Connections that began before the tool, so that their begin is not known", c->older);
	put_item(b, "Connections without states (<code>--detail short</code>), which no diagram and no lane has",
		 c->no_timeline);
	if (c->spans_inferred || c->spans_scanned) {
		buf_str(b, "<li>States by how they are known: events of the kernel ");
		html_count(b, c->spans - c->spans_inferred - c->spans_scanned);
		buf_str(b, ", inferred ");
		html_count(b, c->spans_inferred);
		buf_str(b, ", found by a scan ");
		html_count(b, c->spans_scanned);
		buf_str(b, "</li>\n");
	}
	if (c->sample > 1) {
		buf_str(b, "<li class=\"warm\">Records are of one in ");
		html_count(b, c->sample);
		buf_str(b, " connections (<code>--sample</code>): numbers of connections are not of all</li>\n");
	}
}

static void put_hooks(struct buf *b, const struct report *r)
{
	if (!r->hooks_len)
		return;
	buf_str(b, "<details><summary>");
	html_plural(b, r->hooks_len, "hook");
	buf_str(b, " of the kernel were not used</summary><ul>\n");
	for (unsigned int i = 0; i < r->hooks_len; i++) {
		buf_str(b, "<li><code>");
		html_text(b, r->hooks[i].name);
		buf_str(b, "</code>: ");
		html_text(b, r->hooks[i].why);
		buf_str(b, "</li>\n");
	}
	buf_str(b, "</ul></details>\n");
}

void html_cover(struct buf *b, const struct report *r)
{
	const struct report_cover *c = &r->cover;

	html_section(b, "cover", "What the data cover", NULL);
	buf_str(b, "<ul class=\"cover\">\n<li>");
	html_plural(b, c->records, "record");
	buf_str(b, " of ");
	html_plural(b, r->instances_len, "run");
	buf_str(b, r->instances_len == REPORT_INSTANCES ? " or more" : "");
	buf_str(b, " in ");
	html_plural(b, c->lines, "line");
	buf_str(b, "</li>\n");
	put_item(b, "Records outside of the time that was asked for", c->outside);
	put_item(b, "Lines that are no records and were left out", c->bad);
	put_item(b, "Records of a kind that this version does not know", c->kinds[RECORD_MAX]);
	put_item(b, "Findings of a kind that this version does not know", c->foreign_words);
	put_lost(b, r);
	put_numbering(b, r);
	put_inferred(b, r);
	put_item(b, "Leak alerts that had no room: more sockets leak than are shown", r->alerts_dropped);
	put_item(b, "Times that a rare name made room for another: the tables have the commonest",
		 r->peers.displaced + r->processes.displaced + r->groups.displaced);
	buf_str(b, "</ul>\n");
	put_hooks(b, r);
	html_section_end(b);
}
