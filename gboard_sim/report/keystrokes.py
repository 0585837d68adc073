"""What the keyboard does for people who type: keystrokes saved, beside the most that could be."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
from matplotlib.figure import FigureBase

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents
from gboard_sim.report.drawing import beside, lying, upright
from gboard_sim.report.figure import Figure, Panel
from gboard_sim.report.palette import BLUE, GREEN, STONE
from gboard_sim.report.table import Table
from gboard_sim.seam.records import Floats

_SAVINGS = (
    ("perfect model", "savings_perfect", STONE),
    ("its vocabulary's limit", "savings_vocabulary", STONE),
    ("each word once shown", "savings", BLUE),
    ("assumed person", "savings_expected", BLUE),
)
_COLUMNS = (
    ("words", "words", quantity.count),
    ("recall@3", "recall_at_3", quantity.recall),
    ("by impressions", "impression_recall_at_3", quantity.recall),
    ("click-through", "click_through", quantity.share),
    ("once shown", "savings", quantity.share),
    ("assumed person", "savings_expected", quantity.share),
    ("vocabulary", "savings_vocabulary", quantity.share),
    ("perfect", "savings_perfect", quantity.share),
)


def figure(contents: Contents) -> Figure | None:
    """The figure, or None where nobody has typed on the keyboard."""
    found = contents.keyboard
    if found is None:
        return None
    strip, people = found["strip"], found["people"]
    savings = {label: strip[key] for label, key, _ in _SAVINGS}
    said = ", ".join(f"{label} {quantity.share(value)}" for label, value in savings.items())
    panels = [Panel(f"Bars of keystrokes saved: {said}.", partial(_limits, strip=strip))]
    spread = ""
    if people["people"]:
        middle = [quantity.share(people["savings"][at]) for at in ("p10", "p50", "p90")]
        spread = (
            f" Of {people['people']} people with {people['least_words']} words or more, one in "
            f"ten saves less than {middle[0]}, half less than {middle[1]}, nine in ten less than "
            f"{middle[2]}."
        )
        panels.append(
            Panel(
                f"Share of the people by what they save, and by their recall at 3.{spread}",
                partial(
                    _people,
                    savings=np.array(people["savings"]["values"]),
                    recall=np.array(people["recall_at_3"]["values"]),
                ),
            )
        )
    return Figure(
        name="keystrokes",
        title="Keystrokes",
        caption=(
            f"{quantity.count(strip['messages'])} messages of test users, typed on the run's "
            f"keyboard ({found['weights']}). A person who takes each word once it is shown saves "
            f"{quantity.share(strip['savings'])} of the keystrokes; one who taps as people were "
            f"measured to saves {quantity.share(strip['savings_expected'])} and clicks on "
            f"{quantity.share(strip['click_through'])} of the strips. A model that is perfect for "
            f"the words that it has would save {quantity.share(strip['savings_vocabulary'])}, a "
            f"perfect one {quantity.share(strip['savings_perfect'])}.{spread}"
        ),
        panels=tuple(panels),
        table=_table(strip, found["phone_classes"]),
    )


def _table(strip: Mapping[str, Any], classes: Mapping[str, Mapping[str, Any]]) -> Table:
    """Test users, and each class of phone."""
    rows = {"test users": strip, **{f"{name} phones": each for name, each in classes.items()}}
    return Table(
        title=(
            "By whose text: phones' own users are judged on what they typed after their phones "
            "had trained"
        ),
        groups=(("", 2), ("strip of three", 3), ("keystrokes saved", 4)),
        head=("", *(head for head, *_ in _COLUMNS)),
        rows=tuple(
            (name, *(say(each[key]) for _, key, say in _COLUMNS)) for name, each in rows.items()
        ),
    )


def _limits(figure: FigureBase, strip: Mapping[str, Any]) -> None:
    """A bar for each way of typing."""
    axes = lying(figure, "keystrokes saved", [label for label, *_ in _SAVINGS])
    for place, (_, key, ink) in enumerate(_SAVINGS):
        value = strip[key]
        if quantity.known(value):
            axes.barh(place, value, height=0.62, color=ink.light)
            beside(axes, max(value, 0.0), place, quantity.share(value))
    axes.set_xlim(min(0.0, *(strip[key] or 0.0 for _, key, _ in _SAVINGS)), 1.0)


def _people(figure: FigureBase, savings: Floats, recall: Floats) -> None:
    """Cumulative: what share of the people has at most this."""
    (axes,) = upright(figure, ["people who have at most this, %"], "share, %")
    for name, values, ink, dashes in (
        ("keystrokes saved", savings, BLUE, "-"),
        ("recall@3", recall, GREEN, (0, (6, 3))),
    ):
        x = 100 * np.concatenate([[0.0], np.sort(values)])
        y = 100 * np.arange(len(x)) / len(values)
        axes.step(x, y, where="post", color=ink.light, linestyle=dashes)
        beside(axes, float(np.median(x[1:])), 50.0, name, ink.light)
    axes.set_xlim(0, 100)
    axes.set_ylim(0, 100)
