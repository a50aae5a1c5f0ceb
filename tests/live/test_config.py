# SPDX-License-Identifier: GPL-2.0-only
"""Options from files, and SIGHUP, which has them read again while the run goes on."""

import json
import signal
import subprocess

from choreography import orderly
from lab import TIMEOUT, wait_until
from output_run import lines_so_far
from tracer import BINARY, check_lines, conn_id


class Configured:
    """A run by a file of options alone; what it wrote is in `out`."""

    def __init__(self, folder, text):
        self.file, self.out, self.seen = folder / "t.conf", folder / "t.json", 0
        self.write(text)
        self.process = subprocess.Popen([BINARY, "--config", self.file], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            self.wait(lambda r: r.get("what") == "ready")
        except BaseException:
            self.__exit__()
            raise

    def write(self, text):
        self.file.write_text(f"# a test's\njson\ntime-wait off\noutput '{self.out}?events=connection,meta'\n{text}")

    def records(self):
        return [json.loads(line) for line in lines_so_far(self.out)]

    def wait(self, wanted):
        return wait_until(lambda: next(filter(wanted, self.records()), None), TIMEOUT, what="the record")

    def reload(self, text):
        """The `meta` that it gives."""
        self.write(text)
        self.process.send_signal(signal.SIGHUP)
        self.seen += 1
        return wait_until(lambda: [r for r in self.records() if r.get("what") == "reload"][self.seen - 1 : self.seen], TIMEOUT, what="reload")[0]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        errors = self.process.communicate(timeout=TIMEOUT)[1].decode()
        assert self.process.returncode == 0, errors
        check_lines(self.out.read_bytes().splitlines(keepends=True))
        return errors

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.communicate()


def ids(tool):
    return {r["conn_id"] for r in tool.records() if r["event"] == "connection"}


def test_reload_selects(tmp_path, pair4):
    """A selection holds from the signal on; what the run is made of stays, and is named."""
    with Configured(tmp_path, "local-port 1\n") as tool:
        hidden = orderly(pair4)
        meta = tool.reload("local-port 1-65535\ndetail short\nmax-connections 5\nsummary 5s\n")
        assert meta["changed"] == ["local-port", "detail"] and meta["needs_restart"] == ["summary", "max-connections"]
        assert "error" not in meta and meta["detail"] == "short" and meta["limits"]["max_connections"] == 1000000
        shown = orderly(pair4)
        record = tool.wait(lambda r: r.get("conn_id") == conn_id(shown.client_id))
        assert "timeline" not in record
        meta = tool.reload("local-port 1\nmax-connections 5\n")
        assert meta["changed"] == ["local-port", "detail"] and meta["needs_restart"] == ["max-connections"]
        orderly(pair4)
        errors = tool.stop()
    assert conn_id(hidden.client_id) not in ids(tool)
    assert "read again; changed: local-port, detail; needs a restart: max-connections\n" in errors


def test_wrong_file_changes_nothing(tmp_path, pair4):
    with Configured(tmp_path, "local-port 1-65535\n") as tool:
        meta = tool.reload("local-port 1\nsumary 5s\n")
        assert meta["error"] == f"{tool.file}:6: unknown option 'sumary': did you mean summary?"
        assert meta["changed"] == meta["needs_restart"] == []
        shown = orderly(pair4)
        tool.wait(lambda r: r.get("conn_id") == conn_id(shown.client_id))
        errors = tool.stop()
    assert f"the old settings stay: {tool.file}:6: unknown option 'sumary'" in errors


def test_another_output_needs_a_restart(tmp_path, pair4):
    """An output that is written otherwise now goes on as it was; the others take what is new."""
    with Configured(tmp_path, f"output '{tmp_path}/b.json?events=connection'\n") as tool:
        meta = tool.reload(f"output '{tmp_path}/c.json'\ndetail short\n")
        assert meta["changed"] == ["detail"] and meta["needs_restart"] == ["output"]
        shown = orderly(pair4)
        assert "timeline" not in tool.wait(lambda r: r.get("conn_id") == conn_id(shown.client_id))
        tool.stop()
    assert not (tmp_path / "c.json").exists()
    assert all("timeline" in json.loads(line) for line in (tmp_path / "b.json").read_text().splitlines())


def test_many_signals(tmp_path):
    """Each reads the files again or joins the one before; none of them ends the run."""
    with Configured(tmp_path, "") as tool:
        for i in range(100):
            tool.write(f"local-port {i + 1}\n")
            tool.process.send_signal(signal.SIGHUP)
        assert tool.reload("local-port 4711\n")
        tool.stop()
