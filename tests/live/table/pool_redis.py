# SPDX-License-Identifier: GPL-2.0-only
"""A pool of connections to redis, which ends those that are idle for `timeout`."""

import signal
import sys

import redis

pool = redis.ConnectionPool(host="127.0.0.1", port=6379)
in_use = [pool.get_connection("PING") for _ in range(3)]
for connection in in_use:
    connection.send_command("PING")
    assert connection.read_response() == b"PONG"
    pool.release(connection)
if sys.argv[1] == "fix":
    pool.disconnect(inuse_connections=False)  # after a burst, or by a timer: what is idle
print("used", flush=True)
signal.pause()
