import re
import xml.etree.ElementTree as ET

import pytest

from gboard_sim.report import speed


def row(
    work: str, contender: str, processes: int, round_s: float, times: float, model: str = "speed"
) -> dict:
    return {
        "work": work, "contender": contender, "processes": processes, "round_s": round_s,
        "times_ours": times, "model": model,
    }  # fmt: skip


ROWS = [
    row("dense", "gboard_sim", 2, 1.25, 1.0),
    row("dense", "flower", 2, 6.0, 4.8),
    row("real", "gboard_sim", 1, 2.0, 1.0),
    row("real", "pfl", 1, 5.0, 2.5, "textbook"),
]


def test_each_work_has_a_panel_whose_words_say_the_bars():
    figure = speed.figure(ROWS)
    assert [panel.alt for panel in figure.panels] == [
        "Bars: seconds of a round, dense. gboard_sim, 2 processes 1.25 s; "
        "flower, 2 processes 6.00 s, 4.8 times.",
        "Bars: seconds of a round, real. gboard_sim, 1 process 2.00 s; "
        "pfl, textbook, 1 process 5.00 s, 2.5 times.",
    ]


def test_it_is_an_svg_file_with_bars_as_long_as_the_seconds():
    svg = speed.figure(ROWS[:2]).draw().document()
    ET.fromstring(svg)
    assert "flower, 2 processes" in svg
    bars = [
        [float(x) for x in re.findall(r"[ML] (-?[\d.]+) ", path)]
        for path in re.findall(r'<path d="([^"]+)" clip-path', svg)
    ]
    widths = sorted(max(bar) - min(bar) for bar in bars)[-2:]
    assert widths[1] / widths[0] == pytest.approx(6.0 / 1.25, rel=0.01)
