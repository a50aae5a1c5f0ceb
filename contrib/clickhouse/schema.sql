-- SPDX-License-Identifier: GPL-2.0-only
--
-- The records of a fleet. A column has the name of its key in docs/output.md, with the dot of a key inside an object.
--
-- Lines come in by `lines`, which stores nothing: views read each line and pass it on. No line can stop the others. A line that is not
-- a record of schema 1.x goes to `unreadable`. A key that has no column is skipped, so later minor versions can be loaded too.
--
-- A line may arrive twice. (instance, source, seq) is its identity and part of the order of `records`, a ReplacingMergeTree:
-- merges remove the second copy, and FINAL, which all queries use, hides it until then.

CREATE DATABASE IF NOT EXISTS tcplife;

-- `source` tells the outputs of a run (-o) from each other, if several lead here: each of them counts its own `seq`.
CREATE TABLE IF NOT EXISTS tcplife.lines
(
    message String,
    source LowCardinality(String) DEFAULT ''
)
ENGINE = Null;

-- NULL: not known, or this record has no such key. Counts, which --detail short leaves out if they are 0, are 0 then.
-- Ordered for "all hosts in these hours" first, and for "one host" within that. Days expire as a whole, which costs nothing: days of
-- loading, not of `ts`, since a host with a wrong clock can give any `ts`, and too many partitions would make an insert fail.
CREATE TABLE IF NOT EXISTS tcplife.records
(
    ts DateTime64(6, 'UTC') CODEC(Delta, ZSTD(1)),
    event LowCardinality(String),
    schema_version LowCardinality(String),
    instance LowCardinality(String),
    source LowCardinality(String),
    seq UInt64 CODEC(Delta, ZSTD(1)),
    host LowCardinality(String),
    loaded DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),

    -- of a connection
    conn_id String CODEC(ZSTD(1)),
    generation UInt32,
    family LowCardinality(Nullable(String)),
    local_addr LowCardinality(Nullable(String)),
    local_port Nullable(UInt16) CODEC(ZSTD(1)),
    peer_addr Nullable(String) CODEC(ZSTD(1)),
    peer_port Nullable(UInt16) CODEC(ZSTD(1)),
    role LowCardinality(Nullable(String)),
    netns Nullable(UInt32) CODEC(ZSTD(1)),
    `process.pid` Nullable(UInt32) CODEC(ZSTD(1)),
    `process.comm` LowCardinality(Nullable(String)),
    `process.comm_hex` LowCardinality(Nullable(String)),
    `process.start` Nullable(DateTime64(6, 'UTC')) CODEC(ZSTD(1)),
    `process.exe` LowCardinality(Nullable(String)),
    `process.exe_hex` LowCardinality(Nullable(String)),
    `process.exe_len` Nullable(UInt32),
    `process.exe_deleted` Bool,
    `process.uid` Nullable(UInt32) CODEC(ZSTD(1)),
    `process.from` LowCardinality(Nullable(String)),
    cgroup LowCardinality(Nullable(String)),
    cgroup_hex LowCardinality(Nullable(String)),
    cgroup_len Nullable(UInt32),
    `container.id` LowCardinality(Nullable(String)),
    `container.pod_uid` LowCardinality(Nullable(String)),
    `container.claimed_id` LowCardinality(Nullable(String)),
    `container.claimed_pod_uid` LowCardinality(Nullable(String)),

    -- connection, progress, time_wait
    `start` Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    `end` Nullable(DateTime64(6, 'UTC')) CODEC(Delta, ZSTD(1)),
    duration_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    handshake_us Nullable(UInt64) CODEC(T64, ZSTD(1)),
    closed_by LowCardinality(Nullable(String)),
    end_reason LowCardinality(Nullable(String)),
    close_kind LowCardinality(Nullable(String)),
    conn_state LowCardinality(Nullable(String)),
    history LowCardinality(Nullable(String)),
    `timeline.state` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `timeline.at_us` Array(UInt64) CODEC(T64, ZSTD(1)),
    `timeline.us` Array(Nullable(UInt64)) CODEC(T64, ZSTD(1)),
    `timeline.by` Array(LowCardinality(Nullable(String))) CODEC(ZSTD(1)),
    `timeline.ev` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    timeline_dropped UInt32,
    `segments.at_us` Array(Nullable(UInt64)) CODEC(ZSTD(1)),
    `segments.dir` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `segments.flags` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    `segments.seq` Array(Nullable(UInt64)) CODEC(ZSTD(1)),
    `segments.ack` Array(Nullable(UInt64)) CODEC(ZSTD(1)),
    `segments.n` Array(UInt32) CODEC(ZSTD(1)),
    `segments.at_us_last` Array(UInt64) CODEC(ZSTD(1)),
    `segments.ev` Array(LowCardinality(String)) CODEC(ZSTD(1)),
    segments_dropped UInt32,
    `isn.local` Nullable(UInt32),
    `isn.peer` Nullable(UInt32),
    `time_wait.us` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `time_wait.fin_wait2_us` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `time_wait.restarts` Nullable(UInt32),
    `time_wait.end` LowCardinality(Nullable(String)),
    `time_wait.ev` LowCardinality(Nullable(String)),
    `tcp.bytes_sent` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.bytes_acked` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.bytes_received` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.segs_out` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.segs_in` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.srtt_us` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.min_rtt_us` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.mss` Nullable(UInt32) CODEC(T64, ZSTD(1)),
    `tcp.unread_bytes` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.unsent_bytes` Nullable(UInt64) CODEC(T64, ZSTD(1)),
    `tcp.congestion` LowCardinality(Nullable(String)),
    mptcp Bool,
    fastopen Bool,
    v4_mapped Bool,
    complete Nullable(Bool),
    gaps UInt32,

    -- these, and the totals of summary
    `retransmits.syn` UInt64 CODEC(T64, ZSTD(1)),
    `retransmits.synack` UInt64 CODEC(T64, ZSTD(1)),
    `retransmits.data` UInt64 CODEC(T64, ZSTD(1)),
    `retransmits.fin` UInt64 CODEC(T64, ZSTD(1)),
    `resets.sent` UInt64 CODEC(T64, ZSTD(1)),
    `resets.received` UInt64 CODEC(T64, ZSTD(1)),
    `resets.reason` LowCardinality(Nullable(String)),

    -- state, retransmit, reset
    old_state LowCardinality(Nullable(String)),
    new_state LowCardinality(Nullable(String)),
    prev_us Nullable(UInt64),
    `by` LowCardinality(Nullable(String)),
    ev LowCardinality(Nullable(String)),
    `state` LowCardinality(Nullable(String)),
    `kind` LowCardinality(Nullable(String)),
    `trigger` LowCardinality(Nullable(String)),
    tcp_seq Nullable(UInt32),
    len Nullable(UInt64),
    direction LowCardinality(Nullable(String)),
    `reason` LowCardinality(Nullable(String)),

    -- these, close_wait_leak, close_wait_resolved, lost: how many the record stands for
    `count` UInt64 DEFAULT 1,
    interval_us Nullable(UInt64),

    -- close_wait_leak, close_wait_resolved
    alert_id Nullable(String),
    in_state_us Nullable(UInt64),
    age_is_lower_bound Nullable(Bool),
    threshold_us Nullable(UInt64),
    cause LowCardinality(Nullable(String)),
    cause_certain Nullable(Bool),
    unread_bytes Nullable(UInt64),
    unsent_bytes Nullable(UInt64),
    group_open Nullable(UInt64),
    group_growth_per_min Nullable(Float64),
    stack_of LowCardinality(Nullable(String)),
    stack_note LowCardinality(Nullable(String)),
    resolution LowCardinality(Nullable(String)),

    -- lost
    stage LowCardinality(Nullable(String)),
    total Nullable(UInt64),
    `from` Nullable(DateTime64(6, 'UTC')),
    connections_affected Nullable(UInt64),

    -- snapshot, summary
    sockets Nullable(UInt64),
    took_us Nullable(UInt64),
    opened Nullable(UInt64),
    closed Nullable(UInt64),
    close_wait Nullable(UInt64),
    close_wait_over Nullable(UInt64),
    close_wait_oldest_us Nullable(UInt64),
    fin_wait2_over Nullable(UInt64),
    not_accepted_over Nullable(UInt64),
    `time_wait.entered` Nullable(UInt64),
    `time_wait.alive` Nullable(UInt64),
    `time_wait.early` Nullable(UInt64),
    `ports.netns` Array(UInt32),
    `ports.local_addr` Array(String),
    `ports.peer_addr` Array(String),
    `ports.peer_port` Array(UInt16),
    `ports.in_use` Array(UInt32),
    `ports.range` Array(UInt32),
    half_open_rest Nullable(UInt64),
    events_in Nullable(UInt64),
    emitted Nullable(UInt64),
    paths_dropped Nullable(UInt64),
    rss_bytes Nullable(UInt64),
    cpu_us Nullable(UInt64),
    level LowCardinality(Nullable(String)),

    -- meta
    what LowCardinality(Nullable(String)),
    version LowCardinality(Nullable(String)),
    kernel LowCardinality(Nullable(String)),
    arch LowCardinality(Nullable(String)),
    boot_id LowCardinality(Nullable(String)),
    libbpf LowCardinality(Nullable(String)),
    detail LowCardinality(Nullable(String)),
    sample Nullable(UInt32),

    -- The whole line of the rare kinds, and of kinds of a later version: holders, stack, hint, listeners, namespaces, hooks ...
    `line` String CODEC(ZSTD(3))
)
ENGINE = ReplacingMergeTree
PARTITION BY toDate(loaded)
ORDER BY (event, toStartOfHour(ts), host, ts, instance, source, seq)
TTL loaded + INTERVAL 30 DAY
SETTINGS ttl_only_drop_parts = 1;

-- What of a line is read, by its keys. A key that is absent, null or of another type is NULL here.
CREATE MATERIALIZED VIEW IF NOT EXISTS tcplife.lines_to_records TO tcplife.records AS
SELECT
    assumeNotNull(time) AS ts, r.event AS event, r.schema_version AS schema_version, r.instance AS instance, source,
    r.seq AS seq, r.host AS host,
    r.conn_id AS conn_id, r.generation AS generation, r.family AS family, r.local_addr AS local_addr,
    r.local_port AS local_port, r.peer_addr AS peer_addr, r.peer_port AS peer_port, r.role AS role, r.netns AS netns,
    r.process.pid AS `process.pid`, r.process.comm AS `process.comm`, r.process.comm_hex AS `process.comm_hex`,
    parseDateTime64BestEffortOrNull(r.process.`start`, 6, 'UTC') AS `process.start`, r.process.exe AS `process.exe`,
    r.process.exe_hex AS `process.exe_hex`, r.process.exe_len AS `process.exe_len`,
    r.process.exe_deleted AS `process.exe_deleted`, r.process.uid AS `process.uid`, r.process.`from` AS `process.from`,
    r.cgroup AS cgroup, r.cgroup_hex AS cgroup_hex, r.cgroup_len AS cgroup_len, r.container.id AS `container.id`,
    r.container.pod_uid AS `container.pod_uid`, r.container.claimed_id AS `container.claimed_id`,
    r.container.claimed_pod_uid AS `container.claimed_pod_uid`,
    parseDateTime64BestEffortOrNull(r.`start`, 6, 'UTC') AS `start`,
    parseDateTime64BestEffortOrNull(r.`end`, 6, 'UTC') AS `end`, r.duration_us AS duration_us, r.handshake_us AS handshake_us,
    r.closed_by AS closed_by, r.end_reason AS end_reason, r.close_kind AS close_kind, r.conn_state AS conn_state,
    r.history AS history,
    r.timeline.`state` AS `timeline.state`, r.timeline.at_us AS `timeline.at_us`, r.timeline.us AS `timeline.us`,
    r.timeline.`by` AS `timeline.by`, r.timeline.ev AS `timeline.ev`, r.timeline_dropped AS timeline_dropped,
    r.segments.at_us AS `segments.at_us`, r.segments.dir AS `segments.dir`, r.segments.flags AS `segments.flags`,
    r.segments.seq AS `segments.seq`, r.segments.ack AS `segments.ack`, r.segments.n AS `segments.n`,
    r.segments.at_us_last AS `segments.at_us_last`,
    r.segments.ev AS `segments.ev`, r.segments_dropped AS segments_dropped,
    r.isn.`local` AS `isn.local`, r.isn.peer AS `isn.peer`,
    r.time_wait.us AS `time_wait.us`, r.time_wait.fin_wait2_us AS `time_wait.fin_wait2_us`,
    r.time_wait.restarts AS `time_wait.restarts`, r.time_wait.`end` AS `time_wait.end`, r.time_wait.ev AS `time_wait.ev`,
    r.tcp.bytes_sent AS `tcp.bytes_sent`, r.tcp.bytes_acked AS `tcp.bytes_acked`, r.tcp.bytes_received AS `tcp.bytes_received`,
    r.tcp.segs_out AS `tcp.segs_out`, r.tcp.segs_in AS `tcp.segs_in`, r.tcp.srtt_us AS `tcp.srtt_us`,
    r.tcp.min_rtt_us AS `tcp.min_rtt_us`, r.tcp.mss AS `tcp.mss`, r.tcp.unread_bytes AS `tcp.unread_bytes`,
    r.tcp.unsent_bytes AS `tcp.unsent_bytes`, r.tcp.congestion AS `tcp.congestion`,
    r.mptcp AS mptcp, r.fastopen AS fastopen, r.v4_mapped AS v4_mapped, r.complete AS complete, r.gaps AS gaps,
    r.retransmits.syn AS `retransmits.syn`, r.retransmits.synack AS `retransmits.synack`,
    r.retransmits.data AS `retransmits.data`, r.retransmits.fin AS `retransmits.fin`, r.resets.sent AS `resets.sent`,
    r.resets.received AS `resets.received`, r.resets.reason AS `resets.reason`,
    r.old_state AS old_state, r.new_state AS new_state, r.prev_us AS prev_us, r.`by` AS `by`, r.ev AS ev, r.`state` AS `state`,
    r.`kind` AS `kind`, r.`trigger` AS `trigger`, r.tcp_seq AS tcp_seq, r.len AS len, r.direction AS direction,
    r.reason AS reason, ifNull(r.count, 1) AS count, r.interval_us AS interval_us,
    r.alert_id AS alert_id, r.in_state_us AS in_state_us, r.age_is_lower_bound AS age_is_lower_bound,
    r.threshold_us AS threshold_us, r.cause AS cause, r.cause_certain AS cause_certain, r.unread_bytes AS unread_bytes,
    r.unsent_bytes AS unsent_bytes, r.group_open AS group_open, r.group_growth_per_min AS group_growth_per_min,
    r.stack_of AS stack_of, r.stack_note AS stack_note, r.resolution AS resolution,
    r.stage AS stage, r.total AS total, parseDateTime64BestEffortOrNull(r.`from`, 6, 'UTC') AS `from`,
    r.connections_affected AS connections_affected,
    r.sockets AS sockets, r.took_us AS took_us, r.opened AS opened, r.closed AS closed, r.close_wait AS close_wait,
    r.close_wait_over AS close_wait_over, r.close_wait_oldest_us AS close_wait_oldest_us, r.fin_wait2_over AS fin_wait2_over,
    r.not_accepted_over AS not_accepted_over, r.time_wait.entered AS `time_wait.entered`,
    r.time_wait.alive AS `time_wait.alive`, r.time_wait.early AS `time_wait.early`,
    r.ports.netns AS `ports.netns`, r.ports.local_addr AS `ports.local_addr`, r.ports.peer_addr AS `ports.peer_addr`,
    r.ports.peer_port AS `ports.peer_port`, r.ports.in_use AS `ports.in_use`, r.ports.`range` AS `ports.range`,
    r.half_open_rest AS half_open_rest, r.events_in AS events_in, r.emitted AS emitted, r.paths_dropped AS paths_dropped,
    r.rss_bytes AS rss_bytes, r.cpu_us AS cpu_us, r.level AS level,
    r.what AS what, r.version AS version, r.kernel AS kernel, r.arch AS arch, r.boot_id AS boot_id, r.libbpf AS libbpf,
    r.detail AS detail, r.sample AS sample,
    if(r.event IN ('connection', 'progress', 'time_wait', 'state', 'retransmit', 'reset'), '', message) AS `line`
FROM
(
    SELECT
        message, source,
        JSONExtract(message, 'Tuple(
            ts String, event String, schema_version String, instance String, seq UInt64, host String,
            conn_id String, generation UInt32, family Nullable(String), local_addr Nullable(String), local_port Nullable(UInt16),
            peer_addr Nullable(String), peer_port Nullable(UInt16), role Nullable(String), netns Nullable(UInt32),
            process Tuple(pid Nullable(UInt32), comm Nullable(String), comm_hex Nullable(String), start Nullable(String),
                exe Nullable(String), exe_hex Nullable(String), exe_len Nullable(UInt32), exe_deleted Bool, uid Nullable(UInt32),
                `from` Nullable(String)),
            cgroup Nullable(String), cgroup_hex Nullable(String), cgroup_len Nullable(UInt32),
            container Tuple(id Nullable(String), pod_uid Nullable(String), claimed_id Nullable(String),
                claimed_pod_uid Nullable(String)),
            start Nullable(String), `end` Nullable(String), duration_us Nullable(UInt64), handshake_us Nullable(UInt64),
            closed_by Nullable(String), end_reason Nullable(String), close_kind Nullable(String), conn_state Nullable(String),
            history Nullable(String),
            timeline Array(Tuple(state String, at_us UInt64, us Nullable(UInt64), by Nullable(String), ev String)),
            timeline_dropped UInt32,
            segments Array(Tuple(at_us Nullable(UInt64), dir String, flags String, seq Nullable(UInt64), ack Nullable(UInt64),
                n UInt32, at_us_last UInt64, ev String)),
            segments_dropped UInt32, isn Tuple(local Nullable(UInt32), peer Nullable(UInt32)),
            time_wait Tuple(us Nullable(UInt64), fin_wait2_us Nullable(UInt64), restarts Nullable(UInt32), `end` Nullable(String),
                ev Nullable(String), entered Nullable(UInt64), alive Nullable(UInt64), early Nullable(UInt64)),
            tcp Tuple(bytes_sent Nullable(UInt64), bytes_acked Nullable(UInt64), bytes_received Nullable(UInt64),
                segs_out Nullable(UInt64), segs_in Nullable(UInt64), srtt_us Nullable(UInt64), min_rtt_us Nullable(UInt64),
                mss Nullable(UInt32), unread_bytes Nullable(UInt64), unsent_bytes Nullable(UInt64), congestion Nullable(String)),
            mptcp Bool, fastopen Bool, v4_mapped Bool, complete Nullable(Bool), gaps UInt32,
            retransmits Tuple(syn UInt64, synack UInt64, data UInt64, fin UInt64),
            resets Tuple(sent UInt64, received UInt64, reason Nullable(String)),
            old_state Nullable(String), new_state Nullable(String), prev_us Nullable(UInt64), `by` Nullable(String),
            ev Nullable(String), state Nullable(String), kind Nullable(String), trigger Nullable(String), tcp_seq Nullable(UInt32),
            len Nullable(UInt64), direction Nullable(String), reason Nullable(String),
            count Nullable(UInt64), interval_us Nullable(UInt64),
            alert_id Nullable(String), in_state_us Nullable(UInt64), age_is_lower_bound Nullable(Bool),
            threshold_us Nullable(UInt64), cause Nullable(String), cause_certain Nullable(Bool), unread_bytes Nullable(UInt64),
            unsent_bytes Nullable(UInt64), group_open Nullable(UInt64), group_growth_per_min Nullable(Float64),
            stack_of Nullable(String), stack_note Nullable(String), resolution Nullable(String),
            stage Nullable(String), total Nullable(UInt64), `from` Nullable(String), connections_affected Nullable(UInt64),
            sockets Nullable(UInt64), took_us Nullable(UInt64), opened Nullable(UInt64), closed Nullable(UInt64),
            close_wait Nullable(UInt64), close_wait_over Nullable(UInt64), close_wait_oldest_us Nullable(UInt64),
            fin_wait2_over Nullable(UInt64), not_accepted_over Nullable(UInt64),
            ports Array(Tuple(netns UInt32, local_addr String, peer_addr String, peer_port UInt16, in_use UInt32, range UInt32)),
            half_open_rest Nullable(UInt64), events_in Nullable(UInt64), emitted Nullable(UInt64), paths_dropped Nullable(UInt64),
            rss_bytes Nullable(UInt64), cpu_us Nullable(UInt64), level Nullable(String),
            what Nullable(String), version Nullable(String), kernel Nullable(String), arch Nullable(String),
            boot_id Nullable(String), libbpf Nullable(String), detail Nullable(String), sample Nullable(UInt32))') AS r,
        parseDateTime64BestEffortOrNull(r.ts, 6, 'UTC') AS time
    FROM tcplife.lines
)
WHERE length(r.ts) = 27 AND isNotNull(time) AND r.event != '' AND r.instance != '' AND startsWith(r.schema_version, '1.');

-- Lines that are no record of schema 1.x: cut, mixed with something else, or of a later major version.
CREATE TABLE IF NOT EXISTS tcplife.unreadable
(
    received DateTime DEFAULT now() CODEC(Delta, ZSTD(1)),
    source LowCardinality(String),
    message String CODEC(ZSTD(3))
)
ENGINE = MergeTree
ORDER BY received
TTL received + INTERVAL 7 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS tcplife.lines_to_unreadable TO tcplife.unreadable AS
WITH
    JSONExtract(message, 'Tuple(ts String, event String, schema_version String, instance String)') AS r,
    parseDateTime64BestEffortOrNull(r.ts, 6, 'UTC') AS time
SELECT source, message
FROM tcplife.lines
WHERE NOT (length(r.ts) = 27 AND isNotNull(time) AND r.event != '' AND r.instance != '' AND startsWith(r.schema_version, '1.'));

-- Which `seq` have arrived, a bit each, since a gap is a loss on the way here. 65,536 of them are a row. Copies change nothing.
CREATE TABLE IF NOT EXISTS tcplife.received
(
    host LowCardinality(String),
    instance LowCardinality(String),
    source LowCardinality(String),
    block UInt64,
    seqs AggregateFunction(groupBitmap, UInt64),
    first_ts SimpleAggregateFunction(min, DateTime64(6, 'UTC')),
    last_ts SimpleAggregateFunction(max, DateTime64(6, 'UTC')),
    last_loaded SimpleAggregateFunction(max, DateTime)
)
ENGINE = AggregatingMergeTree
ORDER BY (host, instance, source, block)
TTL last_loaded + INTERVAL 30 DAY;

CREATE MATERIALIZED VIEW IF NOT EXISTS tcplife.records_to_received TO tcplife.received AS
SELECT
    host, instance, source, intDiv(seq, 65536) AS block,
    groupBitmapState(seq) AS seqs, min(ts) AS first_ts, max(ts) AS last_ts, max(loaded) AS last_loaded
FROM tcplife.records
GROUP BY host, instance, source, block;
