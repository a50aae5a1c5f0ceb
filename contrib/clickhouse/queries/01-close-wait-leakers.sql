-- SPDX-License-Identifier: GPL-2.0-only
--
-- Which programs leak sockets in CLOSE_WAIT now (at `to`), most first?
--
-- What a record raised less what was resolved still leaks. After a restart of the tool its next instance raises what still leaks
-- again: an older instance's alerts count only until `threshold_us` after the newest instance was ready. What ended between two
-- instances was raised by the older one.
WITH
    newest AS
    (
        SELECT host, argMax(instance, ts) AS instance, max(ts) AS ready
        FROM tcplife.records FINAL
        WHERE event = 'meta' AND what = 'ready' AND ts < {to:DateTime('UTC')}
        GROUP BY host
    ),
    alerts AS
    (
        SELECT
            host, alert_id, instance, max(ts) AS last,
            argMax(`process.comm`, ts) AS comm, argMax(local_port, ts) AS port,
            argMaxIf(cause, ts, event = 'close_wait_leak') AS cause,
            max(threshold_us) AS threshold,
            sumIf(toInt64(count), event = 'close_wait_leak')
                - sumIf(toInt64(count), event = 'close_wait_resolved' AND resolution NOT IN ('while_down', 'host_restart')) AS open,
            min(ts - toIntervalMicrosecond(in_state_us)) AS since
        FROM tcplife.records FINAL
        WHERE event IN ('close_wait_leak', 'close_wait_resolved') AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
        GROUP BY host, alert_id, instance
    )
SELECT
    host, comm, port, cause,
    sum(open) AS sockets,
    dateDiff('second', min(since), {to:DateTime('UTC')}) AS oldest_s
FROM
(
    SELECT alerts.*
    FROM alerts LEFT JOIN newest ON alerts.host = newest.host
    WHERE alerts.instance = newest.instance OR newest.instance = ''
        OR newest.ready + toIntervalMicrosecond(threshold) > {to:DateTime('UTC')}
    ORDER BY last DESC
    LIMIT 1 BY host, alert_id
)
WHERE open > 0
GROUP BY host, comm, port, cause
ORDER BY sockets DESC, host, comm, port, cause
LIMIT 20;
