"""The colours of the page: each has a value for light and one for dark surroundings.

The hues are those of Okabe and Ito (Color Universal Design, 2008), which readers with any common
colour vision tell apart; the dark values are lightened to keep the contrast. No figure says
anything by hue alone.
"""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Ink:
    """One colour by its use.

    Attributes:
        light: Hexadecimal value on a light page.
        dark: Hexadecimal value on a dark page.
    """

    light: str
    dark: str


PAPER = Ink("#fdfdfc", "#16181b")
TEXT = Ink("#22252a", "#e4e2dd")
MUTED = Ink("#666b73", "#a2a5a9")
RULE = Ink("#dcdddb", "#34383d")
BLUE = Ink("#0072b2", "#62b6e8")
GREEN = Ink("#00815f", "#3fc79d")
ORANGE = Ink("#c4570a", "#f09a57")
STONE = Ink("#81858b", "#878b91")

INKS: Mapping[str, Ink] = {
    "paper": PAPER,
    "text": TEXT,
    "muted": MUTED,
    "rule": RULE,
    "blue": BLUE,
    "green": GREEN,
    "orange": ORANGE,
    "stone": STONE,
}
"""Every colour by the name of its CSS variable."""


def by_variable(svg: str) -> str:
    """An SVG whose colours follow the page's, by CSS variables."""
    for name, ink in INKS.items():
        svg = svg.replace(ink.light, f"var(--{name})")
    return svg
