-- SPDX-License-Identifier: GPL-2.0-only
--
-- Five questions. Each stands alone: psql -f queries.sql runs them all, over the last day.

\echo Which processes leak sockets in CLOSE_WAIT? A record stands for "count" sockets, or for one.
SELECT host, comm, string_agg(DISTINCT record->>'cause', ', ') AS causes,
	sum(coalesce((record->>'count')::bigint, 1)) FILTER (WHERE event = 'close_wait_leak' AND record->>'resumed' IS NULL) AS leaked,
	sum(coalesce((record->>'count')::bigint, 1)) FILTER (WHERE event = 'close_wait_resolved') AS resolved,
	max(ts) AS last
FROM tcplife_fsm
WHERE event IN ('close_wait_leak', 'close_wait_resolved') AND ts > now() - interval '1 day'
GROUP BY host, comm
ORDER BY leaked DESC NULLS LAST
LIMIT 20;

\echo Which peers answer slowly, or not at all?
SELECT peer_addr, peer_port, count(*) AS tries,
	count(*) FILTER (WHERE end_reason IN ('timeout', 'refused', 'unreachable')) AS failed,
	percentile_disc(0.5) WITHIN GROUP (ORDER BY (record->>'handshake_us')::bigint) AS p50_us,
	percentile_disc(0.99) WITHIN GROUP (ORDER BY (record->>'handshake_us')::bigint) AS p99_us
FROM tcplife_fsm
WHERE event = 'connection' AND role = 'client' AND ts > now() - interval '1 day'
GROUP BY peer_addr, peer_port
ORDER BY failed DESC, p99_us DESC NULLS LAST
LIMIT 20;

\echo Who closes first, by service?
SELECT host, comm, local_port, count(*) AS connections,
	count(*) FILTER (WHERE record->>'closed_by' = 'local') AS by_us,
	count(*) FILTER (WHERE record->>'closed_by' = 'peer') AS by_peer,
	count(*) FILTER (WHERE end_reason LIKE 'rst%') AS reset
FROM tcplife_fsm
WHERE event = 'connection' AND role = 'server' AND ts > now() - interval '1 day'
GROUP BY host, comm, local_port
ORDER BY connections DESC
LIMIT 20;

\echo How much is sent again, by the peer''s network?
SELECT set_masklen(peer_addr, CASE family(peer_addr) WHEN 4 THEN 24 ELSE 64 END)::cidr AS network,
	count(*) AS connections, sum((record->'retransmits'->>'data')::bigint) AS sent_again,
	round(100.0 * sum((record->'retransmits'->>'data')::bigint) / nullif(sum((record->'tcp'->>'segs_out')::bigint), 0), 2) AS percent
FROM tcplife_fsm
WHERE event = 'connection' AND ts > now() - interval '1 day' AND peer_addr IS NOT NULL
GROUP BY network
ORDER BY sent_again DESC NULLS LAST
LIMIT 20;

\echo What is missing? A gap in seq was lost on the way, "lost" by tcplife-fsm itself.
SELECT host, instance, min(ts) AS first, max(ts) AS last, count(*) AS records,
	max(seq) - min(seq) + 1 - count(*) AS lost_on_the_way,
	coalesce(sum((record->>'count')::bigint) FILTER (WHERE event = 'lost'), 0) AS lost_by_tool
FROM tcplife_fsm
WHERE ts > now() - interval '1 day'
GROUP BY host, instance
ORDER BY last DESC
LIMIT 20;
