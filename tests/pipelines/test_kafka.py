# SPDX-License-Identifier: GPL-2.0-only
"""Lines to Kafka through the relay: whole, in order and counted, while brokers, relays and runs come and go."""

import glob
import json
import os
import re
import subprocess
import tempfile
import time
from pathlib import Path

import pytest

from kafka_peer import Feed, eventually, is_running

ROOT = os.geteuid() == 0
needs_root = pytest.mark.skipif(not ROOT, reason="needs root: it changes users, or mounts")
MB = 1 << 20


@pytest.fixture
def feed():
    feeds = []

    def start(*args, **kwargs):
        feeds.append(Feed(*args, **kwargs))
        return feeds[-1]

    yield start
    for each in feeds:
        each.kill()


@pytest.fixture
def private():
    """A folder that the user of no relay can reach, as /root is."""
    with tempfile.TemporaryDirectory(prefix="tlf-") as path:
        yield Path(path)


def secrets(folder, text, mode=0o600):
    path = folder / "kafka.properties"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_lines_arrive_whole_and_in_order(cluster, reader, feed):
    result = feed(cluster.address, lines=100_000, connections=1000, pad=200).result()
    assert (result["delivered"], result["lost"], result["dropped"]) == (100_000, 0, 0)
    assert reader.wait_for(100_000) == 100_000
    last, partitions = {}, {}
    for partition, key, value in reader.messages:
        line = json.loads(value)
        assert key == line["conn_id"]
        assert line["n"] > last.get(key, -1)
        last[key] = line["n"]
        partitions.setdefault(key, partition)
        assert partitions[key] == partition
    assert len(last) == 1000
    assert len(set(partitions.values())) > 1


def test_a_broker_that_comes_back_in_time_costs_nothing(cluster, reader, feed):
    run = feed(cluster.address, lines=20_000, rate=5000, pad=200)
    time.sleep(1)
    cluster.tell("down")
    time.sleep(2)
    assert run.counts()["waiting"] > 1000
    cluster.tell("up")
    result = run.result()
    assert (result["delivered"], result["lost"], result["restarts"]) == (20_000, 0, 0)
    reader.wait_for(20_000)
    received = reader.numbers()
    assert len(received) == 20_000
    assert max(received.values()) == 1  # retries are idempotent


def test_a_broker_that_is_away_at_the_start_is_no_error(cluster, reader, feed):
    cluster.tell("down")
    run = feed(cluster.address, lines=500)
    assert run.counts_when(lambda c: "refused" in c["error"])["waiting"] == 500
    cluster.tell("up")
    assert run.result()["delivered"] == 500
    assert reader.wait_for(500) == 500


def test_lines_expire_and_are_counted(cluster, feed, private):
    """The broker is away for good."""
    properties = secrets(private, "message.timeout.ms=1500\n")
    cluster.tell("down")
    run = feed(cluster.address, lines=5000, hold=20_000, secrets=properties)
    counts = run.counts_when(lambda c: c["lost"] == 5000)
    assert (counts["lost"], counts["delivered"], counts["waiting"]) == (5000, 0, 0)
    assert "timed out" in run.end()["error"]


def test_what_the_broker_refuses_is_counted(cluster, reader, feed):
    cluster.tell("refuse 1")
    result = feed(cluster.address, lines=200, rate=2000).result()
    assert result["lost"] > 0
    assert result["delivered"] + result["lost"] == 200
    assert result["error"]
    reader.wait_for(result["delivered"])
    assert len(reader.numbers()) == result["delivered"]


def test_memory_is_bounded_while_the_broker_is_away(cluster, feed):
    """300 MB of lines: what does not fit into the library, the pipe and the queue is dropped, and counted."""
    cluster.tell("down")
    run = feed(cluster.address, lines=300_000, pad=900, drop=1, rate=100_000, wait=500, hold=20_000)
    counts = run.counts_when(lambda c: c["made"] == 300_000)
    status = Path(f"/proc/{run.relay()}/status").read_text()
    assert int(re.search(r"VmHWM:\s+(\d+)", status)[1]) < 250 * 1024
    assert counts["dropped"] > 150_000
    result = run.end()
    assert result["dropped"] + result["lost"] + result["queue_lost"] == 300_000
    assert result["closing_ms"] < 2000  # though the queue is full, and the pipe


def test_a_relay_that_is_killed_leaves_no_hole_uncounted(cluster, reader, feed):
    run = feed(cluster.address, lines=60_000, rate=8000, pad=300, wait=500, hold=30_000)
    for _ in range(4):
        time.sleep(1.2)
        run.kill_relay()
    counts = run.counts_when(lambda c: c["made"] == 60_000 and c["delivered"] + c["lost"] == 60_000)
    assert counts["waiting"] == 0  # known while the run goes on
    result = run.end()
    assert result["restarts"] == 4
    assert result["delivered"] + result["lost"] == 60_000
    reader.wait_for(result["delivered"])
    received = reader.numbers()
    assert 60_000 - len(received) <= result["lost"]  # a line that is lost may have arrived: it was killed before it said so
    assert result["delivered"] <= len(received)


def test_with_a_spool_a_relay_that_is_killed_costs_nothing(cluster, reader, feed, private):
    run = feed(cluster.address, lines=60_000, rate=8000, pad=300, spool=private / "spool", spool_bytes=100 * MB)
    for _ in range(4):
        time.sleep(1.2)
        run.kill_relay()
    result = run.result()
    assert result["restarts"] == 4
    assert (result["delivered"], result["lost"], result["dropped"]) == (60_000, 0, 0)
    eventually(lambda: len(reader.numbers()) == 60_000)
    received = reader.numbers()
    assert len(received) == 60_000
    assert sum(received.values()) <= 60_000 + 4 * 8192  # what comes twice is at most a window for each end


def test_with_a_spool_a_broker_may_stay_away_for_longer_than_the_run(cluster, reader, feed, private):
    """The run is killed, its relay too, and then the next run delivers all that the first had handed over."""
    spool = {"spool": private / "spool", "spool_bytes": 100 * MB}
    cluster.tell("down")
    first = feed(cluster.address, lines=30_000, pad=300, wait=60_000, **spool)
    assert first.counts_when(lambda c: c["made"] == 30_000 and c["spooled"] > 20_000)["lost"] == 0
    first.kill_relay()
    counts = first.counts_when(lambda c: c["restarts"] == 1 and c["spooled"] == 30_000)
    assert (counts["spooled"], counts["waiting"], counts["delivered"], counts["lost"]) == (30_000, 0, 0, 0)
    relay = first.relay()
    first.kill()
    assert eventually(lambda: not is_running(relay), 2.5), "a relay outlived its run"

    cluster.tell("up")
    second = feed(cluster.address, lines=1000, connections=7, **spool)
    result = second.result()
    assert (result["earlier_delivered"], result["earlier_lost"], result["earlier_waiting"]) == (30_000, 0, 0)
    assert (result["delivered"], result["lost"], result["spooled"]) == (1000, 0, 0)
    eventually(lambda: len(reader.messages) >= 31_000)
    assert len(reader.numbers()) == 30_000
    assert [path.name for path in (private / "spool").iterdir()] == ["state"]


def test_a_full_spool_loses_what_is_new_and_counts_it(cluster, reader, feed, private):
    cluster.tell("down")
    run = feed(cluster.address, lines=20_000, pad=300, spool=private / "spool", spool_bytes=2 * MB)
    counts = run.counts_when(lambda c: c["made"] == 20_000 and not c["waiting"] and c["lost"] > 1000)
    assert counts["spooled"] + counts["lost"] == 20_000
    assert "full" in counts["error"]
    assert sum(path.stat().st_size for path in (private / "spool").iterdir()) <= 2 * MB + 4096
    cluster.tell("up")
    result = run.result()
    assert result["delivered"] == counts["spooled"]
    assert result["lost"] == counts["lost"]
    reader.wait_for(result["delivered"])
    assert max(reader.numbers()) == result["delivered"] - 1  # the oldest stayed
    assert len(reader.numbers()) == result["delivered"]


@needs_root
def test_a_disk_that_is_full_is_counted(cluster, reader, feed, private):
    disk = private / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m,mode=0755", "tmpfs", disk], check=True)
    try:
        cluster.tell("down")
        run = feed(cluster.address, lines=10_000, pad=300, spool=disk / "spool", spool_bytes=100 * MB)
        counts = run.counts_when(lambda c: c["made"] == 10_000 and not c["waiting"])
        assert counts["lost"] > 1000
        cluster.tell("up")
        result = run.result()
        assert result["delivered"] + result["lost"] == 10_000
        reader.wait_for(result["delivered"])
        assert len(reader.numbers()) == result["delivered"]
    finally:
        subprocess.run(["umount", "-l", disk], check=True)


def test_the_end_does_not_wait_for_a_broker_that_is_away(cluster, feed, private):
    cluster.tell("down")
    result = feed(cluster.address, lines=5000, pad=900, wait=500).result()
    assert result["closing_ms"] < 2000
    assert (result["lost"] + result["queue_lost"], result["delivered"]) == (5000, 0)
    kept = feed(cluster.address, lines=5000, pad=900, wait=500, spool=private / "spool", spool_bytes=50 * MB).result()
    assert kept["closing_ms"] < 2000
    assert (kept["spooled"], kept["lost"]) == (5000, 0)


def test_the_end_does_not_wait_for_a_relay_that_hangs(cluster, feed):
    run = feed(cluster.address, lines=20_000, rate=10_000, wait=300)
    os.kill(run.relay(), 19)  # SIGSTOP
    result = run.result()
    assert result["closing_ms"] < 2000
    assert result["delivered"] + result["lost"] + result["queue_lost"] + result["dropped"] == 20_000


def test_a_line_that_is_too_long_is_lost_and_counted(cluster, reader, feed):
    long = feed(cluster.address, lines=50, pad=36_000).result()
    assert (long["lost"], long["delivered"]) == (50, 0)
    assert "longer than 32 KB" in long["error"]
    assert feed(cluster.address, lines=50, pad=32_000).result()["delivered"] == 50
    assert reader.wait_for(50) == 50


def test_the_relay_has_given_up_what_it_could(cluster, feed, private):
    properties = secrets(private, "sasl.password=hunter2\nclient.id=a-test\n")
    run = feed(cluster.address, lines=100, hold=20_000, secrets=properties)
    relay = Path(f"/proc/{run.relay()}")
    status = dict(line.split(":\t", 1) for line in (relay / "status").read_text().splitlines() if ":\t" in line)
    for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
        assert int(status[kind], 16) == 0
    assert status["NoNewPrivs"] == "1"
    assert status["Seccomp"] == "2"
    uids = {int(uid) for uid in status["Uid"].split()}
    gids = {int(gid) for gid in status["Gid"].split()}
    if ROOT:
        assert len(uids) == len(gids) == 1
        assert 0x70000000 <= min(uids) < 1 << 31
        assert uids == gids
        assert status["Groups"].split() == []
    limits = (relay / "limits").read_text()
    assert re.search(r"Max core file size +0 +0", limits)
    assert re.search(r"Max file size +0 +0", limits)
    assert (relay / "environ").read_bytes() == b""
    assert b"hunter2" not in (relay / "cmdline").read_bytes() + Path(f"/proc/{run.pid}/cmdline").read_bytes()
    open_files = {os.readlink(path) for path in glob.glob(f"{relay}/fd/*")}
    assert all(re.match(r"pipe:|socket:|anon_inode:|/dev/null$|/dev/u?random$", path) for path in open_files), open_files
    libraries = r"librdkafka|libssl|libcrypto|libcurl|libsasl"
    assert re.search(libraries, (relay / "maps").read_text())
    assert not re.search(libraries, Path(f"/proc/{run.pid}/maps").read_text())
    run.end()


@needs_root
def test_the_spool_belongs_to_a_user_of_its_own(cluster, feed, private):
    spool = private / "spool"
    for _ in range(2):
        run = feed(cluster.address, lines=100, hold=20_000, spool=spool, spool_bytes=MB)
        status = Path(f"/proc/{run.relay()}/status").read_text()
        assert int(re.search(r"Uid:\t(\d+)", status)[1]) == spool.stat().st_uid
        assert 0x70000000 <= spool.stat().st_uid < 1 << 31
        assert spool.stat().st_mode & 0o777 == 0o700
        assert run.counts_when(lambda c: c["delivered"] == 100)["delivered"] == 100
        run.end()


def test_two_runs_with_one_spool(cluster, feed, private):
    options = {"spool": private / "spool", "spool_bytes": MB}
    first = feed(cluster.address, lines=100, hold=20_000, **options)
    assert "another run uses the spool" in feed(cluster.address, **options).refusal()
    assert first.end()["delivered"] == 100
    assert feed(cluster.address, lines=100, **options).result()["delivered"] == 100


def test_folders_that_are_no_spool_are_refused(cluster, feed, private):
    used = private / "used"
    used.mkdir()
    (used / "mine").touch()
    (private / "link").symlink_to(used)
    (private / "file").touch()
    if ROOT:
        assert "not empty" in feed(cluster.address, spool=used, spool_bytes=MB).refusal()
    assert "no directory" in feed(cluster.address, spool=private / "link", spool_bytes=MB).refusal()
    assert "no directory" in feed(cluster.address, spool=private / "file", spool_bytes=MB).refusal()
    assert "cannot be made" in feed(cluster.address, spool=private / "a/b", spool_bytes=MB).refusal()
    assert "too small" in feed(cluster.address, spool=private / "c", spool_bytes=1000).refusal()
    assert (used / "mine").exists()
    assert used.stat().st_uid == os.geteuid()


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_secrets_that_others_can_read_are_refused(cluster, feed, private, mode):
    path = secrets(private, "client.id=a\n", mode)
    sentence = feed(cluster.address, secrets=path).refusal()
    assert f"{mode:04o}" in sentence
    assert f"chmod 600 {path}" in sentence


def test_secrets_are_a_file_of_ours_or_a_credential(cluster, feed, private):
    if ROOT:
        path = secrets(private, "client.id=a\n")
        os.chown(path, 12345, 0)
        assert "belongs to user 12345" in feed(cluster.address, secrets=path).refusal()
        os.chown(path, 0, 0)
    pipe = private / "pipe"
    os.mkfifo(pipe, 0o600)
    assert "not a regular file" in feed(cluster.address, secrets=pipe).refusal()
    assert "No such file" in feed(cluster.address, secrets=private / "none").refusal()
    credentials = private / "credentials"
    credentials.mkdir()
    path = secrets(credentials, "client.id=a\n", 0o440)
    assert "0440" in feed(cluster.address, secrets=path).refusal()
    env = {**os.environ, "CREDENTIALS_DIRECTORY": str(credentials)}
    assert feed(cluster.address, secrets=path, env=env, lines=10).result()["delivered"] == 10
    outside = secrets(private, "client.id=a\n", 0o440)
    (credentials / "link").symlink_to(outside)
    assert "0440" in feed(cluster.address, secrets=credentials / "link", env=env).refusal()


@pytest.mark.parametrize(
    "text, expected",
    [
        ("client.id=a\n\n# comment\nno.such.thing=1\n", "line 4 of the properties: librdkafka has no property no.such.thing"),
        ("enable.idempotence=false\n", "line 1 of the properties: enable.idempotence cannot be set"),
        ("a line\n", "line 1 of the properties: it is not name=value"),
        ("  dr_msg_cb = x\n", "dr_msg_cb cannot be set"),
        ("compression.type=fast\n", 'line 1 of the properties: Invalid value "fast"'),
        ("transactional.id=x\n", "transactional.id cannot be set"),
        ("bootstrap.servers=other:9092\n", "bootstrap.servers cannot be set"),
    ],
)
def test_properties_that_are_wrong_are_named(cluster, feed, private, text, expected):
    assert expected in feed(cluster.address, secrets=secrets(private, text)).refusal()


@pytest.mark.parametrize("address", ["localhost", "localhost/", "/topic"])
def test_addresses_that_are_wrong(feed, address):
    assert "is not kafka://" in feed(address).refusal()


@needs_root
def test_a_library_that_is_missing_is_named(cluster, feed):
    libraries = glob.glob("/usr/lib/*/librdkafka.so.*") + glob.glob("/usr/lib64/librdkafka.so.*")
    assert libraries
    hide = "".join(f"mount --bind /dev/null {path}\n" for path in libraries) + 'exec "$@"'
    sentence = feed(cluster.address, prefix=["unshare", "-m", "sh", "-ec", hide, "sh"]).refusal()
    assert "librdkafka.so.1" in sentence
    assert "librdkafka1" in sentence
