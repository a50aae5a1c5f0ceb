# SPDX-License-Identifier: GPL-2.0-only
"""Requests over TLS, one session for each thread. The server ends what is idle for its keepalive_timeout."""

import signal
import sys
import warnings

import requests

warnings.simplefilter("ignore")  # the certificate of the test
kept = []


def fetch(session):
    assert session.get("https://127.0.0.1:8443/", verify=False, timeout=10).text == "a small body\n"


for _ in range(3):
    if sys.argv[1] == "fix":
        with requests.Session() as session:
            fetch(session)
    else:
        kept.append(requests.Session())
        fetch(kept[-1])
print("used", flush=True)
signal.pause()
