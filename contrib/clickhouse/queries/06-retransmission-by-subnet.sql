-- SPDX-License-Identifier: GPL-2.0-only
--
-- Which networks lose segments? /24 of IPv4, /48 of IPv6.
--
-- `of_connections`: percent that sent data again. `of_segments`: segments sent again in percent of those sent, from the records
-- that have `tcp.segs_out` (--detail full); NULL without.
SELECT
    if(position(peer_addr, ':') = 0,
        concat(toString(tupleElement(IPv4CIDRToRange(toIPv4OrDefault(peer_addr), 24), 1)), '/24'),
        concat(toString(tupleElement(IPv6CIDRToRange(toIPv6OrDefault(peer_addr), 48), 1)), '/48')) AS subnet,
    uniqExact(host) AS hosts,
    count() AS connections,
    sum(`retransmits.data`) AS data_repeated,
    round(100 * countIf(`retransmits.data` > 0) / connections, 3) AS of_connections,
    round(100 * sumIf(`retransmits.syn` + `retransmits.synack` + `retransmits.data` + `retransmits.fin`, isNotNull(`tcp.segs_out`))
        / nullIf(sum(`tcp.segs_out`), 0), 3) AS of_segments
FROM tcplife.records FINAL
WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')} AND isNotNull(peer_addr)
GROUP BY subnet
HAVING connections >= 100
ORDER BY of_connections DESC, subnet
LIMIT 20;
