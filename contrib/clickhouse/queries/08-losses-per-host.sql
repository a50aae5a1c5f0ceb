-- SPDX-License-Identifier: GPL-2.0-only
--
-- What did each host lose: on the way here (gaps in `seq`), and in the tool (`lost`)?
--
-- `missing` of `lines`: between the first and the last line that arrived of each source of each instance, in blocks of 65,536 lines
-- that reach into the time asked for. `tool_lost`: from `total` less `count` of the first `lost` record of a stage to `total` of its
-- last, which is right even if a record in between is missing. `queue` and `write` are an output's own, the others the same in all.
-- `incomplete`: connections that a loss of events may have touched.
WITH
    blocks AS
    (
        SELECT host, instance, source, block, groupBitmapMergeState(seqs) AS seqs
        FROM tcplife.received
        GROUP BY host, instance, source, block
        HAVING max(last_ts) >= {from:DateTime('UTC')} AND min(first_ts) < {to:DateTime('UTC')}
    ),
    lines AS
    (
        SELECT host, sum(written) AS lines, sum(written - arrived) AS missing
        FROM
        (
            SELECT
                host, max(bitmapMax(seqs)) - min(bitmapMin(seqs)) + 1 AS written, sum(bitmapCardinality(seqs)) AS arrived
            FROM blocks
            GROUP BY host, instance, source
        )
        GROUP BY host
    ),
    lost AS
    (
        SELECT host, sumMap(map(stage, events)) AS tool_lost
        FROM
        (
            SELECT host, assumeNotNull(stage) AS stage, assumeNotNull(max(total) - min(total - count)) AS events
            FROM tcplife.records FINAL
            WHERE event = 'lost' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
            GROUP BY host, instance, stage, if(stage IN ('queue', 'write'), source, '')
        )
        GROUP BY host
    ),
    connections AS
    (
        SELECT host, countIf(gaps > 0) AS incomplete, count() AS connections
        FROM tcplife.records FINAL
        WHERE event = 'connection' AND ts >= {from:DateTime('UTC')} AND ts < {to:DateTime('UTC')}
        GROUP BY host
    )
SELECT host, lines, missing, tool_lost, incomplete, connections
FROM lines LEFT JOIN lost USING (host) LEFT JOIN connections USING (host)
WHERE missing > 0 OR notEmpty(tool_lost) OR incomplete > 0
ORDER BY missing DESC, arraySum(mapValues(tool_lost)) DESC, incomplete DESC, host;
