"""The report page: one HTML file that needs nothing but itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from gboard_sim.report import (
    absence,
    availability,
    costs,
    headline,
    keystrokes,
    participants,
    participation,
    phases,
    quantity,
    recall,
    recall_table,
    rounds,
    served,
    shapes,
    smart_compose,
    template,
    timeline,
    traffic,
    trigger,
    waiting,
)
from gboard_sim.report.contents import Contents
from gboard_sim.report.figure import Drawing
from gboard_sim.report.palette import INKS
from gboard_sim.runlog.directory import RunDirectory

_FIGURES = (
    recall,
    served,
    keystrokes,
    smart_compose,
    trigger,
    availability,
    participants,
    timeline,
    rounds,
    shapes,
    phases,
    waiting,
    participation,
    absence,
    traffic,
    costs,
)


def write_page(directory: RunDirectory) -> Path:
    """Writes `report.html`, and each figure as `figures/<name>.svg`, into a run directory.

    The same directory gives the same bytes.

    Returns:
        Where the page is.

    Raises:
        RunDirectoryError: Something that the page needs is missing or damaged, or the directory
            cannot be written.
    """
    contents = Contents.read(directory)
    figures = [figure for module in _FIGURES if (figure := module.figure(contents)) is not None]
    drawings = [figure.draw() for figure in figures]
    page = _page(contents, drawings)
    for drawing in drawings:
        directory.write_text(f"figures/{drawing.figure.name}.svg", drawing.document())
    directory.write_text("report.html", page)
    return directory / "report.html"


def _page(contents: Contents, drawings: list[Drawing]) -> str:
    """The page as one string."""
    summary = contents.summary
    return template.render(
        "page.html.j2",
        inks=INKS,
        name=str(summary.get("experiment", "run")),
        lead=_lead(contents),
        synthetic=headline.synthetic(contents),
        learned=headline.learned(contents),
        sections=headline.sections(contents),
        figures=[(drawing.figure, drawing.inline()) for drawing in drawings],
        group_tables=recall_table.tables(contents),
        experiment_toml=contents.experiment_toml,
        provenance=_flat(contents.provenance),
        summary=_flat(summary),
    )


def _lead(contents: Contents) -> str:
    """What was run, in one sentence."""
    figure, fleet = contents.figure, contents.fleet
    trained = headline.learned(contents)
    text = " on synthetic text" if trained and headline.synthetic(contents) else ""
    return (
        f"{quantity.count(fleet.phones)} phones over {quantity.decimal(figure('simulated_days'))} "
        f"simulated days{text}, {quantity.count(figure('versions'))} versions, "
        f"seed {contents.summary.get('seed', quantity.UNKNOWN)}. "
        f"The run ended because {headline.stop_reason(contents)}."
    )


def _flat(found: Mapping[str, Any], prefix: str = "") -> list[tuple[str, str]]:
    """The leaves of nested objects, with dotted names."""
    leaves: list[tuple[str, str]] = []
    for key, value in found.items():
        if isinstance(value, Mapping):
            leaves += _flat(value, f"{prefix}{key}.")
        else:
            text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            leaves.append((prefix + key, quantity.UNKNOWN if value is None else text))
    return leaves
