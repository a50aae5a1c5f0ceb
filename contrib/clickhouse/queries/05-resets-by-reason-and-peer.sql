-- SPDX-License-Identifier: GPL-2.0-only
--
-- Who resets connections, and why? `reason` is the kernel's, of resets that this end sent.
--
-- From `connection`, and from the `reset` records that count for a port and no connection (peer NULL): a `reset` record about a
-- connection counts there already.
SELECT
    reason, peer,
    uniqExact(host) AS hosts,
    sum(sent) AS sent,
    sum(received) AS received
FROM
(
    SELECT host, `resets.reason` AS reason, peer_addr AS peer, `resets.sent` AS sent, `resets.received` AS received
    FROM tcplife.records FINAL
    WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
        AND `resets.sent` + `resets.received` > 0
    UNION ALL
    SELECT host, reason, NULL, if(direction = 'sent', count, 0), if(direction = 'received', count, 0)
    FROM tcplife.records FINAL
    WHERE event = 'reset' AND conn_id = '' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
)
GROUP BY reason, peer
ORDER BY sent + received DESC, reason, peer
LIMIT 20;
