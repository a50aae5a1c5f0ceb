-- SPDX-License-Identifier: GPL-2.0-only
--
-- Which listeners drop connections because nobody accepts them in time? From the summaries, whose whole line is kept.
SELECT
    host,
    l.local_addr AS addr, l.local_port AS port, l.process.comm AS service,
    sum(l.drops) AS drops,
    countIf(l.full) AS times_full,
    max(l.queue) AS longest_queue,
    max(l.queue_limit) AS queue_limit
FROM
(
    SELECT
        host,
        arrayJoin(JSONExtract(line, 'listeners', 'Array(Tuple(local_addr String, local_port UInt16,
            process Tuple(comm Nullable(String)), queue UInt64, queue_limit UInt64, full Bool, drops Nullable(UInt64)))')) AS l
    FROM tcplife.records FINAL
    WHERE event = 'summary' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
)
GROUP BY host, addr, port, service
ORDER BY drops DESC, times_full DESC, host, port, addr, service
LIMIT 20;
