-- SPDX-License-Identifier: GPL-2.0-only
--
-- Lines from Kafka, after schema.sql. Change the brokers, the topic and the group to yours.
--
-- A message is a line, or some. LineAsString refuses none, so that a bad line cannot stop a partition: it goes to `unreadable`. Offsets
-- are committed after the rows are written: after a crash lines come again, which `records` allows for, and none is left out.

CREATE TABLE IF NOT EXISTS tcplife.kafka
(
    message String
)
ENGINE = Kafka
SETTINGS
    kafka_broker_list = 'broker1:9092,broker2:9092',
    kafka_topic_list = 'tcplife',
    kafka_group_name = 'clickhouse',
    kafka_format = 'LineAsString',
    kafka_num_consumers = 1,
    kafka_flush_interval_ms = 5000;

CREATE MATERIALIZED VIEW IF NOT EXISTS tcplife.kafka_to_lines TO tcplife.lines AS
SELECT message, _topic AS source
FROM tcplife.kafka;
