-- SPDX-License-Identifier: GPL-2.0-only
--
-- Which programs open a connection for each request? Most connections that lived less than a second, to one destination.
SELECT
    `process.comm` AS client, peer_addr, peer_port,
    uniqExact(host) AS hosts,
    countIf(duration_us < 1000000) AS short_lived,
    count() AS connections,
    quantilesDD(0.01, 0.5)(duration_us)[1] AS median_us,
    round(sum(`tcp.bytes_acked` + `tcp.bytes_received`) / connections) AS bytes_each
FROM tcplife.records FINAL
WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')} AND role = 'client'
    AND isNotNull(duration_us)
GROUP BY client, peer_addr, peer_port
ORDER BY short_lived DESC, client, peer_addr, peer_port
LIMIT 20;
