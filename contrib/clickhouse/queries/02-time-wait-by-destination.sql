-- SPDX-License-Identifier: GPL-2.0-only
--
-- Towards which destinations do clients spend their ports on TIME_WAIT, and where do ports run out?
--
-- `ports_held`: how many ports TIME_WAIT held on average. `worst_in_use` of `range`: from the summaries, which list only clients
-- that use more than half of their ports. With --time-wait=split the time is in a record of its own.
WITH
    waits AS
    (
        SELECT
            peer_addr, peer_port,
            uniqExact(host) AS hosts,
            count() AS time_waits,
            round(sum(`time_wait.us`) / 1e6 / dateDiff('second', {from:DateTime('UTC')}, {to:DateTime('UTC')}), 1) AS ports_held,
            countIf(`time_wait.end` = 'reused') AS reused,
            countIf(`time_wait.end` = 'overflow') AS refused
        FROM tcplife.records FINAL
        WHERE event IN ('connection', 'time_wait') AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
            AND role = 'client' AND isNotNull(`time_wait.us`)
        GROUP BY peer_addr, peer_port
    ),
    used AS
    (
        SELECT peer_addr, peer_port, max(in_use) AS worst_in_use, argMax(ports_range, in_use) AS range
        FROM
        (
            SELECT
                `ports.peer_addr` AS peer_addrs, `ports.peer_port` AS peer_ports, `ports.in_use` AS in_uses,
                `ports.range` AS ranges
            FROM tcplife.records FINAL
            WHERE event = 'summary' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')} AND notEmpty(`ports.in_use`)
        )
        ARRAY JOIN peer_addrs AS peer_addr, peer_ports AS peer_port, in_uses AS in_use, ranges AS ports_range
        GROUP BY peer_addr, peer_port
    )
SELECT peer_addr, peer_port, hosts, time_waits, ports_held, reused, refused, worst_in_use, range
FROM waits FULL JOIN used USING (peer_addr, peer_port)
ORDER BY time_waits DESC, worst_in_use DESC, peer_addr, peer_port
LIMIT 20;
