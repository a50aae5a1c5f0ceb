#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""A broker of Kafka's protocol that lives as long as its standard input: librdkafka's mock cluster. Prints its address."""

import ctypes
import sys

RD_KAFKA_PRODUCER = 0


def main():
    lib = ctypes.CDLL("librdkafka.so.1")
    for name in ("rd_kafka_conf_new", "rd_kafka_new", "rd_kafka_mock_cluster_new"):
        getattr(lib, name).restype = ctypes.c_void_p
    lib.rd_kafka_mock_cluster_bootstraps.restype = ctypes.c_char_p

    why = ctypes.create_string_buffer(512)
    settings = ctypes.c_void_p(lib.rd_kafka_conf_new())
    lib.rd_kafka_conf_set_log_cb(settings, None)  # it would warn that it knows no broker, and it is one
    client = lib.rd_kafka_new(RD_KAFKA_PRODUCER, settings, why, ctypes.c_size_t(len(why)))
    assert client, why.value.decode()
    cluster = lib.rd_kafka_mock_cluster_new(ctypes.c_void_p(client), 1)
    assert cluster, "librdkafka makes no mock cluster"
    print(lib.rd_kafka_mock_cluster_bootstraps(ctypes.c_void_p(cluster)).decode(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
