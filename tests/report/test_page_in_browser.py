"""The page in headless Chromium: drawn, of a size, at a phone's and at a laptop's width."""

import json
import re
import shutil
import subprocess
from html import escape, unescape

import pytest

from gboard_sim.report.page import write_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars"""
PROBE = """<script>
const box = (e) => e.getBoundingClientRect();
const all = (e, what) => [...e.querySelectorAll(what)];
const touching = (boxes) => boxes.flatMap((a, i) => boxes.slice(i + 1).filter((b) =>
  Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
  Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 5)).length;
parent.document.body.textContent = JSON.stringify({
  panels: all(document, "figure svg").map((svg) => ({
    width: box(svg).width, height: box(svg).height,
    marks: all(svg, "path, use, text").filter((e) => box(e).width > 0).length,
    text: all(svg, "text").map((e) => box(e).height),
    touching: touching(all(svg, "text").map(box)),
    overflow: Math.max(...all(svg, "text").map((e) => box(e).right - box(svg).right)),
  })),
  figures: all(document, "figure").map((f) => f.id),
  window: innerWidth, sideways: document.documentElement.scrollWidth - innerWidth,
  requests: performance.getEntriesByType("resource").length,
  paper: getComputedStyle(document.body).backgroundColor,
  ink: getComputedStyle(document.querySelector("figure svg text")).fill,
});</script>"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")


def seen(directory, tmp_path, width, *more):
    """What a browser makes of the page in a frame of that width, by a script in a copy of it."""
    page = write_page(directory).read_text(encoding="utf-8")
    probed = escape(page.replace("</body>", PROBE + "</body>"))
    frame = tmp_path / "frame.html"
    frame.write_text(
        f'<!doctype html><meta charset="utf-8"><body>'
        f'<iframe style="border: 0; width: {width}px; height: 900px" srcdoc="{probed}"></iframe>',
        encoding="utf-8",
    )
    command = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={tmp_path / 'profile'}"]
    command += ["--window-size=1400,1000", *more, "--dump-dom", frame.as_uri()]
    dom = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True).stdout
    return json.loads(unescape(re.search(r"<body>(.*)</body>", dom, flags=re.S)[1]))


@pytest.mark.parametrize(("width", "smallest"), [(1280, 420), (390, 330)])
def test_every_figure_is_drawn_and_nothing_is_wider_than_the_window(
    typed, tmp_path, width, smallest
):
    found = seen(typed(), tmp_path, width)
    assert found["window"] == width
    assert found["figures"] == [
        "recall", "keystrokes", "smart-compose", "trigger", "availability", "participants",
        "timeline", "rounds", "shapes", "phases", "waiting", "participation", "absence",
        "traffic", "costs",
    ]  # fmt: skip
    assert len(found["panels"]) == 24 + 5
    for panel in found["panels"]:
        assert panel["width"] >= smallest
        assert panel["height"] > 200
        assert panel["marks"] >= 5
        assert min(panel["text"]) > 8
        assert panel["overflow"] < 12
        assert panel["touching"] == 0
    assert found["sideways"] == 0
    assert found["requests"] == 0


def test_a_dark_page_has_light_ink(four, tmp_path):
    found = seen(four(), tmp_path, 1280, "--blink-settings=preferredColorScheme=0")
    paper, ink = (sum(map(int, re.findall(r"\d+", found[key])[:3])) / 3 for key in ("paper", "ink"))
    assert paper < 40
    assert ink > 150
