# SPDX-License-Identifier: GPL-2.0-only
"""Pictures for tickets: well-formed, readable in light and dark, and what anybody may choose as a name stays text."""

import json
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

import pytest
from test_replay import BINARY, RECORDINGS
from test_show import ladders

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE_LINES = sorted((Path(__file__).resolve().parents[1] / "fuzz/corpus/ladder").iterdir())
HOSTILE_NAMES = ["<script>alert(1)", "&amp;\"'><b>", "]]>--><!--", "a\u202egpj.exe", "\uffff\ufffe", "```", "%%{init}%%", "a;b#quot;", "😀é中"]


def svg(path, *flags, locale="C.UTF-8"):
    return ElementTree.fromstring(ladders(path, "--svg", *flags, locale=locale))


def texts(root):
    return ["".join(text.itertext()) for text in root.iter(f"{SVG}text")]


def with_name(name, tmp_path):
    """The records of a recording, with another name of the process."""
    path = next(path for path in RECORDINGS if path.stem == "three_segment_close")
    lines = [json.loads(line) for line in path.with_suffix(".jsonl").read_text().splitlines()]
    lines = [line for line in lines if line["event"] == "connection"]
    for line in lines:
        line["process"]["comm"] = name
    file = tmp_path / "named.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return file


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_svg(recording):
    """The same states and segments as in the ladder of text, and no more than it has a place for."""
    root = svg(recording)
    assert svg(recording, locale="C").attrib == root.attrib
    width, height = int(root.get("width")), int(root.get("height"))
    assert root.get("viewBox") == f"0 0 {width} {height}"
    for text in root.iter(f"{SVG}text"):
        assert 0 <= int(text.get("x")) <= width
    pictures = ladders(recording, "--width", "200")
    shown = texts(root)
    names = r"\b(?:SYN_SENT|SYN_RECV|ESTABLISHED|FIN_WAIT[12]|CLOSING|TIME_WAIT|CLOSE_WAIT|LAST_ACK|LISTEN)\b"
    assert sorted(re.findall(names, "\n".join(shown))) == sorted(re.findall(names, pictures))
    segments = r"\b(?:SYN|SYN,ACK|ACK|FIN,ACK|RST|RST,ACK)(?= |$)"
    arrows = [text for text in shown if re.match(segments, text)]
    in_text = re.findall(r"(?<!\w)(?:SYN|SYN,ACK|ACK|FIN,ACK|RST|RST,ACK)(?:(?: seq=\d+)?(?: ack=\d+)?(?: ×\d+)?)(?= )", pictures)
    assert sorted(arrows) == sorted(label for label in in_text if "=" in label or label in arrows)
    assert not [e.tag for e in root.iter() if e.tag.removeprefix(SVG) not in ("svg", "style", "rect", "g", "title", "text", "tspan", "path")]
    assert len(list(root.iter(f"{SVG}title"))) == pictures.count("count from the SYN")


@pytest.mark.parametrize("path", HOSTILE_LINES, ids=lambda path: path.name)
def test_svg_of_hostile_lines(path):
    done = subprocess.run([BINARY, "show", "--from", path, "--svg"], capture_output=True, timeout=60)
    if done.stdout:
        ElementTree.fromstring(done.stdout)


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_svg_of_hostile_names(name, tmp_path):
    root = svg(with_name(name, tmp_path))
    assert f"client {shown_name(name)}[1001]" in texts(root)


def shown_name(name):
    """What may not be in XML, or changes the direction of writing, is shown in another way."""
    as_bytes = "".join(f"\\x{byte:02x}" for byte in "\u202e".encode())
    return name.replace("\u202e", as_bytes).replace("\uffff", "\ufffd").replace("\ufffe", "\ufffd")


def luminance(colour):
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one, other):
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast():
    """WCAG: 4.5 for text. Bars and lines have it, too. Each colour of the light form has one in the dark form."""
    style = next(svg(RECORDINGS[0]).iter(f"{SVG}style")).text
    light, dark = style.split("@media (prefers-color-scheme:dark)")
    assert light.count("#") == dark.count("#")
    for form in (light, dark):
        (back,) = re.findall(r"\.back\{fill:(#[0-9a-f]{6})", form)
        others = set(re.findall(r"#[0-9a-f]{6}", form)) - {back}
        assert len(others) >= 6
        assert {colour: contrast(colour, back) for colour in others if contrast(colour, back) < 4.5} == {}


def test_svg_has_no_outside():
    text = ladders(RECORDINGS[0], "--svg")
    assert re.findall(r"(?:https?:|url\(|href|script|@import)[^\"]*", text) == ["http://www.w3.org/2000/svg"]


def test_a_document_of_many(tmp_path):
    """It has the last hundred, says so, and --last decides otherwise."""
    path = next(path for path in RECORDINGS if path.stem == "refused")
    (line,) = [line for line in path.with_suffix(".jsonl").read_text().splitlines() if '"event":"connection"' in line]
    record = json.loads(line)
    many = tmp_path / "many.jsonl"
    with open(many, "w") as file:
        for number in range(120):
            file.write(json.dumps({**record, "conn_id": f"00000000.{number + 256:x}", "peer_port": number + 1}) + "\n")
    done = subprocess.run([BINARY, "show", "--from", many, "--svg"], capture_output=True, timeout=60, check=True)
    assert b"the last 100 of 120" in done.stderr
    assert len(list(ElementTree.fromstring(done.stdout).iter(f"{SVG}title"))) == 100
    assert len(list(svg(many, "--last", "120").iter(f"{SVG}title"))) == 120
    done = subprocess.run([BINARY, "show", "--from", many, "--svg", "-L", "1"], capture_output=True, timeout=60, check=True)
    assert done.stdout == b"", "nothing matches: there is no document"


# A line of a sequence diagram, as this program writes them: no name may begin another one or hold a character with a meaning.
TEXT = r"(?:[^\x00-\x1f#;<>{}%&\"@`\\]|#\d+;|<br/>)*"
LINE = re.compile(rf"    (?:participant [LR] as {TEXT}|[LR]--?(?:>>|x)[LR]: {TEXT}|Note (?:over L,R|left of L|right of R): {TEXT})")


def mermaid(path, *flags):
    """The lines of each diagram."""
    blocks = ladders(path, "--mermaid", *flags).split("```mermaid\nsequenceDiagram\n")
    assert blocks[0] == ""
    assert all(block.rstrip("\n").endswith("\n```") for block in blocks[1:])
    return [block.rstrip("\n").removesuffix("\n```").split("\n") for block in blocks[1:]]


@pytest.mark.parametrize("recording", RECORDINGS, ids=lambda path: path.stem)
def test_mermaid(recording):
    diagrams = mermaid(recording)
    text = ladders(recording, "--width", "200")
    assert len(diagrams) == text.count("count from the SYN")
    for line in sum(diagrams, []):
        assert LINE.fullmatch(line), line
    names = r"\b(?:SYN_SENT|SYN_RECV|ESTABLISHED|FIN_WAIT[12]|CLOSING|TIME_WAIT|CLOSE_WAIT|LAST_ACK|LISTEN)\b"
    assert sorted(re.findall(names, str(diagrams))) == sorted(re.findall(names, text))


@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_mermaid_of_hostile_names(name, tmp_path):
    (diagram,) = mermaid(with_name(name, tmp_path))
    for line in diagram:
        assert LINE.fullmatch(line), line
    shown = re.sub(r"#(\d+);", lambda number: chr(int(number[1])), diagram[0])
    assert shown.startswith(f"    participant L as client {shown_name(name)}[1001]<br/>")


def test_mermaid_of_a_crossing():
    """Each end is in the state of its own FIN before it takes the other's."""
    path = next(path for path in RECORDINGS if path.stem == "simultaneous_close")
    (diagram,) = mermaid(path)
    notes = [line for line in diagram if "FIN_WAIT1" in line or "CLOSING" in line or "FIN,ACK" in line]
    assert [re.sub(r" \d+us", "", note.strip()) for note in notes] == [
        "Note left of L: FIN_WAIT1",
        "Note right of R: FIN_WAIT1",
        "L->>R: FIN,ACK seq=1 ack=1 (crosses the next)",
        "R->>L: FIN,ACK seq=1 ack=1",
        "Note left of L: CLOSING",
        "Note right of R: CLOSING",
    ]
