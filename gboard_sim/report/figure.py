"""A figure of the report: its panels, and the words for those who read or hear it."""

import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape

import matplotlib.style
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure as Canvas
from matplotlib.figure import FigureBase
from matplotlib.layout_engine import ConstrainedLayoutEngine

from gboard_sim.report.drawing import FONT, MONOSPACE, STYLE
from gboard_sim.report.palette import PAPER, by_variable

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
    """

    name: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    key: tuple[tuple[str, str], ...] = ()

    def inline(self) -> list[str]:
        """Each panel as an SVG element that takes its colours and fonts from the page."""
        return [
            _inline(_svg([panel], f"{self.name}-{nth}"), f"{self.name}-{nth}", panel.alt)
            for nth, panel in enumerate(self.panels)
        ]

    def document(self) -> str:
        """All panels side by side, as an SVG file for a light page."""
        svg = _with_fonts(_svg(self.panels, self.name), SYSTEM_FONT, SYSTEM_MONOSPACE)
        return svg.replace("<svg ", f'<svg style="background: {PAPER.light}" ', 1)


def _svg(panels: Sequence[Panel], salt: str) -> str:
    """Panels drawn side by side; the same panels and salt give the same characters."""
    height_px = max(panel.height_px for panel in panels)
    # The style changes matplotlib's settings and puts them back: no other state of it is touched.
    with matplotlib.style.context([dict(STYLE) | {"svg.hashsalt": salt}], after_reset=True):
        canvas = Canvas(
            figsize=(WIDTH_PX * len(panels) / _DPI, height_px / _DPI),
            dpi=_DPI,
            layout=ConstrainedLayoutEngine(w_pad=6 / _DPI, h_pad=6 / _DPI, hspace=0.04),
        )
        FigureCanvasSVG(canvas)
        parts = canvas.subfigures(1, len(panels), squeeze=False)[0]
        for part, panel in zip(parts, panels, strict=True):
            panel.draw(part)
        canvas.patch.set_visible(False)
        for part in parts:
            part.patch.set_visible(False)
        written = io.StringIO()
        canvas.savefig(written, format="svg", metadata={"Date": None}, transparent=True)
    svg = re.sub(r"\s*<metadata>.*?</metadata>", "", written.getvalue(), flags=re.S)
    return svg[svg.index("<svg") :]


def _with_fonts(svg: str, font: str, monospace: str) -> str:
    quote = "(?:'|&apos;|&#39;)"
    svg = re.sub(f"{quote}{MONOSPACE}{quote}", monospace, svg)
    return re.sub(f"{quote}{FONT}{quote}", font, svg)


def _inline(svg: str, name: str, alt: str) -> str:
    """An SVG file as an element of the page: no name spaces, its ids its own, its alt text said."""
    body = re.sub(r"\s*<defs>\s*<style.*?</defs>", "", svg[svg.index(">") + 1 :], flags=re.S)
    size = re.search(r'viewBox="[^"]*"', svg)
    assert size is not None
    body = re.sub(r'\bid="', f'id="{name}-', body)
    body = body.replace("url(#", f"url(#{name}-").replace('xlink:href="#', f'href="#{name}-')
    body = by_variable(_with_fonts(body, "var(--sans)", "var(--mono)"))
    return f'<svg {size[0]} role="img" aria-label="{escape(alt)}">{body}'
