# SPDX-License-Identifier: GPL-2.0-only
"""The part for Kafka in contrib/rsyslog: each line is one message, unchanged, with the connection as its key."""

import contextlib
import json

from kafka_peer import Cluster, Reader
from lab import TIMEOUT
from shippers import Rsyslog

BROKERS = '"broker1:9092", "broker2:9092"'


def conn_id(line):
    return json.loads(line).get("conn_id", "").encode()


def ship(folder, lines):
    """What arrived in Kafka of lines that rsyslog was given."""
    with contextlib.closing(Cluster(topic="tcplife-fsm")) as cluster, contextlib.closing(Reader(cluster)) as reader:
        brokers = ", ".join(f'"{broker}"' for broker in cluster.brokers.split(","))
        with Rsyslog(folder, "kafka", **{BROKERS: brokers}) as shipper:
            shipper.write(b"".join(lines))
            assert reader.wait_for(len(lines), TIMEOUT) >= len(lines), shipper.complaints()
        return [(partition, key.encode(), value.encode()) for partition, key, value in reader.messages]


def check(messages, lines):
    assert sorted(value for _, _, value in messages) == sorted(line.rstrip(b"\n") for line in lines)
    assert all(key == conn_id(value) for _, key, value in messages)
    # the records of a connection stay in order: they are in one partition, as they were in the file
    for one in {key for _, key, _ in messages if key}:
        mine = [value for _, key, value in messages if key == one]
        assert mine == [line.rstrip(b"\n") for line in lines if conn_id(line) == one]
        assert len({partition for partition, key, _ in messages if key == one}) == 1
    assert len({partition for partition, _, _ in messages}) > 1


def test_recordings_and_long_lines(folder, replayed, longest):
    lines = [line for each in replayed.values() for line in each] + longest
    check(ship(folder, lines), lines)


def test_strange_names(folder, strange_lines):
    check(ship(folder, strange_lines), strange_lines)
