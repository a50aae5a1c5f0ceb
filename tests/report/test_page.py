# SPDX-License-Identifier: GPL-2.0-only
"""The page in a browser: it shows the numbers of the lines, and all of it works by mouse and by keyboard."""

import base64
import csv
import io
import itertools
import json
import os
from collections import Counter
from pathlib import Path
from urllib.parse import parse_qs

import pytest
from conftest import HOSTILE, make_page
from PIL import Image
from selenium.webdriver.common.keys import Keys

HERE = Path(__file__).parent
PAGES = ["replay", "fleet", "hostile", "empty"]

# The contrast of each text with what is behind it (WCAG 2.2, 1.4.3): [[ratio, text]] of those below 4.5.
CONTRAST = """
const parse = (text) => (text.match(/[\\d.]+/g) || []).map(Number);
const light = ([r, g, b]) => [r, g, b].map((c) => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const behind = (element) => {
    for (; element; element = element.parentElement) {
        const colour = parse(getComputedStyle(element).backgroundColor);
        if (colour.length === 3 || colour[3] === 1)
            return colour;
    }
    return [255, 255, 255];
};
const bad = [];
for (const element of document.querySelectorAll("body *")) {
    const text = [...element.childNodes].filter((node) => node.nodeType === 3).map((node) => node.data.trim()).join("");
    if (!text || !element.checkVisibility() || element.closest("title, script"))
        continue;
    const style = getComputedStyle(element), box = element.closest("g.state, g")?.querySelector(":scope > .box");
    const colour = parse(element.closest("svg") ? style.fill : style.color);
    const back = box ? parse(getComputedStyle(box).fill) : behind(element);
    const [a, b] = [light(colour), light(back)].sort((x, y) => y - x);
    const ratio = (a + 0.05) / (b + 0.05);
    if (ratio < 4.5)
        bad.push([ratio, text.slice(0, 60), element.tagName]);
}
return bad;
"""


def records(event):
    for path in sorted((HERE.parent / "replay").glob("*.jsonl")):
        yield from (record for record in map(json.loads, path.read_text().splitlines()) if record["event"] == event)


def visible_rows(browser):
    return browser.run("return [...document.querySelectorAll('#connections-table tbody tr')].filter(r => !r.hidden)"
                       ".map(r => [...r.cells].map(c => c.textContent.trim()))")  # fmt: skip


def column(browser, name):
    names = browser.run("return [...document.querySelectorAll('#connections-table th')].map(h => h.textContent.replace(/ [↑↓]$/, ''))")
    return names.index(name)


def fragment(browser):
    return {key: values[0] for key, values in parse_qs(browser.run("return location.hash.slice(1)")).items()}


def open_ladders(browser):
    return browser.run("return [...document.querySelectorAll('.ladder')].filter(l => l.checkVisibility()).map(l => l.id)")


@pytest.mark.parametrize("name", PAGES)
def test_quiet_and_whole(browser, pages, name):
    browser.open(pages[name])
    assert browser.run("return document.documentElement.classList.contains('js')")
    assert browser.complaints() == []
    assert browser.run("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 400])
def test_looks(browser, pages, name, scheme, width):
    """No text is too faint, nothing stands out to the side. PICTURES keeps what a person should look at."""
    browser.look(width, scheme)
    browser.open(pages[name])
    browser.run("document.querySelectorAll('details:not(.ladder)').forEach(d => d.open = true);"
                "[...document.querySelectorAll('[data-state=ESTABLISHED]')].find(s => s.checkVisibility()).focus(); document.querySelector('[data-open]')?.click()")  # fmt: skip
    assert browser.run(CONTRAST) == []
    assert browser.run("return document.documentElement.scrollWidth") <= width
    if os.environ.get("PICTURES"):
        height = min(browser.run("return document.documentElement.scrollHeight"), 16000)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        shot = browser.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "clip": clip})
        Path(os.environ["PICTURES"], f"{name}-{width}-{scheme}.png").write_bytes(base64.b64decode(shot["data"]))


DIAGRAM = """
const [shown, ...others] = [...document.querySelectorAll(".fsm")].filter((one) => one.checkVisibility());
const box = shown.getBoundingClientRect(), scale = box.width / shown.viewBox.baseVal.width;
const texts = [...shown.querySelectorAll("text")].filter((text) => text.getBoundingClientRect().width);
return {others: others.length, scrolls: shown.parentNode.scrollWidth > shown.parentNode.clientWidth,
        least: Math.min(...texts.map((text) => parseFloat(getComputedStyle(text).fontSize) * scale)),
        outside: texts.map((text) => [text.textContent, text.getBoundingClientRect()])
            .filter(([, r]) => r.left < box.left || r.right > box.right || r.bottom > box.bottom).map(([text]) => text),
        covered: [...shown.querySelectorAll(".count")].filter((text) => text.textContent).filter((text) => {
            const a = text.getBoundingClientRect();
            return [...shown.querySelectorAll(".box")].some((other) => {
                const b = other.getBoundingClientRect();
                return a.left < b.right && b.left < a.right && a.top + 2 < b.bottom && b.top < a.bottom - 2;
            });
        }).map((text) => text.textContent)};
"""


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("width", [1280, 861, 860, 400, 375])
def test_diagram_fits(browser, pages, name, width):
    """One of the two is shown. On a phone it needs no scrolling to the side, its text can be read, no box hides a count."""
    browser.look(width, "light")
    browser.open(pages[name])
    browser.run("[...document.querySelectorAll('[data-state=TIME_WAIT]')].find(s => s.checkVisibility()).focus()")
    shown = browser.run(DIAGRAM)
    assert shown.pop("least") >= 10
    assert shown == {"others": 0, "scrolls": False, "outside": [], "covered": []}


def test_diagram_has_the_numbers(browser, pages):
    browser.open(pages["replay"])
    shown = browser.run("return [...document.querySelectorAll('.fsm:not(.small) .way')].map(w => [w.dataset.from, w.dataset.to,"
                        "Number(w.querySelector('text')?.textContent.replaceAll(',', '') ?? 0)])")  # fmt: skip
    pairs = Counter()
    for record in records("connection"):
        states = [span["state"] for span in record["timeline"]]
        pairs.update(zip(states, states[1:]))
    assert {(a, b): n for a, b, n in shown if n and "CLOSE" not in (a, b) and a != "LISTEN"} == dict(pairs)
    ended = sum(1 for _ in records("connection"))
    assert browser.run("return document.getElementById('connections').textContent") == f"{ended:,}"


def test_each_state_by_keyboard(browser, pages):
    """Tab reaches all eleven; each shows its panel, and only its own."""
    browser.open(pages["replay"])
    browser.run("const first = document.querySelector('.state'); first.before(Object.assign(document.createElementNS("
                "'http://www.w3.org/2000/svg', 'g'), {id: 'before'})); document.getElementById('before').setAttribute('tabindex', 0);"
                "document.getElementById('before').focus()")  # fmt: skip
    reached = set()
    for _ in range(11):
        browser.press(Keys.TAB)
        state = browser.run("return document.activeElement.dataset.state")
        panels = browser.run("return [...document.querySelectorAll('.state')].filter(s =>"
                             "getComputedStyle(s.querySelector('.panel')).display !== 'none').map(s => s.dataset.state)")  # fmt: skip
        assert panels == [state]
        reached.add(state)
    assert len(reached) == 11


def test_all_that_can_be_used_is_reached(browser, pages):
    """By Tab alone, from top to bottom: each link, button, field, summary and state, and each box that scrolls."""
    browser.open(pages["replay"])
    wanted = browser.run("return [...document.querySelectorAll('a, button, input, summary, [tabindex]')]"
                         ".filter(e => e.checkVisibility()).map((e, i) => (e.dataset.wanted = i, i))")  # fmt: skip
    reached = set()
    for _ in range(len(wanted) + 30):
        browser.press(Keys.TAB)
        number = browser.run("return document.activeElement.dataset.wanted")
        if number is not None:
            reached.add(int(number))
    assert reached == set(wanted)


def test_each_box_that_scrolls_can_be_reached(browser, tmp_path):
    """On a small screen: by itself or by what is in it; not every browser lets Tab stop at a box that has no tabindex."""
    lines = (HERE.parent / "replay" / "leaks.jsonl").read_text().splitlines()
    browser.look(400, "light")
    leak = next(i for i, line in enumerate(lines) if '"close_wait_leak"' in line)
    browser.open(make_page(lines[: leak + 1], tmp_path / "small.html"))
    boxes = browser.run("return [...document.querySelectorAll('.scroll')].filter(e => e.checkVisibility() && e.scrollWidth > e.clientWidth)"
                        ".map(e => [e.innerHTML.slice(0, 60), Boolean(e.closest('[tabindex]') || e.querySelector('a, button, [tabindex]'))])")  # fmt: skip
    assert any("leaks" in html for html, _ in boxes) and [html for html, reached in boxes if not reached] == []


def test_sort(browser, pages):
    browser.open(pages["fleet"])
    lived = column(browser, "Lived")
    head = browser.driver.find_elements("css selector", "#connections-table th button")[lived]
    values = "return [...document.querySelectorAll('#connections-table tbody tr')].map(r => Number(r.cells[arguments[0]].dataset.v))"
    head.click()
    assert browser.run(values, lived) == sorted(browser.run(values, lived), reverse=True)
    head.send_keys(Keys.ENTER)
    assert browser.run(values, lived) == sorted(browser.run(values, lived))
    assert fragment(browser) == {"sort": "Lived"}
    assert browser.run("return document.querySelectorAll('#connections-table th')[arguments[0]].ariaSort", lived) == "ascending"
    process = column(browser, "Process")
    browser.driver.find_elements("css selector", "#connections-table th button")[process].click()
    names = [row[process] for row in visible_rows(browser)]
    assert names == sorted(names)


def test_filter_and_its_link(browser, pages):
    browser.open(pages["fleet"])
    every = len(visible_rows(browser))
    browser.driver.find_element("id", "filter").send_keys("end:timeout CLIENT")
    rows = visible_rows(browser)
    assert 0 < len(rows) < every
    assert all(row[column(browser, "End")] == "timeout" and row[column(browser, "Role")] == "client" for row in rows)
    assert browser.run("return document.getElementById('shown').textContent") == str(len(rows))
    browser.open(pages["fleet"], browser.run("return location.hash"))
    assert visible_rows(browser) == rows
    assert browser.run("return document.getElementById('filter').value") == "end:timeout CLIENT"


def test_ladder_by_keyboard(browser, pages):
    browser.open(pages["replay"])
    assert open_ladders(browser) == []
    browser.run("document.querySelector('#connections-table [data-open=\"2\"]').focus()")
    browser.press(Keys.ENTER)
    assert open_ladders(browser) == ["ladder-2"]
    assert browser.run("return document.activeElement.closest('.ladder')?.id") == "ladder-2"
    assert "SYN" in browser.run("return document.querySelector('#ladder-2 svg').textContent")
    out = browser.run("return [...document.querySelectorAll('#ladder-2 svg text')].map(t => t.getBBox()).filter(b => b.x < 0 || b.x + b.width > 940)")
    assert out == []
    browser.open(pages["replay"], "#open=2")
    assert open_ladders(browser) == ["ladder-2"]
    browser.run("document.querySelector('#ladder-2 summary').focus()")
    browser.press(Keys.ENTER)
    assert open_ladders(browser) == []


def test_csv(browser, pages):
    browser.open(pages["hostile"])
    browser.run("navigator.clipboard.writeText = async (text) => { window.copied = text; }; document.getElementById('csv').click()")
    rows = list(csv.reader(io.StringIO(browser.run("return window.copied"))))
    assert rows[0][:3] == ["Id", "Why", "Host"] and len(rows) == len(visible_rows(browser)) + 1
    assert {row[2] for row in rows[1:]} >= {"'=1+1", HOSTILE[0]}
    assert not any(cell.startswith(("=", "+", "@")) for row in rows for cell in row)
    assert "rows copied" in browser.run("return document.getElementById('said').textContent")


def test_zoom(browser, pages):
    browser.open(pages["fleet"])
    bars = "return [...document.querySelectorAll('.lane rect')].map(b => [parseFloat(b.getAttribute('x')), parseFloat(b.getAttribute('width'))])"
    whole, length = browser.run(bars), int(browser.run("return document.getElementById('lane-panel').dataset.length"))
    button = browser.driver.find_element("css selector", "[data-zoom=in]")
    button.send_keys(Keys.ENTER)
    view = fragment(browser)
    assert abs(int(view["to"]) - int(view["from"]) - length / 2) < 2
    wide = [i for i, (_, width) in enumerate(whole) if width > 1]
    zoomed = browser.run(bars)
    assert wide and all(abs(zoomed[i][1] - 2 * whole[i][1]) < 0.01 for i in wide)
    browser.driver.find_element("css selector", "[data-zoom=all]").click()
    assert fragment(browser) == {} and browser.run(bars)[wide[0]][1] == pytest.approx(whole[wide[0]][1], abs=0.01)


def test_hostile_names_stay_text(browser, pages):
    browser.open(pages["hostile"])
    assert browser.run("return window.hacked === undefined && !document.getElementById('hacked')")
    assert browser.run("return document.querySelectorAll('img, iframe, object, b b').length") == 0
    assert browser.run("return document.scripts.length") == 1
    text = browser.run("return document.body.textContent")
    assert HOSTILE[0] in text and HOSTILE[1] in text
    assert "\u202e" not in text and "\\u{202e}evil\\u{2066}" in text
    assert "Lines that are no records and were left out: 1" in text


def test_without_its_script(browser, pages):
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.open(pages["replay"])
    driver = browser.driver
    assert not driver.find_element("id", "filter").is_displayed()
    assert len(driver.find_elements("css selector", ".lane rect")) > 10
    ladder = driver.find_element("id", "ladder-0")
    assert ladder.is_displayed() and not ladder.find_element("class name", "scroll").is_displayed()
    ladder.find_element("tag name", "summary").click()
    assert "SYN" in ladder.find_element("class name", "scroll").text


@pytest.mark.parametrize("eyes", ["none", "deuteranopia", "protanopia", "tritanopia"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_states_differ_for_all_eyes(browser, pages, eyes, scheme):
    """Any two of the legend differ in the height of their bar or clearly in colour, as the browser emulates it."""
    browser.look(1280, scheme)
    browser.open(pages["replay"])
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": eyes})
    browser.run("document.querySelector('.legend').scrollIntoView({block: 'center'})")
    shot = Image.open(io.BytesIO(browser.driver.get_screenshot_as_png())).convert("RGB")
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedVisionDeficiency", {"type": "none"})
    bars = browser.run("return [...document.querySelectorAll('.legend rect')].map(r => { const b = r.getBoundingClientRect();"
                       "return [r.getAttribute('class'), b.height, b.x + b.width / 2, b.y + b.height / 2]; })")  # fmt: skip
    seen = [(name, height, shot.getpixel((int(x), int(y)))) for name, height, x, y in bars]
    for (a, high, colour), (b, other_high, other) in itertools.combinations(seen, 2):
        distance = sum((x - y) ** 2 for x, y in zip(colour, other)) ** 0.5
        assert high != other_high or distance > 45, (a, b, colour, other)


@pytest.mark.parametrize("name", ["replay", "fleet", "hostile"])
def test_paper_has_all(browser, pages, name):
    """Nothing is behind the edge of a box that only scrolling shows."""
    browser.open(pages[name])
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    browser.driver.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": 760, "height": 1000, "deviceScaleFactor": 1, "mobile": False}
    )
    boxes = browser.run("return [...document.querySelectorAll('.scroll')].map((box) => [box.querySelector('table')?.id, "
                        "getComputedStyle(box).overflowY, box.scrollHeight - box.clientHeight, box.scrollWidth - box.clientWidth])")  # fmt: skip
    assert boxes and [box for box in boxes if box[1] != "visible" or box[2] > 0 or box[3] > 0] == []


@pytest.mark.parametrize("width", [1280, 400])
@pytest.mark.parametrize("leaks", [1, 400])
def test_leak_is_seen_at_first_sight(browser, tmp_path, leaks, width):
    """Without scrolling: that there is a leak, and whose it is. Of many sockets few have an alert of their own."""
    lines = (HERE.parent / "replay" / "leaks.jsonl").read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if '"close_wait_leak"' in line)
    lines = lines[: first + 1]
    if leaks > 1:
        lines.append(json.dumps({**json.loads(lines[-1]), "alert_id": "00000000.g1", "count": leaks - 1}))
    browser.look(width, "light")
    browser.open(make_page(lines, tmp_path / "leak.html"))
    tile = browser.driver.find_element("css selector", ".tile.bad")
    finding = browser.driver.find_element("css selector", ".finding")
    assert tile.text.split("\n") == [str(leaks), "sockets leak at the end"]
    named = f"opener: {leaks} connection{'s' * (leaks > 1)} at local port"
    assert finding.text.startswith("close_wait_leak warning") and named in finding.text
    assert all(browser.run("return arguments[0].getBoundingClientRect().bottom", part) < 1000 for part in (tile, finding))
    title = browser.run("return document.querySelector('.leaks .title').textContent")
    assert title == "1 socket leaks in CLOSE_WAIT" if leaks == 1 else "400 sockets leak in CLOSE_WAIT, all of opener"
