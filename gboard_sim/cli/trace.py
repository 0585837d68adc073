"""The commands of `gboard-sim trace`: a look at recorded phones, and their conversion."""

from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from gboard_sim.cli.screen import AsJson, print_json, screen

trace_app = typer.Typer(
    help="Recorded phones: look at a trace, or convert FedScale's and FLASH's. [fleet] trace "
    "replays one.",
    no_args_is_help=True,
)


class TraceForm(StrEnum):
    """Whose form a trace to be converted has."""

    fedscale = "fedscale"
    flash = "flash"


@trace_app.command(name="inspect")
def trace_inspect(
    file: Annotated[Path, typer.Argument(help="Parquet or CSV: phone, start_s, end_s, signals.")],
    as_json: AsJson = False,
) -> None:
    """Phones, days, intervals, and the eligible share of the phones by hour of the day."""
    from gboard_sim.fleet.trace_facts import inspect_trace

    with screen(quiet=True):
        facts = asdict(inspect_trace(file))
        if as_json:
            print_json(facts)
            return
        by_hour = facts.pop("eligible_share_by_hour")
        for key, value in facts.items():
            print(f"{key:<24} {value:.4f}" if key.endswith("share") else f"{key:<24} {value}")
        for hour, share in enumerate(by_hour):
            print(f"{hour:02d}:00 {share:7.4f} {'#' * round(50 * share)}".rstrip())


@trace_app.command(name="convert")
def trace_convert(
    file: Annotated[Path, typer.Argument(help="FedScale's JSON or plain pickle; FLASH's JSON.")],
    form: Annotated[TraceForm, typer.Option("--from", help="Whose form it has.")],
    out: Annotated[Path, typer.Option(help="The trace to write: .parquet or .csv.")],
    skip_bad_phones: Annotated[
        bool, typer.Option("--skip-bad-phones", help="Leave out phones with a wrong record.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Write FedScale's or FLASH's availability as a trace that [fleet] trace replays."""
    from gboard_sim.fleet.trace_conversion import convert

    with screen(quiet=True):
        facts = asdict(convert(file, form.value, out, skip_bad_phones=skip_bad_phones))
        if as_json:
            print_json(facts)
            return
        skipped = facts.pop("skipped")
        for key, value in facts.items():
            print(f"{key:<24} {value}")
        print(f"{'skipped':<24} {len(skipped)}", *(f"\n  {line}" for line in skipped[:5]))
