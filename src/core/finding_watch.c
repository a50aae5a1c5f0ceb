// SPDX-License-Identifier: GPL-2.0-only
/*
 * Two kinds of looks. One follows each leak scan (finding_scan.c). The other follows each survey, one in FINDING_WINDOW_NS: it
 * judges what records said meanwhile, who waits in SYN_SENT, ports, and what namespaces counted.
 *
 * The records are those of the table itself: findings stand between the table and who takes its records.
 */
#include "finding_watch.h"

#include "alert.h"
#include "emit.h"
#include "finding_keep.h"
#include "finding_scan.h"
#include "finding_tally.h"
#include "ports.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SCAN_NS 5000000000ull       /* between scans, if they are cheap: leak_watch.c */
#define SCAN_SOON_NS 1000000000ull  /* between the first two: one alone does not show what gets on */
#define THRESHOLD_NS 60000000000ull /* as the option's default */
#define TAKEN (1u << RECORD_CONNECTION | 1u << RECORD_RETRANSMIT)

struct findings {
	conn_emit_fn emit; /* of who takes the table's records */
	void *ctx;
	uint32_t wanted; /* by them */
	const struct conn_table *table;
	struct finding_set set;
	struct finding_scan scan;
	struct tallies tallies;
	uint64_t next_scan_ns, next_look_ns, scans, sockets_left_out;
};

static bool never_established(const struct conn_record *rec)
{
	for (unsigned int i = 0; i < rec->timeline_len; i++) {
		uint8_t state = rec->timeline[i].state;

		if (state != WIRE_SYN_SENT && state != WIRE_SYN_RECV && state != WIRE_CLOSE)
			return false;
	}
	return true;
}

/* Nobody answered the SYN: it timed out, a router says so, or the program gave up after repeats. */
static bool is_unanswered(const struct conn_record *rec)
{
	return rec->end == CONN_END_TIMEOUT || rec->end == CONN_END_UNREACHABLE ||
	       (rec->end == CONN_END_ABORTED && rec->retransmits.syn);
}

static void count_connection(struct findings *f, const struct conn_record *rec)
{
	bool opened = finding_opened(f->table, &rec->t), failed = never_established(rec);
	bool refused = failed && opened && rec->end == CONN_END_REFUSED;
	bool unanswered = failed && opened && is_unanswered(rec);
	bool reset = !failed && (rec->end == CONN_END_RST_SENT || rec->end == CONN_END_RST_RECEIVED);
	bool bad = refused || unanswered || reset;
	struct tally *tally = tallies_of(&f->tallies, &rec->t, opened, true);
	uint64_t life_ns = rec->end_ns > rec->start_ns ? rec->end_ns - rec->start_ns : 0;

	if (!tally)
		return;
	tally->refused += refused;
	tally->unanswered += unanswered;
	tally->resets += reset;
	tally->ended += !bad;
	if (unanswered && life_ns > tally->oldest_ns)
		tally->oldest_ns = life_ns;
	if (bad)
		tally->example = rec->t;
}

static void count_retransmit(struct findings *f, const struct conn_retransmit_record *rec)
{
	struct tally *tally;

	if (!rec->t || !rec->t->id_known || rec->kind != WIRE_SEG_DATA)
		return;
	tally = tallies_of(&f->tallies, rec->t, finding_opened(f->table, rec->t), true);
	if (tally)
		tally->retransmits += rec->count;
}

/* A conn_emit_fn: between the table and who takes its records. */
static void take(void *findings, const struct record *rec)
{
	struct findings *f = findings;

	if (rec->kind == RECORD_CONNECTION && rec->conn->t.id_known)
		count_connection(f, rec->conn);
	else if (rec->kind == RECORD_RETRANSMIT)
		count_retransmit(f, rec->retransmit);
	if (f->wanted & 1u << rec->kind)
		f->emit(f->ctx, rec);
}

int findings_new(struct conn_table *t)
{
	const struct hash_key *hash_key = &t->config.hash_key;
	struct findings *f;

	if (!emit_wanted(t, RECORD_FINDING))
		return 0;
	f = t->findings = calloc(1, sizeof(*f));
	if (!f)
		return -ENOMEM;
	f->emit = t->emit;
	f->ctx = t->ctx;
	f->wanted = t->config.wanted;
	f->table = t;
	t->emit = take;
	t->ctx = f;
	t->config.wanted |= TAKEN;
	return finding_set_init(&f->set, hash_key) ?: tallies_init(&f->tallies, hash_key)
		?: finding_scan_init(&f->scan, t->config.leak_threshold_ns ?: THRESHOLD_NS, hash_key);
}

void findings_free(struct conn_table *t)
{
	if (!t->findings)
		return;
	finding_scan_free(&t->findings->scan);
	tallies_free(&t->findings->tallies);
	finding_set_free(&t->findings->set);
	free(t->findings);
}

uint64_t findings_memory(const struct conn_table *t)
{
	const struct findings *f = t->findings;

	return f ? sizeof(*f) + finding_set_memory(&f->set) + pool_memory(&f->tallies.by_key) + finding_scan_memory(&f->scan)
		 : 0;
}

/* A finding_fn. */
static void emit_finding(void *table, const struct finding_record *finding)
{
	const struct conn_table *t = table;

	emit_record(t, &(struct record){.kind = RECORD_FINDING, .ts = t->now, .finding = finding});
}

void findings_scanned(struct conn_table *t, uint64_t now)
{
	const struct leak_set *found = alerts_found(t->alerts);
	struct findings *f = t->findings;

	if (!f || !t->config.leak_threshold_ns)
		return;
	f->scans++;
	if (found->lost > f->sockets_left_out) /* each scan meets them again */
		f->sockets_left_out = found->lost;
	f->next_scan_ns = now + (f->scans == 1 ? SCAN_SOON_NS : SCAN_NS);
	if (finding_scan_look(&f->scan, t, found, now, &f->set))
		table_refuse(t, now);
	if (found->partial)
		finding_set_close_part(&f->set, FINDING_BY_SCAN, now, emit_finding, t);
	else
		finding_set_close(&f->set, FINDING_BY_SCAN, now, emit_finding, t);
}

bool findings_want_scan(const struct conn_table *t, uint64_t now)
{
	return t->findings && t->config.leak_threshold_ns && now >= t->findings->next_scan_ns;
}

bool findings_want_survey(const struct conn_table *t, uint64_t now)
{
	return t->findings && now >= t->findings->next_look_ns;
}

/* The look at a window */

static bool asks_share(const struct tally *tally)
{
	return tally->refused || tally->resets;
}

static void count_alive(struct findings *f, const struct conn_table *t, const struct conn *c)
{
	bool waits = c->state == WIRE_SYN_SENT && t->now > conn_entered_ns(c) + FINDING_SYN_NS;
	struct conn_tuple tuple = {0};
	struct tally *tally;

	if (!(c->facts & CONN_ID_KNOWN) || (c->state == WIRE_SYN_SENT && !waits))
		return;
	emit_tuple(t, c, &tuple);
	tally = tallies_of(&f->tallies, &tuple, finding_opened(t, &tuple), waits);
	if (!tally)
		return;
	tally->alive += !waits;
	tally->unanswered += waits;
	if (waits && t->now - conn_entered_ns(c) > tally->oldest_ns) {
		tally->oldest_ns = t->now - conn_entered_ns(c);
		tally->example = tuple;
	}
}

/* Reads each connection, if that may change anything. */
static void count_table(struct findings *f, const struct conn_table *t)
{
	bool needed = t->by_state[WIRE_SYN_SENT] != 0;
	const struct tally *tally;

	tallies_for_each(tally, &f->tallies) needed |= asks_share(tally);
	for (const struct conn *c = needed ? table_next(t, NULL) : NULL; c; c = table_next(t, c))
		count_alive(f, t, c);
}

static void offer(struct findings *f, const struct tally *tally, struct finding_record finding)
{
	finding.t = tally->example;
	finding_set_about(&finding, tally->opened ? FINDING_PEER_ADDR | FINDING_PEER_PORT : FINDING_LOCAL_PORT);
	finding_name(&finding, false);
	finding_set_offer(&f->set, &finding);
}

static void offer_tallies(struct findings *f)
{
	const struct tally *t;

	tallies_for_each(t, &f->tallies)
	{
		uint64_t others = t->ended + t->alive;

		if (t->unanswered)
			offer(f, t,
			      (struct finding_record){.id = FINDING_SYN_UNANSWERED,
						      .count = t->unanswered,
						      .oldest_known = true,
						      .oldest_ns = t->oldest_ns});
		if (t->refused)
			offer(f, t,
			      (struct finding_record){.id = FINDING_CONNECT_REFUSED,
						      .count = t->refused,
						      .of_known = true,
						      .of = t->refused + others});
		if (t->resets)
			offer(f, t,
			      (struct finding_record){
				      .id = FINDING_RESETS, .count = t->resets, .of_known = true, .of = t->resets + others});
	}
}

/*
 * Of a namespace: how many segments with payload were repeated, and for whom the most. The kernel's count has SYNs and SYN-ACKs
 * that nobody answered, too, which say nothing of the way. A netns_segments_fn.
 */
static void offer_retransmits(void *findings, uint32_t netns, const struct wire_netns_segments *segments)
{
	struct finding_record finding = {
		.id = FINDING_RETRANSMITS,
		.of_known = true,
		.t = {.id_known = true, .id = {.netns = netns, .family = AF_INET6}},
	};
	const struct tally *tally, *most = NULL;
	struct findings *f = findings;

	tallies_for_each(tally, &f->tallies)
	{
		if (tally->example.id.netns != netns)
			continue;
		finding.count += tally->retransmits;
		if (tally->retransmits > (most ? most->retransmits : 0))
			most = tally;
	}
	finding.of = segments->out + finding.count;
	finding_name(&finding, false); /* whoever it is */
	if (most) {
		finding.t = most->example;
		finding.theirs = most->retransmits;
		finding_set_about(&finding, most->opened ? FINDING_PEER_ADDR | FINDING_PEER_PORT : FINDING_LOCAL_PORT);
	}
	finding_set_offer(&f->set, &finding);
}

/* Who listens at a port, whatever the address: the first that is known. */
static void fill_listener(const struct conn_table *t, struct conn_tuple *tuple)
{
	struct conn_listener_row row;

	for (uint32_t id = 1; id < listeners_end(&t->listeners); id++) {
		if (!listeners_row(&t->listeners, id, &row) || row.netns != tuple->id.netns ||
		    row.local_port != tuple->id.local_port || !row.task.tgid)
			continue;
		tuple->from = CONN_FROM_LISTENER;
		tuple->process = *listeners_owner_of(&t->listeners, row.cookie);
		return;
	}
}

static void offer_half_open(struct findings *f, struct conn_table *t, struct conn_summary_record *sum)
{
	half_open_take(&t->half_open_look, sum);
	for (unsigned int i = 0; i < sum->half_open_len; i++) {
		const struct conn_half_open_row *row = &sum->half_open[i];
		struct finding_record finding = {
			.id = FINDING_HALF_OPEN_PILE,
			.count = row->count,
			.about = FINDING_LOCAL_PORT,
			.t = {.id_known = true,
			      .role = CONN_SERVER,
			      .id = {.netns = row->netns, .local_port = row->local_port, .family = AF_INET6}},
		};

		fill_listener(t, &finding.t);
		finding_name(&finding, false);
		finding_set_offer(&f->set, &finding);
	}
}

static void offer_ports(struct findings *f, const struct conn_table *t, struct conn_summary_record *sum)
{
	ports_fill(t, sum);
	for (unsigned int i = 0; i < sum->ports_len; i++) {
		const struct conn_ports_row *row = &sum->ports[i];
		struct finding_record finding = {
			.id = FINDING_PORTS_USED_UP, .count = row->in_use, .of_known = true, .of = row->range};
		struct ports_owner owner;

		ports_owner(t, row, &owner);
		if (!owner.example)
			continue;
		emit_tuple(t, owner.example_of_owner ?: owner.example, &finding.t);
		finding.theirs = owner.count;
		finding_set_about(&finding, FINDING_LOCAL_ADDR | FINDING_PEER_ADDR | FINDING_PEER_PORT);
		finding_name(&finding, false);
		finding_set_offer(&f->set, &finding);
	}
}

static void look(struct conn_table *t, uint64_t now)
{
	struct findings *f = t->findings;
	struct conn_summary_record sum = {0};

	/* At the end of a run it is cut short. */
	f->set.window_ns = f->next_look_ns ? now + FINDING_WINDOW_NS - f->next_look_ns : 0;
	count_table(f, t);
	offer_tallies(f);
	netns_counts_take_segments(&t->netns_counts, offer_retransmits, f);
	offer_half_open(f, t, &sum);
	offer_ports(f, t, &sum);
	finding_set_close(&f->set, FINDING_BY_WINDOW, now, emit_finding, t);
	tallies_clear(&f->tallies);
	f->next_look_ns = now + FINDING_WINDOW_NS;
}

void findings_tick(struct conn_table *t, uint64_t now)
{
	if (t->findings && !t->findings->next_look_ns)
		t->findings->next_look_ns = now + FINDING_WINDOW_NS;
	else if (findings_want_survey(t, now))
		look(t, now);
}

void findings_stop(struct conn_table *t, uint64_t now)
{
	if (!t->findings)
		return;
	look(t, now);
	finding_set_stop(&t->findings->set, emit_finding, t);
}

void findings_each(const struct conn_table *t, finding_fn fn, void *ctx)
{
	if (t->findings)
		finding_set_each(&t->findings->set, fn, ctx);
}

struct keeping {
	event_fn fn;
	void *ctx;
	uint64_t now;
};

/* A finding_fn. */
static void keep(void *ctx, const struct finding_record *finding)
{
	const struct keeping *k = ctx;

	finding_keep(finding, k->now, k->fn, k->ctx);
}

void findings_keep(const struct conn_table *t, event_fn fn, void *ctx)
{
	struct keeping keeping = {fn, ctx, t->now};

	findings_each(t, keep, &keeping);
}

void findings_restore(struct conn_table *t, const struct wire_standing *ev)
{
	const struct finding_record finding = finding_kept(ev);

	if (t->findings)
		finding_set_restore(&t->findings->set, &finding);
}

uint64_t findings_changes(const struct conn_table *t)
{
	return t->findings ? t->findings->set.changes : 0;
}

void findings_stats(const struct conn_table *t, struct findings_stats *ret_stats)
{
	const struct findings *f = t->findings;

	*ret_stats = (struct findings_stats){0};
	if (!f)
		return;
	ret_stats->scans = f->scans;
	ret_stats->left_out = f->tallies.left_out + f->set.left_out + f->sockets_left_out;
}
