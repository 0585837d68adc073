"""What `gboard-sim epsilon` says: of a run, from its directory alone; of a plan, before it runs."""

from dataclasses import asdict
from pathlib import Path
from typing import Any

from gboard_sim.claims.claims import at_server, claim_of, seen_by
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment import file as experiment_file
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.experiment.mechanisms import TABLE
from gboard_sim.model_spec import parameters_of
from gboard_sim.privacy.bounds import NEVER_AGAIN, Bounds
from gboard_sim.privacy.claim import Claim
from gboard_sim.privacy.ledger import Ledger, read_event
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.world import world


def of_run(path: Path) -> dict[str, Any]:
    """Both epsilons of a run that has ended, worked out again.

    The claim is made again from the run's experiment, and held against the events in its ledger and
    the participation in its log.

    Raises:
        GboardSimError: It is no whole run directory, or nothing was claimed.
    """
    directory = RunDirectory.open(path)
    experiment = experiment_file.load(directory / "experiment.toml")
    sent = directory.read_json("summary.json")["parameters_on_wire"]
    claim = _claim(experiment, sent and round(sent))
    events = directory.read_json("ledger.json")["events"]
    alone = directory.read_json("provenance.json").get("kind") == "fleet"
    entered = None if alone else tuple(read_event(row) for row in events)
    ledger = Ledger(claim, entered, seen_by(directory))
    return {
        "epsilon_policy": ledger.epsilon_policy(),
        "epsilon_realised": ledger.epsilon_realised(),
        **_facts(claim),
        "seen": asdict(ledger.seen) | {"separation": _apart(ledger.seen)},
        "broken": ledger.broken(),
        "warnings": _warnings(experiment, claim),
    }


def of_plan(experiment: Experiment, target: float | None) -> dict[str, Any]:
    """The claim of an experiment, or with just enough noise for another epsilon.

    Args:
        experiment: What would be run.
        target: That epsilon; None keeps the experiment's own.

    Raises:
        GboardSimError: There is no such claim, or the experiment cannot be run.
    """
    world.check(experiment)
    if target is not None:
        experiment = _with_epsilon(experiment, target)
    claim = _claim(experiment)
    at_server(experiment, claim, parameters_of(experiment))  # refuses noise that no server can add
    return {
        "epsilon_policy": claim.epsilon_policy,
        **_facts(claim),
        **_size(experiment),
        "warnings": _warnings(experiment, claim),
    }


def _with_epsilon(experiment: Experiment, target: float) -> Experiment:
    """The same with just enough noise for another epsilon, where anything is claimed."""
    if not 1e-3 <= target <= 1e6:
        raise ExperimentError(
            f"--target {target:g} is not allowed: must be between 0.001 and 1e6, where "
            "calibration and accounting agree"
        )
    if experiment.privacy.mechanism == "none":
        return experiment
    return experiment.model_copy(update={"privacy": experiment.privacy.with_epsilon(target)})


def _claim(experiment: Experiment, parameters: int | None = None) -> Claim:
    claim = claim_of(experiment, parameters)
    if claim is None:
        raise ExperimentError(
            "privacy.mechanism = 'none': nothing is claimed, so there is no epsilon; hint: "
            "gboard-sim list mechanisms"
        )
    return claim


def _apart(seen: Bounds) -> int | None:
    """Fewest versions between two that used uploads of one phone; None where there are none."""
    return None if seen.separation == NEVER_AGAIN else seen.separation


def _facts(claim: Claim) -> dict[str, Any]:
    return {
        "epsilon_extrapolated": claim.epsilon_extrapolated,
        "delta": claim.delta,
        "mechanism": claim.mechanism,
        "noise_multiplier": claim.noise_multiplier,
        "bounds": asdict(claim.bounds),
        "sentence": str(claim),
    }


def _size(experiment: Experiment) -> dict[str, Any]:
    """Numbers in an update, as far as that is known before the text is read."""
    words, most = experiment.text.vocabulary, parameters_of(experiment)
    if parameters_of(experiment, words - 1) == most:
        return {"parameters": most}
    follows = "" if TABLE[experiment.privacy.mechanism].by_size else " not"
    return {
        "parameters": most,
        "assumes": f"that the text has all of the {words:,} words and signs that text.vocabulary "
        "allows; a run counts them, and with fewer an update has fewer numbers, on which this "
        f"noise does{follows} depend",
    }


def _warnings(experiment: Experiment, claim: Claim) -> list[str]:
    phones = experiment.fleet.phones
    return [] if phones == "all" else list(claim.warnings(phones))
