-- SPDX-License-Identifier: GPL-2.0-only
--
-- Which destinations answer slowly? Client side: from the SYN to ESTABLISHED, repeats of the SYN included.
--
-- The quantiles have a relative error of at most 1 %, in whatever memory a day of a fleet leaves.
SELECT
    peer_addr, peer_port,
    uniqExact(host) AS hosts,
    count() AS handshakes,
    quantilesDD(0.01, 0.5, 0.99)(handshake_us)[1] AS p50_us,
    quantilesDD(0.01, 0.5, 0.99)(handshake_us)[2] AS p99_us,
    max(handshake_us) AS max_us,
    countIf(`retransmits.syn` > 0) AS syn_repeated
FROM tcplife.records FINAL
WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
    AND role = 'client' AND isNotNull(handshake_us)
GROUP BY peer_addr, peer_port
HAVING handshakes >= 100
ORDER BY p99_us DESC, peer_addr, peer_port
LIMIT 20;
