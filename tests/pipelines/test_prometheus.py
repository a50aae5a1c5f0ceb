# SPDX-License-Identifier: GPL-2.0-only
"""Prometheus reads the metrics of a real run; its own tools judge their form, the alert rules and the dashboard's queries."""

import json
import re
import signal
import subprocess
import time
import urllib.parse
import urllib.request
from pathlib import Path

import peers
import pytest
from lab import wait_until
from metrics import LABEL, ask, free_port, key, parse, scrape
from tracer import Tracer

ROOT = Path(__file__).resolve().parents[2]
RULES = ROOT / "contrib/prometheus"
DASHBOARD = json.loads((ROOT / "contrib/grafana/tcplife-fsm.json").read_text())
CONNECTIONS = 300


def promtool(*args, **kwargs):
    program = Path(peers.get("prometheus").program).with_name("promtool")
    return subprocess.run([program, *map(str, args)], capture_output=True, text=True, check=False, **kwargs)


class Prometheus:
    """A server with the configuration of contrib/, but for where the metrics are, and how often they are read."""

    def __init__(self, folder, port):
        self.port = free_port()
        config = (RULES / "prometheus.yml").read_text()
        config, changed = re.subn(r"127\.0\.0\.1:19435(?=\")", f"127.0.0.1:{port}", config)
        assert changed == 1
        config = config.replace("_interval: 15s", "_interval: 1s").replace("- tcplife", f"- {RULES}/tcplife")
        (folder / "prometheus.yml").write_text(config)
        self.log = (folder / "log").open("wb+")
        self.process = subprocess.Popen(
            [
                peers.get("prometheus").program,
                f"--config.file={folder}/prometheus.yml",
                f"--storage.tsdb.path={folder}/data",
                f"--web.listen-address=127.0.0.1:{self.port}",
            ],
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def get(self, path, **params):
        url = f"http://127.0.0.1:{self.port}/api/v1/{path}?{urllib.parse.urlencode(params)}"
        try:
            with urllib.request.urlopen(url, timeout=10) as answer:
                return json.load(answer)["data"]
        except (OSError, KeyError):
            assert self.process.poll() is None, Path(self.log.name).read_text()
            return None

    def values(self, query):
        """{labels but instance and job: value}"""
        data = self.get("query", query=query)
        return {tuple(sorted(r["metric"].items())): float(r["value"][1]) for r in data["result"]} if data else {}

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        self.log.close()


@pytest.fixture(scope="module")
def port():
    """Metrics of a run that sees connections, some of them refused."""
    port = free_port()
    tool = Tracer("--metrics", f"127.0.0.1:{port}", "--metrics-by", "process", "--time-wait", "join", "--summary", "1s")
    wait_until(lambda: ask(port)[0] == 200, what="metrics")
    yield port
    tool.stop()


@pytest.fixture(scope="module")
def prometheus(port, load, tmp_path_factory):
    server = Prometheus(tmp_path_factory.mktemp("prometheus"), port)
    wait_until(lambda: sum(server.values("up").values()) == 1, 60, what="the first scrape")
    subprocess.run([load, "-n", str(CONNECTIONS), "-r", "100"], check=True, capture_output=True)
    yield server
    server.close()


def test_form(port):
    text = ask(port)[2]
    done = promtool("check", "metrics", input=text)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    done = promtool("check", "metrics", input=text + "# TYPE tcplife_x counter\ntcplife_x 1\n")
    assert done.returncode and "tcplife_x" in done.stderr + done.stdout, "it finds what is wrong"


def test_alert_rules():
    """Each fires when it should and not else, and each has a runbook that exists."""
    assert promtool("check", "config", RULES / "prometheus.yml").returncode == 0
    done = promtool("test", "rules", RULES / "tcplife-fsm.rules.test.yml", cwd=RULES)
    assert done.returncode == 0, done.stdout + done.stderr
    rules, tests = ((RULES / f"tcplife-fsm.rules{kind}.yml").read_text() for kind in ("", ".test"))
    alerts = re.findall(r"alert: (\w+)", rules)
    headings = {line.lstrip("# ").lower() for line in (ROOT / "docs/metrics.md").read_text().splitlines() if line.startswith("#")}
    assert len(alerts) > 5 and re.findall(r"runbook_url: \S+/metrics\.md#(\S+)", rules) == [a.lower() for a in alerts]
    assert {a.lower() for a in alerts} <= headings
    assert all(re.search(rf"- eval_time: \w+\n +alertname: {a}\n +exp_alerts", tests) for a in alerts)


def test_scraped(prometheus, port):
    """What Prometheus has is what the tool counted."""
    name = "tcplife_connections_closed_total"
    settled = lambda found: {labels: value for (n, labels), value in found.items() if n == name}  # noqa: E731
    wanted = wait_until(lambda: (now := settled(scrape(port))) and sum(now.values()) >= CONNECTIONS and now, 90, what="the connections' ends")
    time.sleep(3)
    rows = prometheus.get("query", query=name)["result"]
    got = {r["metric"]["reason"]: float(r["value"][1]) for r in rows}
    assert set(got) == {dict(labels)["reason"] for labels in wanted}
    assert all(got[dict(labels)["reason"]] >= value for labels, value in wanted.items())
    rules = prometheus.get("rules")["groups"][0]["rules"]
    assert len(rules) > 5 and {r["health"] for r in rules} <= {"ok", "unknown"}
    assert not [a for a in prometheus.get("alerts")["alerts"] if a["state"] == "firing"]
    metadata = prometheus.get("metadata", metric="tcplife_handshake_duration_seconds")
    assert metadata["tcplife_handshake_duration_seconds"][0]["type"] == "histogram"


def queries():
    return [(panel["title"], target["expr"]) for panel in DASHBOARD["panels"] for target in panel["targets"]]


@pytest.mark.parametrize("title, expr", queries(), ids=[f"{title}-{n}" for n, (title, _) in enumerate(queries())])
def test_dashboard(prometheus, title, expr):
    """Each query is one that Prometheus can answer, with a series at least."""
    query = expr.replace("$__rate_interval", "30s").replace("$instance", ".*")
    assert "$" not in query
    found = wait_until(lambda: prometheus.values(query), 60, what=f"an answer to {query}")
    assert found, title


def test_every_metric_is_documented(port):
    page = (ROOT / "docs/metrics.md").read_text()
    families = set(re.findall(r"^# TYPE (\S+)", ask(port)[2], re.MULTILINE))
    documented = set(re.findall(r"^\| `(tcplife_\w+)`", page, re.MULTILINE))
    assert len(families) > 40 and families == documented
    used = set(re.findall(r"tcplife_\w+", " ".join(expr for _, expr in queries())))
    assert {re.sub("_(bucket|sum|count)$", "", name) for name in used} <= families


def test_series_are_few(port):
    found = parse(ask(port)[2])
    assert sum(not name.startswith("tcplife_by_") for name, _ in found) <= 400
    assert key("tcplife_by_connections_total", process="other") in found


def test_node_exporter(tmp_path, load):
    """The real one carries --metrics-file: each series, its value and its type are those of the file, and it finds no fault in it."""
    path, port = tmp_path / "tcplife-fsm.prom", free_port()
    tool = Tracer("--metrics-file", path, "--metrics-by", "process", "--time-wait", "split")
    program = peers.get("prometheus-node-exporter").program
    where = f"--web.listen-address=127.0.0.1:{port}"
    only = ("--collector.disable-defaults", "--collector.textfile", f"--collector.textfile.directory={tmp_path}", "--web.disable-exporter-metrics")
    with subprocess.Popen([program, where, *only], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as exporter:
        try:
            subprocess.run([load, "-n", str(CONNECTIONS), "-r", "1000"], check=True, capture_output=True)
            ended = re.compile(r'(?m)^tcplife_connections_closed_total{reason="fin"} (\d+)')
            wait_until(lambda: path.exists() and int(ended.search(path.read_text())[1]) >= CONNECTIONS, 60, what="the connections' ends")
            tool.process.send_signal(signal.SIGSTOP)  # the file stays as it is
            before = path.read_text()
            carried = wait_until(lambda: carried_by(port), 60, what="node_exporter")
        finally:
            tool.process.send_signal(signal.SIGCONT)
            exporter.terminate()
            tool.stop()
    assert "node_textfile_scrape_error 0\n" in carried and f'node_textfile_mtime_seconds{{file="{path}"}}' in carried
    got = re.findall(r"(?m)^(tcplife_\w+)(?:{(.*)})? (\S+)$", carried)
    assert {(name, tuple(sorted(LABEL.findall(labels)))): float(value) for name, labels, value in got} == parse(before)
    types = r"(?m)^# TYPE (tcplife_.*)$"
    assert sorted(re.findall(types, carried)) == sorted(re.findall(types, before))


def carried_by(port):
    try:
        return ask(port)[2]
    except OSError:
        return None
