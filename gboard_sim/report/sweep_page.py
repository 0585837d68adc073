"""The page of a sweep: fronts, the cheapest settings, and every setting, in one HTML file."""

from collections.abc import Sequence
from pathlib import Path

from gboard_sim.report import fronts, template
from gboard_sim.report.palette import INKS
from gboard_sim.report.sweep_analysis import SweepAnalysis
from gboard_sim.report.sweep_contents import Judges, SweepContents
from gboard_sim.report.sweep_tables import tables
from gboard_sim.report.sweep_target import TARGETS, Target
from gboard_sim.runlog.directory import RunDirectory


def write_sweep_page(
    directory: RunDirectory,
    targets: Sequence[Target] = TARGETS,
    judges: Judges = Judges.validation,
    baseline: str | None = None,
) -> Path:
    """Writes `sweep.html`, and each figure as `figures/<name>.svg`, into a sweep's directory.

    Args:
        directory: Of a sweep that has ended.
        targets: Recalls to reach.
        judges: Whose recall is drawn; choices are made on validation users.
        baseline: What settings are held against: see `SweepAnalysis.of`.

    Returns:
        Where the page is.

    Raises:
        GboardSimError: Something that the page needs is missing or damaged, the directory cannot be
            written, or the baseline is none of the settings.
    """
    contents = SweepContents.read(directory, judges)
    found = SweepAnalysis.of(contents, baseline, targets)
    figures = [figure for figure in (fronts.figure(contents),) if figure is not None]
    drawings = [figure.draw() for figure in figures]
    page = template.render(
        "sweep.html.j2",
        inks=INKS,
        name=contents.name,
        lead=_lead(contents),
        synthetic=contents.synthetic,
        keys=contents.keys,
        figures=[(drawing.figure, drawing.inline()) for drawing in drawings],
        tables=[(figure, []) for figure in tables(found)],
        failures=[row for row in contents.rows if row["status"] == "failed"],
        experiment_toml=contents.experiment_toml,
    )
    for drawing in drawings:
        directory.write_text(f"figures/{drawing.figure.name}.svg", drawing.document())
    directory.write_text("sweep.html", page)
    return directory / "sweep.html"


def _lead(contents: SweepContents) -> str:
    """What was swept, in one sentence."""
    seeds = {row["seed"] for row in contents.rows}
    keys = ", ".join(contents.keys)
    several = f"{len(contents.settings)} settings of {keys}" if keys else "One setting"
    word = "seed" if len(seeds) == 1 else "seeds"
    return (
        f"{several}, {len(seeds)} {word}, {len(contents.rows)} runs. Every setting met the same "
        "worlds: phones, links and typing are drawn by seed, whatever the schedule."
    )
