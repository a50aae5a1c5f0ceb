-- SPDX-License-Identifier: GPL-2.0-only
--
-- Which destinations cannot be reached, and how does it fail?
SELECT
    peer_addr, peer_port,
    uniqExact(host) AS hosts,
    count() AS attempts,
    countIf(end_reason = 'refused') AS refused,
    countIf(end_reason = 'timeout' AND isNull(handshake_us)) AS timed_out,
    countIf(end_reason = 'unreachable') AS unreachable,
    countIf(end_reason = 'no_port') AS no_port,
    round(100 * (refused + timed_out + unreachable + no_port) / attempts, 2) AS failed_percent
FROM tcplife.records FINAL
WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')} AND role = 'client'
GROUP BY peer_addr, peer_port
HAVING failed_percent > 0
ORDER BY refused + timed_out + unreachable + no_port DESC, peer_addr, peer_port
LIMIT 20;
