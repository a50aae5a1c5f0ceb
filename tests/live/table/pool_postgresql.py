# SPDX-License-Identifier: GPL-2.0-only
"""A pool of connections to PostgreSQL that nobody looks at while they are idle."""

import select
import sys
import time

import psycopg2.pool

pool = psycopg2.pool.ThreadedConnectionPool(3, 3, "host=127.0.0.1 user=tester dbname=postgres")
idle = [pool.getconn() for _ in range(3)]
for connection in idle:
    connection.autocommit = True
    connection.cursor().execute("SELECT 1")
print("used", flush=True)
while True:
    time.sleep(0.1)
    if sys.argv[1] == "fix":
        for connection in [c for c in idle if select.select([c], [], [], 0)[0]]:  # readable while idle: it has ended
            idle.remove(connection)
            pool.putconn(connection, close=True)
