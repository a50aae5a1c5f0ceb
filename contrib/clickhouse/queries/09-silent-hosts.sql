-- SPDX-License-Identifier: GPL-2.0-only
--
-- Which hosts stopped reporting? Those heard since `from`, but not in the last 3 minutes before `to`: a summary is due every 60 s.
--
-- `last_word` is the last `meta`: `stop` if the tool was ended, else the tool, the host or the way here broke.
WITH
    heard AS
    (
        SELECT host, max(last_ts) AS last_heard
        FROM tcplife.received
        WHERE last_ts >= {from:DateTime('UTC')}
        GROUP BY host
        HAVING last_heard < {to:DateTime('UTC')} - INTERVAL 3 MINUTE
    ),
    words AS
    (
        SELECT host, argMax(what, (ts, seq)) AS last_word
        FROM tcplife.records FINAL
        WHERE event = 'meta' AND ts < {to:DateTime('UTC')}
        GROUP BY host
    )
SELECT host, last_heard, dateDiff('second', last_heard, {to:DateTime('UTC')}) AS silent_s, last_word
FROM heard LEFT JOIN words USING (host)
ORDER BY last_heard, host;
