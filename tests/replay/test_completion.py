# SPDX-License-Identifier: GPL-2.0-only
"""What bash offers for a command line that is not finished."""

import subprocess

import pytest
from test_replay import BINARY, ROOT

# As bash does it: COMP_WORDS are the words before the cursor, split at "=" too.
SHELL = """
eval "$(cat)"
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
$(complete -p tcplife-fsm | sed 's/.*-F \\([^ ]*\\).*/\\1/')
printf '%s\\n' "${COMPREPLY[@]}"
"""


def offers(*words, folder=None):
    script = subprocess.run([BINARY, "completion"], capture_output=True, check=True).stdout
    argv = ["bash", "--norc", "-c", SHELL, "bash", "tcplife-fsm", *words]
    done = subprocess.run(argv, input=script, capture_output=True, check=True, cwd=folder)
    assert done.stderr == b""
    return done.stdout.decode().split()


@pytest.mark.parametrize(
    "words, expected",
    [
        (["rep"], ["replay", "report"]),
        (["help", "le"], ["leaks"]),
        (["--local-p"], ["--local-port"]),
        (["leaks", "--thr"], ["--threshold"]),
        (["leaks", "--foll"], []),
        (["leaks", "--by", "p"], ["process", "peer"]),
        (["leaks", "--by", "=", "c"], ["container", "cgroup"]),
        (["--state", "=", "CLOSE_WAIT,LAST"], ["CLOSE_WAIT,LAST_ACK"]),
        (["--state", "=", ""], "ESTABLISHED SYN_SENT SYN_RECV FIN_WAIT1 FIN_WAIT2 TIME_WAIT CLOSE CLOSE_WAIT LAST_ACK CLOSING".split()),
        (["--pid", "1"], []),
        (["-o", "liv"], ["live.rec"]),
        (["replay", "l"], ["live.rec"]),
        (["report", "l"], ["live.rec"]),
        (["report", "live.rec", "l"], ["live.rec"]),
        (["report", "--si"], ["--since"]),
        (["replay", "live.rec", "sp"], ["sport"]),
        (["leaks", "d"], ["dst", "dport"]),
        (["leaks", "state", "close-"], ["close-wait"]),
        (["state", "established", "not", "s"], ["state", "src", "sport"]),
        (["features", "--j"], ["--json"]),
        (["--ver"], ["--verbose", "--version"]),
    ],
)  # fmt: skip
def test_offers(tmp_path, words, expected):
    (tmp_path / "live.rec").touch()
    assert offers(*words, folder=tmp_path) == expected


def test_offers_every_command():
    listed = subprocess.run([BINARY, "--help"], capture_output=True, text=True, check=True).stdout
    commands = listed.partition("Commands:\n")[2].partition("\n\n")[0].splitlines()
    assert offers("") == [line.split()[0] for line in commands]


@pytest.mark.parametrize("command", ["trace", "leaks", "show", "replay", "features"])
def test_offers_what_help_shows(command):
    shown = subprocess.run([BINARY, command, "--help"], capture_output=True, text=True, check=True).stdout
    assert all(option in shown for option in offers(command, "--"))


@pytest.mark.parametrize("command", ["trace", "leaks", "show", "replay", "features"])
def test_manual_has_every_option(command):
    manual = (ROOT / "docs" / "tcplife-fsm.8").read_text()
    options = [option.lstrip("-") for option in offers(command, "--")]
    assert options and all(f"-{option}" in manual for option in options)
