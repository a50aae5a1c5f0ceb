-- SPDX-License-Identifier: GPL-2.0-only
--
-- Who closes first, per service? Where the server does, TIME_WAIT is the server's.
SELECT
    `process.comm` AS service, local_port AS port,
    uniqExact(host) AS hosts,
    count() AS connections,
    countIf(closed_by = 'local') AS server_first,
    countIf(closed_by = 'peer') AS client_first,
    countIf(closed_by = 'both') AS both_at_once,
    countIf(isNull(closed_by)) AS not_known,
    round(100 * server_first / connections, 2) AS server_percent
FROM tcplife.records FINAL
WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')} AND role = 'server'
    AND end_reason != 'daemon_stop'
GROUP BY service, port
ORDER BY connections DESC, service, port
LIMIT 20;
