#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""clickhouse-client for a machine without one: client.py --path=FOLDER and its arguments."""

import os
import sys

from engine import client

try:
    answer = client(sys.argv[1:])
except RuntimeError as error:
    print(error, file=sys.stderr, flush=True)
    os._exit(1)
os.write(1, answer)
# The library's threads are still there: only an end without destructors is safe.
os._exit(0)
