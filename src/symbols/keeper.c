// SPDX-License-Identifier: GPL-2.0-only
#include "keeper.h"

#include "opener_protocol.h"
#include "bpf/wire.h"
#include "src/host/shared_page.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define PIPE_BYTES (1 << 20)
#define GOOD_NS 60000000000ull            /* one that ran for this long is followed at once */
#define SAY_NS 10000000000ull             /* between two sentences about the same helper */
#define LOOK_MAX_NS 100000000ull          /* between two looks; what is more, this program was stopped itself */
#define OPENER_STUCK_NS (2 * OPEN_MAX_NS) /* it should have ended itself */
#define STRIKES 3                         /* of processes of a control group, within BAN_NS: then all of it is left out */

static const struct {
	uint64_t first_ns, last_ns;
} pauses[HELPER_STACKS] = {
	[HELPER_PARSER] = {100000000ull, 60000000000ull},
	[HELPER_OPENER] = {50000000ull, 10000000000ull},
};

static const char *const names[HELPER_STACKS] = {
	[HELPER_PARSER] = "process that unwinds stacks",
	[HELPER_OPENER] = "process that opens files",
};

__attribute__((format(printf, 4, 5))) static void say(struct keeper *k, enum helper which, uint64_t now, const char *format,
						      ...)
{
	char text[240];
	va_list args;

	if (k->said_ns[which] && now - k->said_ns[which] < SAY_NS)
		return;
	k->said_ns[which] = now;
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	k->say(k->ctx, text);
}

int keeper_open(struct keeper *k, int ring_fd, void (*say_fn)(void *ctx, const char *text), void *ctx)
{
	*k = (struct keeper){.ring_fd = ring_fd, .socket = {-1, -1}, .page_fd = {-1, -1}, .control_fd = -1, .events = -1};
	k->say = say_fn;
	k->ctx = ctx;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, k->socket))
		return -errno;
	k->page_fd[HELPER_PARSER] =
		shared_page_new("parser", sizeof(*k->parser_page), SHARED_PAGE_ALL, (void **)&k->parser_page);
	k->page_fd[HELPER_OPENER] =
		shared_page_new("opener", sizeof(*k->opener_page), SHARED_PAGE_ALL, (void **)&k->opener_page);
	k->control_fd = shared_page_new("control", sizeof(*k->control), SHARED_PAGE_OURS, (void **)&k->control);
	if (k->page_fd[HELPER_PARSER] < 0)
		return k->page_fd[HELPER_PARSER];
	if (k->page_fd[HELPER_OPENER] < 0)
		return k->page_fd[HELPER_OPENER];
	if (k->control_fd < 0)
		return k->control_fd;
	k->ring = capture_ring_watch(ring_fd);
	return k->ring ? 0 : -errno;
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* What the kernel does not let go of at once is looked after later. */
static void abandon(struct keeper *k, pid_t pid)
{
	for (size_t i = 0; i < sizeof(k->abandoned) / sizeof(k->abandoned[0]); i++) {
		if (!k->abandoned[i]) {
			k->abandoned[i] = pid;
			return;
		}
	}
}

/* Its end is asked for, not waited for. */
static void end(struct keeper *k, enum helper which, uint64_t now)
{
	struct kept *kept = &k->kept[which];
	uint64_t pause = kept->pause_ns * 2;

	if (kept->pid > 0) {
		kill(kept->pid, SIGKILL);
		if (!helper_wait(kept->pid, NULL, WNOHANG))
			abandon(k, kept->pid);
	}
	if (!pause || now - kept->started_ns >= GOOD_NS)
		pause = pauses[which].first_ns;
	if (pause > pauses[which].last_ns)
		pause = pauses[which].last_ns;
	*kept = (struct kept){.started_ns = kept->started_ns, .pause_ns = pause, .start_at_ns = now + pause};
	if (which == HELPER_OPENER)
		__atomic_store_n(&k->control->opener, 0, __ATOMIC_RELAXED);
	else
		k->stopped = false;
}

void keeper_close(struct keeper *k)
{
	for (enum helper which = 0; which < HELPER_STACKS; which++) {
		if (k->kept[which].pid > 0)
			end(k, which, 0);
		close_fd(&k->page_fd[which]);
	}
	close_fd(&k->socket[0]);
	close_fd(&k->socket[1]);
	close_fd(&k->control_fd);
	close_fd(&k->events);
	if (k->parser_page)
		munmap(k->parser_page, sizeof(*k->parser_page));
	if (k->opener_page)
		munmap(k->opener_page, sizeof(*k->opener_page));
	if (k->control)
		munmap(k->control, sizeof(*k->control));
	k->parser_page = NULL;
	k->opener_page = NULL;
	k->control = NULL;
}

/* Whose captures cost a helper its life. `work` is what that helper claimed. */
static void punish(struct keeper *k, const struct work *work, uint64_t now)
{
	uint64_t key = share_key_cgroup(work->cgroup_id);
	struct strike *at = &k->strikes[0];

	if (!work->number || !work->tgid)
		return;
	ban_add(k->control->bans, now, share_key_process(work->tgid, work->start_ns), now + BAN_NS);
	if (!work->cgroup_id)
		return;
	for (size_t i = 0; i < sizeof(k->strikes) / sizeof(k->strikes[0]); i++) {
		if (k->strikes[i].key == key) {
			at = &k->strikes[i];
			break;
		}
		if (k->strikes[i].first_ns < at->first_ns)
			at = &k->strikes[i];
	}
	if (at->key != key || now - at->first_ns >= BAN_NS)
		*at = (struct strike){.key = key, .first_ns = now};
	if (++at->count >= STRIKES)
		ban_add(k->control->bans, now, key, now + BAN_NS);
}

/* The opener does not know control groups: the parser says for whom it asks. */
static struct work opener_work(const struct keeper *k)
{
	struct work work = k->opener_page->work, parser = k->parser_page->work;

	if (work.number && work.tgid == parser.tgid && work.start_ns == parser.start_ns)
		work.cgroup_id = parser.cgroup_id;
	return work;
}

static struct work work_of(const struct keeper *k, enum helper which)
{
	return which == HELPER_PARSER ? k->parser_page->work : opener_work(k);
}

static void start_opener(struct keeper *k, int *ret_err)
{
	const int fds[] = {k->socket[1], k->page_fd[HELPER_OPENER]};

	k->opener_page->work = (struct work){0};
	*ret_err = helper_start(HELPER_OPENER, fds, &k->kept[HELPER_OPENER].pid);
	if (!*ret_err)
		__atomic_store_n(&k->control->opener, 1, __ATOMIC_RELAXED);
}

static void start_parser(struct keeper *k, uint64_t highest, int *ret_err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK)) {
		*ret_err = -errno;
		return;
	}
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
	k->parser_page->work = (struct work){0};
	k->control->first_number = highest ? (highest / WIRE_STACKS_MAX + 1) * WIRE_STACKS_MAX : 0;
	*ret_err = helper_start(HELPER_PARSER,
				(const int[]){k->ring_fd, ends[1], k->socket[0], k->page_fd[HELPER_PARSER], k->control_fd},
				&k->kept[HELPER_PARSER].pid);
	close(ends[1]);
	close_fd(&k->events);
	k->events = ends[0];
}

static void start(struct keeper *k, enum helper which, uint64_t now, uint64_t highest)
{
	struct kept *kept = &k->kept[which];
	int err;

	if (which == HELPER_PARSER)
		start_parser(k, highest, &err);
	else
		start_opener(k, &err);
	kept->started_ns = now;
	if (!err && clock_getcpuclockid(kept->pid, &kept->clock))
		err = -ESRCH;
	if (!err)
		return;
	say(k, which, now, "--stacks: the %s cannot be started: %s", names[which], strerror(-err));
	end(k, which, now);
}

/* Lets go of those that have ended at last. False: too many have not. */
static bool reap(struct keeper *k, uint64_t now)
{
	unsigned int left = 0;

	for (size_t i = 0; i < sizeof(k->abandoned) / sizeof(k->abandoned[0]); i++) {
		if (k->abandoned[i] && helper_wait(k->abandoned[i], NULL, WNOHANG))
			k->abandoned[i] = 0;
		left += k->abandoned[i] != 0;
	}
	if (left >= ABANDONED_MAX)
		say(k, HELPER_OPENER, now,
		    "--stacks: %u processes that were ended hang in file systems: no stacks until they are let go", left);
	return left < ABANDONED_MAX;
}

static void describe(int status, char *text, size_t size)
{
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;

	if (WIFSIGNALED(status))
		snprintf(text, size, "signal %d", WTERMSIG(status));
	else if (code == HELPER_NO_SANDBOX)
		snprintf(text, size, "it cannot be confined here: that needs seccomp");
	else
		snprintf(text, size, "exit code %d", code);
}

void keeper_parser_lied(struct keeper *k, uint64_t now)
{
	struct work work = k->parser_page->work;

	if (k->kept[HELPER_PARSER].pid <= 0)
		return;
	punish(k, &work, now);
	end(k, HELPER_PARSER, now);
	say(k, HELPER_PARSER, now, "--stacks: the %s wrote what is no stack and was ended: another one starts in %llu ms",
	    names[HELPER_PARSER], (unsigned long long)(k->kept[HELPER_PARSER].pause_ns / 1000000));
}

static void on_end(struct keeper *k, enum helper which, int status, uint64_t now)
{
	struct work work = work_of(k, which);
	uint64_t pause;
	char how[60];

	describe(status, how, sizeof(how));
	punish(k, &work, now);
	k->kept[which].pid = 0;
	end(k, which, now);
	if (which == HELPER_OPENER && WIFEXITED(status) && WEXITSTATUS(status) == HELPER_PROTOCOL)
		keeper_parser_lied(k, now);
	pause = k->kept[which].pause_ns / 1000000;
	if (which == HELPER_OPENER && WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
		say(k, which, now,
		    "--stacks: a file of process %u could not be opened within %llu ms: its stacks are skipped for %llu s",
		    work.tgid, OPEN_MAX_NS / 1000000, BAN_NS / 1000000000);
	else if (work.number && work.tgid)
		say(k, which, now, "--stacks: the %s has ended (%s) at a stack of process %u: another one starts in %llu ms",
		    names[which], how, work.tgid, (unsigned long long)pause);
	else
		say(k, which, now, "--stacks: the %s has ended (%s): another one starts in %llu ms", names[which], how,
		    (unsigned long long)pause);
}

/* What the parser has in work is counted by the kernel's buffer, whatever it says itself. */
static bool is_late(struct keeper *k, enum helper which, uint64_t now)
{
	struct kept *kept = &k->kept[which];
	struct work work = work_of(k, which);
	uint64_t turn = which == HELPER_PARSER ? capture_ring_turn(k->ring) : work.number, passed = now - k->looked_ns;

	if (turn != kept->turn || !turn || !k->control->opener) { /* without an opener the parser waits */
		kept->turn = turn;
		kept->work_cpu_ns = kept->cpu_ns;
		kept->work_ran_ns = 0;
		return false;
	}
	if (!k->stopped || which == HELPER_OPENER)
		kept->work_ran_ns += passed < LOOK_MAX_NS ? passed : LOOK_MAX_NS;
	if (which == HELPER_OPENER)
		return kept->work_ran_ns > OPENER_STUCK_NS;
	return kept->work_ran_ns > CAPTURE_WALL_NS || kept->cpu_ns - kept->work_cpu_ns > CAPTURE_CPU_NS;
}

static void look_at(struct keeper *k, enum helper which, uint64_t now)
{
	struct kept *kept = &k->kept[which];
	struct timespec ts;
	struct work work;
	uint64_t cpu;
	int status;

	if (helper_wait(kept->pid, &status, WNOHANG) == kept->pid) {
		on_end(k, which, status, now);
		return;
	}
	if (!clock_gettime(kept->clock, &ts)) {
		cpu = (uint64_t)ts.tv_sec * 1000000000ull + (uint64_t)ts.tv_nsec;
		if (cpu > kept->cpu_ns)
			budget_add(&k->budget, now, cpu - kept->cpu_ns);
		kept->cpu_ns = cpu;
	}
	if (!is_late(k, which, now))
		return;
	work = work_of(k, which);
	punish(k, &work, now);
	say(k, which, now, "--stacks: the %s took too long for process %u and was ended: its stacks are skipped for %llu s",
	    names[which], work.tgid, BAN_NS / 1000000000);
	end(k, which, now);
}

static void keep_budget(struct keeper *k, uint64_t now)
{
	bool may = budget_allows(&k->budget, now, !k->stopped);
	pid_t pid = k->kept[HELPER_PARSER].pid;

	if (pid > 0 && may == k->stopped) {
		kill(pid, may ? SIGCONT : SIGSTOP);
		k->stopped = !may;
	}
}

uint64_t keeper_look(struct keeper *k, uint64_t now, bool drained, uint64_t highest)
{
	bool room = reap(k, now);

	for (enum helper which = HELPER_STACKS; which-- > 0;) { /* the opener first: the parser asks it */
		struct kept *kept = &k->kept[which];

		if (kept->pid > 0)
			look_at(k, which, now);
		else if (room && now >= kept->start_at_ns && (drained || which != HELPER_PARSER))
			start(k, which, now, highest);
	}
	k->looked_ns = now;
	keep_budget(k, now);
	return budget_wait_ns(&k->budget, now, !k->stopped);
}
