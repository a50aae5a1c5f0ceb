#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-only
"""Writes docs/states.svg and docs/leak.svg: the pictures of `report` for the recording web_host, as files of their own. A test
compares them with what this program makes."""

import os
import re
import subprocess
from pathlib import Path
from xml.etree import ElementTree

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
BINARY = os.environ.get("TCPLIFE_FSM", ROOT / "build" / "tcplife-fsm")
RECORDING = HERE / "pictures/web_host.rec"
PICTURES = {ROOT / "docs/states.svg": "fsm", ROOT / "docs/leak.svg": "leaks"}  # and the class of each in the page
XMLNS = "http://www.w3.org/2000/svg"
RULE = re.compile(r"([^{}]+)\{([^{}]*)\}")
VARIABLE = re.compile(r"var\((--[\w-]+)\)")
MARGIN = 12
# What only a pointer or the keyboard's focus shows.
HIDDEN = ("panel", "hint")


def lines():
    command = [BINARY, "replay", RECORDING, "--json", "--threshold", "2s"]
    return subprocess.run(command, capture_output=True, timeout=60, check=True).stdout


def report():
    return subprocess.run([BINARY, "report", "-", "-o", "-"], input=lines(), capture_output=True, timeout=60, check=True).stdout.decode()


def colours(text):
    """The colours of a :root, by their names."""
    return dict(re.findall(r"(--[\w-]+): (#\w+)", text))


def style(css, classes):
    """The page's rules for a picture with these classes. Colours have values: few viewers but browsers know variables."""
    light, dark = (colours(root[1]) for root in re.finditer(r":root \{(.*?)\}", css, re.S))
    rules = []
    for selectors, body in RULE.findall(css):
        wanted = [s.strip() for s in selectors.split(",") if re.match(r"\.(fsm|leaks) |\.s-|\.tick$|svg ", s.strip())]
        wanted = [s for s in wanted if set(re.findall(r"\.([\w-]+)", s)) <= classes and ":" not in s]
        if wanted:
            rules.append((", ".join(wanted), body.strip()))
    rules.append((".back", "fill: var(--paper);"))

    def in_colours(values, only=""):
        for selector, body in rules:
            body = " ".join(part for part in re.findall(r"[^;]+;", body) if only in part).strip()
            if body:
                yield f"{selector} {{ " + VARIABLE.sub(lambda name: values[name[1]], body) + " }\n"

    return "\n" + "".join(in_colours(light)) + "@media (prefers-color-scheme: dark) {\n" + "".join(in_colours(dark, "var(")) + "}\n"


def alone(page, name):
    """The picture of that class, with its part of the page's style, on a ground of its own."""
    ElementTree.register_namespace("", XMLNS)
    css = re.search(r"<style>(.*?)</style>", page, re.S)[1]
    root = ElementTree.fromstring(re.search(f'<svg class="{name}".*?</svg>', page, re.S)[0])
    for parent in root.iter():
        for child in [c for c in parent if c.get("class") in HIDDEN]:
            parent.remove(child)
    for element in root.iter():
        for key in [k for k in element.attrib if k.startswith("data-") or k == "tabindex"]:
            del element.attrib[key]
    classes = {name for element in root.iter() for name in element.get("class", "").split()} | {name}
    left, top, width, height = (float(n) for n in root.get("viewBox").split())
    bottom = max(float(e.get("y", 0)) + float(e.get("height", 0)) for e in root.iter() if e.get("y"))
    box = [left - MARGIN, top - MARGIN, width + 2 * MARGIN, min(height, bottom) - top + 2 * MARGIN]
    root.set("viewBox", " ".join(f"{n:g}" for n in box))
    root.attrib.update(xmlns=XMLNS, width=f"{box[2]:g}", height=f"{box[3]:g}")
    root.insert(0, ElementTree.Element("rect", {"class": "back", **{k: f"{n:g}" for k, n in zip(("x", "y", "width", "height"), box)}}))
    rules = ElementTree.Element("style")
    rules.text, rules.tail = style(css, classes), "\n"
    root.insert(0, rules)
    return ElementTree.tostring(root, "unicode") + "\n"


def pictures():
    page = report()
    return {path: alone(page, name) for path, name in PICTURES.items()}


if __name__ == "__main__":
    for path, text in pictures().items():
        path.write_text(text)
