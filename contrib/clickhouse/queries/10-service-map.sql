-- SPDX-License-Identifier: GPL-2.0-only
--
-- Who talks to whom? Programs of clients, and the program that answers where a host of the fleet serves that address.
WITH
    servers AS
    (
        SELECT local_addr, local_port, argMax(host, ts) AS server_host, argMax(`process.comm`, ts) AS server
        FROM tcplife.records FINAL
        WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')} AND role = 'server'
        GROUP BY local_addr, local_port
    ),
    clients AS
    (
        SELECT
            `process.comm` AS client, peer_addr, peer_port,
            groupUniqArray(host) AS hosts,
            count() AS connections,
            sum(`tcp.bytes_acked`) AS sent,
            sum(`tcp.bytes_received`) AS received
        FROM tcplife.records FINAL
        WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')} AND role = 'client'
        GROUP BY client, peer_addr, peer_port
    )
SELECT
    client,
    if(server_host = '', peer_addr, server) AS answers,
    peer_port AS port,
    length(arrayDistinct(arrayFlatten(groupArray(hosts)))) AS from_hosts,
    uniqExact(peer_addr) AS to_addresses,
    sum(connections) AS connections,
    sum(sent) AS sent,
    sum(received) AS received
FROM clients LEFT JOIN servers ON peer_addr = local_addr AND peer_port = local_port
GROUP BY client, answers, port
ORDER BY connections DESC, client, answers, port
LIMIT 20;
