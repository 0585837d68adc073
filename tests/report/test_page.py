import re
import subprocess
import sys
from html.parser import HTMLParser

import matplotlib as mpl
import numpy as np
import pyarrow as pa
import pytest

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report.page import write_page
from gboard_sim.runlog.tables import SCHEMAS

FIGURES = [
    "recall", "availability", "participants", "timeline", "rounds", "shapes", "phases", "waiting",
    "participation", "absence", "traffic", "costs",
]  # fmt: skip


class Outline(HTMLParser):
    """The tags of a page, its text, and the ids, links and sources in it."""

    def __init__(self, page):
        super().__init__()
        self.ids, self.points_to, self.open, self.text, self.svgs = [], [], [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.ids += [found["id"]] if "id" in found else []
        self.points_to += [v for k, v in attrs if k in ("src", "href", "xlink:href", "srcset")]
        self.svgs += [found] if tag == "svg" else []
        if tag not in ("meta", "link", "br", "img", "path", "use", "rect"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag):
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_data(self, data):
        if "style" not in self.open:
            self.text.append(data)


def outline(directory):
    page = write_page(directory).read_text(encoding="utf-8")
    found = Outline(page)
    assert found.open == []
    return page, found


@pytest.fixture(scope="module")
def usual(four_unchanged):
    """The page of the four phones."""
    return outline(four_unchanged)


def test_the_page_has_every_figure_and_every_headline(usual):
    _, found = usual
    assert [name for name in found.ids if name in FIGURES] == FIGURES
    text = " ".join(" ".join(found.text).split())
    for said in (
        "four <phones>",
        "4 phones over 1.00 simulated days on synthetic text, 2 versions, seed 7.",
        "The run ended because a budget was spent: energy j per phone.",
        "share of the ceiling 81.2%",
        "uplink per phone 2.00 MB",
        "Learned , on synthetic text",
        "phones of class low",
        "phones = 4 # <b>",
        "libraries.numpy 1.2.3",
        "machine.wall_s 1.5",
    ):
        assert said.replace(" ,", ",") in text.replace(" ,", ","), said
    assert all(svg["role"] == "img" and len(svg["aria-label"]) > 20 for svg in found.svgs)
    assert len(found.svgs) == 24


def test_the_page_needs_nothing_but_itself(usual):
    page, found = usual
    assert not re.search(r"https?:|//[a-z]|@import|<script|<link|<iframe|<object", page)
    assert all(target.startswith("#") for target in found.points_to)
    assert re.findall(r"url\((?!#)", page) == []
    assert len(set(found.ids)) == len(found.ids)
    assert {target[1:] for target in found.points_to} <= set(found.ids)
    assert set(re.findall(r"url\(#([^)]*)\)", page)) <= set(found.ids)


def test_colours_follow_the_page(usual):
    page, _ = usual
    body = page[page.index("<body>") :]
    assert not re.findall(r"#[0-9a-f]{6}\b", body)
    assert "var(--blue)" in body


def test_the_same_directory_gives_the_same_bytes_whatever_else_uses_matplotlib(four):
    directory = four()
    first = write_page(directory).read_bytes()
    drawings = {name: (directory / f"figures/{name}.svg").read_bytes() for name in FIGURES}
    settings = {key: mpl.rcParams[key] for key in mpl.rcParams if key != "backend"}
    with mpl.rc_context({"font.size": 30.0, "axes.grid": True, "svg.fonttype": "path"}):
        assert write_page(directory).read_bytes() == first
        assert mpl.rcParams["font.size"] == 30.0
    assert {key: mpl.rcParams[key] for key in settings} == settings
    assert drawings == {name: (directory / f"figures/{name}.svg").read_bytes() for name in FIGURES}


def test_the_page_is_made_without_pyplot(four):
    directory = four()
    script = (
        "import sys; from pathlib import Path; from gboard_sim.report.page import write_page; "
        "from gboard_sim.runlog.directory import RunDirectory; "
        "write_page(RunDirectory.open(Path(sys.argv[1]))); "
        "print(sorted({'matplotlib.pyplot', 'torch', 'simpy', 'onnxruntime'} & set(sys.modules)))"
    )
    command = [sys.executable, "-c", script, str(directory.path)]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    assert said == "[]\n"


def test_a_fleet_alone_has_a_page_without_recall(four_alone):
    page, found = outline(four_alone())
    assert [name for name in found.ids if name in FIGURES] == FIGURES[1:]
    text = " ".join(found.text)
    assert "no model was trained" in text
    assert "synthetic" not in text.split("How it was made")[0]
    assert "nan" not in page[page.index("<body>") : page.index("How it was made")].lower().replace(
        "provenance", ""
    )


def test_a_run_in_which_nothing_happened_has_a_page(four):
    bare = {"participations": {"0": 4}, "participants_by_hour": [], "eligible_by_hour": []}
    _, found = outline(four(sessions=[], versions=[], evaluations=[], fleet=bare, summary={}))
    assert [name for name in found.ids if name in FIGURES] == [
        "availability",
        "participation",
        "absence",
        "costs",
    ]


def test_a_damaged_directory_leaves_the_page_as_it_was(four):
    directory = four()
    before = write_page(directory).read_bytes()
    (directory / "versions.parquet").write_bytes(b"PAR1")
    with pytest.raises(RunDirectoryError, match="versions"):
        write_page(directory)
    assert (directory / "report.html").read_bytes() == before


def test_a_long_run_has_a_short_page(four):
    """5,000 versions and 200,000 sessions: 300 points of each line are drawn."""
    rows, made = 200_000, 5000
    start = four("rows")
    take = np.arange(rows) % 6
    sessions = start.table("sessions").take(pa.array(take))
    ended = pa.array(np.sort((np.arange(rows) * 7919.0) % 864000.0))
    sessions = sessions.set_column(sessions.schema.get_field_index("ended_s"), "ended_s", ended)
    version = np.arange(1, made + 1)
    versions = pa.table(
        {
            "version": version,
            "closed_s": version * 172.8,
            "uploads": np.full(made, 20),
            "staleness_mean": version % 7 / 7,
            "staleness_max": version % 7,
            "stints": np.full(made, 20),
            "trained_tokens": np.full(made, 400),
            "loss": 6.0 - version / made,
            "update_norm": np.ones(made),
        },
        schema=SCHEMAS["versions"],
    )
    judged = start.table("evaluations").to_pylist()[0]
    evaluations = [judged | {"version": int(v), "recall_at_3": v / 20000} for v in version]
    directory = four(sessions=sessions, versions=versions, evaluations=evaluations)
    page, found = outline(directory)
    assert [name for name in found.ids if name in FIGURES] == FIGURES
    assert len(page) < 600_000
    assert "A band is the range" in page
