"""A figure of the report: its panels, and the words for those who read or hear it."""

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from html import escape

import matplotlib.style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.figure import FigureBase
from matplotlib.layout_engine import ConstrainedLayoutEngine

from gboard_sim.report.drawing import FONT, MONOSPACE, STYLE
from gboard_sim.report.palette import PAPER, by_variable
from gboard_sim.report.table import Table

WIDTH_PX = 400
"""Natural width of a panel: a phone shows it at about seven eighths of this, a laptop at 1.15."""

HEIGHT_PX = 285

SYSTEM_FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif"
SYSTEM_MONOSPACE = "ui-monospace, 'SF Mono', Menlo, Consolas, monospace"

_DPI = 72  # one SVG unit is one pixel


@dataclass(frozen=True, slots=True)
class Panel:
    """One drawing, readable on its own.

    Attributes:
        alt: What one sees, for those who do not.
        draw: Draws it on an empty figure of the panel's size.
        height_px: Natural height.
    """

    alt: str
    draw: Callable[[FigureBase], None]
    height_px: int = HEIGHT_PX


@dataclass(frozen=True, slots=True)
class Figure:
    """Panels that belong together.

    Attributes:
        name: Names its file and its place on the page.
        title: A heading.
        caption: What one sees, with the figures that matter.
        panels: Beside each other where there is room, else above each other.
        key: Signs and their meanings, where the drawing uses any.
        table: The figures behind it, where one wants to read them off.
    """

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    key: tuple[tuple[str, str], ...] = ()
    table: Table | None = None

    def draw(self) -> "Drawing":
        """Draws the panels, each once whatever becomes of it."""
        names = [f"{self.name}-{nth}" for nth in range(len(self.panels))]
        bodies = [_body(panel, name) for panel, name in zip(self.panels, names, strict=True)]
        return Drawing(self, tuple(bodies))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure whose panels are drawn.

    Attributes:
        figure: What is drawn.
        bodies: What is inside each panel's SVG element.
    """

    figure: Figure
    bodies: tuple[str, ...]

    def inline(self) -> list[str]:
        """Each panel as an SVG element that takes its colours and fonts from the page."""
        return [
            f'<svg viewBox="0 0 {WIDTH_PX} {panel.height_px}" role="img" '
            f'aria-label="{escape(panel.alt)}">'
            + by_variable(_with_fonts(body, "var(--sans)", "var(--mono)"))
            for panel, body in zip(self.figure.panels, self.bodies, strict=True)
        ]

    def document(self) -> str:
        """All panels side by side, as an SVG file for a light page."""
        panels = self.figure.panels
        width_px, height_px = WIDTH_PX * len(panels), max(panel.height_px for panel in panels)
        placed = "".join(
            f'<svg x="{WIDTH_PX * nth}" width="{WIDTH_PX}" height="{panel.height_px}">{body}'
            for nth, (panel, body) in enumerate(zip(panels, self.bodies, strict=True))
        )
        return (
            f'<svg style="background: {PAPER.light}" xmlns="http://www.w3.org/2000/svg" '
            f'width="{width_px}pt" height="{height_px}pt" viewBox="0 0 {width_px} {height_px}">'
            "<style>* { stroke-linejoin: round; stroke-linecap: butt }</style>"
            f"{_with_fonts(placed, SYSTEM_FONT, SYSTEM_MONOSPACE)}</svg>\n"
        )


def _body(panel: Panel, name: str) -> str:
    """What is inside a panel's SVG element, its end included: no name spaces, its ids its own.

    The same panel and name give the same characters.
    """
    # The style changes matplotlib's settings and puts them back: no other state of it is touched.
    with matplotlib.style.context([dict(STYLE) | {"svg.hashsalt": name}], after_reset=True):
        canvas = Canvas(
            figsize=(WIDTH_PX / _DPI, panel.height_px / _DPI),
            dpi=_DPI,
        )
        FigureCanvasSVG(canvas)
        panel.draw(canvas)
        canvas.patch.set_visible(False)
        # Laid out by hand: a figure that has this engine is drawn twice, the first time for it.
        ConstrainedLayoutEngine(w_pad=6 / _DPI, h_pad=6 / _DPI, hspace=0.04).execute(canvas)
        written = io.StringIO()
        canvas.savefig(written, format="svg", metadata={"Date": None}, transparent=True)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", written.getvalue(), flags=re.S)
    svg = svg[svg.index("<svg") :]
    body = re.sub(r"\s*<defs>\s*<style.*?</defs>", "", svg[svg.index(">") + 1 :], flags=re.S)
    body = re.sub(r'\bid="', f'id="{name}-', body)
    return body.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')


def _with_fonts(svg: str, font: str, monospace: str) -> str:
    quote = "(?:'|&apos;|&#39;)"
    svg = re.sub(f"{quote}{MONOSPACE}{quote}", monospace, svg)
    return re.sub(f"{quote}{FONT}{quote}", font, svg)
