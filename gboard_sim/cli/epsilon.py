"""The command `gboard-sim epsilon`: what a run promised, or how much noise a promise takes."""

from pathlib import Path
from typing import Annotated

import typer

from gboard_sim.cli.screen import AsJson, print_json, screen
from gboard_sim.errors import GboardSimError


def epsilon(
    directory: Annotated[
        Path | None, typer.Argument(metavar="[RUN]", help="A run directory.")
    ] = None,
    plan: Annotated[
        str | None, typer.Option(metavar="EXPERIMENT", help="An experiment, before it is run.")
    ] = None,
    target: Annotated[
        float | None, typer.Option(help="With --plan: find the noise for this epsilon.")
    ] = None,
    variant: Annotated[str | None, typer.Option(help="With --plan: a named variant.")] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="SECTION.KEY=VALUE", help="With --plan: override one key."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Work out both epsilons of a run again, or calibrate the noise of one that is planned."""
    from gboard_sim.epsilon import of_plan, of_run
    from gboard_sim.experiment import file as experiment_file
    from gboard_sim.runlog.plain import plain

    with screen(quiet=True):
        if (directory is None) == (plan is None):
            raise GboardSimError("gboard-sim epsilon: give a run directory, or --plan EXPERIMENT")
        if plan is not None:
            experiment = experiment_file.load(plan, variant=variant, overrides=list(sets or []))
            facts = of_plan(experiment, target)
        elif target is not None or variant is not None or sets:
            raise GboardSimError(
                f"{directory}: --target, --variant and --set go with --plan; a run's claim was "
                "made before it ran"
            )
        else:
            assert directory is not None
            facts = of_run(directory)
        if as_json:
            print_json(plain(facts))
            return
        for key, value in facts.items():
            if key in ("epsilon_policy", "epsilon_realised", "noise_multiplier") or value:
                shown = value if not isinstance(value, dict) else _bounds(value)
                print(f"{key:<22} {'none' if shown is None else shown}")


def _bounds(bounds: dict[str, int | None]) -> str:
    return ", ".join(f"{name} {bound}" for name, bound in bounds.items() if bound is not None)
