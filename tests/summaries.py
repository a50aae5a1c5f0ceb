# SPDX-License-Identifier: GPL-2.0-only
"""The summaries of a run add up to what its records say."""

BEFORE_ESTABLISHED = {"SYN_SENT", "SYN_RECV"}
KINDS = ("closed", "retransmits", "resets", "lost")  # what records of their own are about


def _sums(pairs):
    sums = {}
    for key, count in pairs:
        sums[key] = sums.get(key, 0) + (count or 0)
    return {key: count for key, count in sums.items() if count}


def _counts(summaries):
    for r in summaries:
        yield from ((key, r[key]) for key in ("interval_us", "opened", "closed", "events_in"))
        time_wait = r.get("time_wait", {})
        parts = {key: r[key] for key in ("retransmits", "resets", "lost")} | {"ended": time_wait.get("ended", {})}
        yield from ((f"{name}.{key}", count) for name, part in parts.items() for key, count in part.items())
        yield from ((key, time_wait[key]) for key in ("entered", "early") if time_wait)


def _records(records):
    for r in records:
        if r["event"] == "connection" and {entry["state"] for entry in r["timeline"]} - BEFORE_ESTABLISHED:
            yield "closed", 1
        elif r["event"] == "retransmit":
            yield f"retransmits.{r['kind']}", r["count"]
        elif r["event"] == "reset":
            yield f"resets.{r['direction']}", r["count"]
        elif r["event"] == "lost":
            yield f"lost.{r['stage']}", r["count"]


def of_run(records):
    """The summaries of a run that ended in order; the last one stands before the last record."""
    *_, summary, stop = records
    assert (summary["event"], stop["event"], stop["what"]) == ("summary", "meta", "stop")
    return [r for r in records if r["event"] == "summary"]


def totals(records):
    """The sums over the summaries of a run, as far as they are not 0."""
    return _sums(_counts(of_run(records)))


def check(records):
    """The same; they are those of its records, of which the run wrote all connections, repeats and resets."""
    sums = totals(records)
    assert {key: count for key, count in sums.items() if key.startswith(KINDS)} == _sums(_records(records))
    return sums
