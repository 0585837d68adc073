"""What an experiment with distributed noise promises, and what carries it out."""

from dataclasses import asdict
from typing import Any

from gboard_sim.errors import ExperimentError, IncompatibleError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.claim import Claim
from gboard_sim.privacy.distributed_calibration import Aggregate, Calibration, calibrated
from gboard_sim.privacy.distributed_claim import distributed_claim, sums_of
from gboard_sim.privacy.mechanisms.distributed import (
    Distributed,
    DistributedDiscreteGaussian,
    DistributedSkellam,
)
from gboard_sim.privacy.secure_aggregation import cost
from gboard_sim.seam.privacy_protocols import Masking

MOST_MASKED = 100
"""Phones in a selection whose masks are carried out. Their keys take 1.9 s of one core (measured),
their masks of the 1.4 million numbers of `gboard-cifg` 44 s; both grow with the square."""

_KINDS: dict[str, type[Distributed]] = {
    kind.name: kind for kind in (DistributedSkellam, DistributedDiscreteGaussian)
}


def claim_of(experiment: Experiment, parameters: int) -> Claim:
    """The claim for updates of so many numbers.

    Raises:
        GboardSimError: It cannot be made.
    """
    privacy, protocol = experiment.privacy, experiment.protocol
    _refuse(experiment)
    return distributed_claim(
        kind=_KINDS[privacy.mechanism],
        made=_calibration(experiment, parameters),
        about=_aggregate(experiment, parameters),
        bounds=_bounds(experiment),
        clip=privacy.clip or 0.0,
        selected=protocol.selected,
        colluders=privacy.colluders,
        carried_out=privacy.secure_aggregation == "masked",
    )


def mechanism_of(experiment: Experiment, parameters: int) -> Distributed:
    """What phones add to a sum, and how the server opens it."""
    privacy = experiment.privacy
    made = _calibration(experiment, parameters)
    return _KINDS[privacy.mechanism](
        clip=privacy.clip or 0.0,
        noise_multiplier=made.noise_multiplier,
        seed=privacy.seed,
        bits=_bits(experiment),
        scale=made.scale,
        share_variance=made.share_variance,
    )


def masking_of(experiment: Experiment) -> Masking | None:
    """What carries secure aggregation out; None where nothing does, or a price stands for it."""
    if experiment.privacy.secure_aggregation != "masked":
        return None
    from gboard_sim.privacy.secure_aggregation.masking import PairwiseMasks  # noqa: PLC0415  ciphers

    return PairwiseMasks(experiment.protocol.fewest, _bits(experiment), experiment.privacy.seed)


def beside_bytes(experiment: Experiment) -> tuple[int, int]:
    """What a phone sends, and is sent, beside its payload; nothing without secure aggregation."""
    if experiment.privacy.mechanism not in _KINDS:
        return 0, 0
    return cost.beside_bytes(experiment.protocol.selected)


def secure_aggregation(experiment: Experiment, parameters: int) -> dict[str, Any] | None:
    """The messages of a phone that stays to the end; None without secure aggregation.

    The phones are those of a full selection. Fewer than `threshold` that send their numbers make no
    version: the round is abandoned, as `protocol.minimum` has it.
    """
    if experiment.privacy.mechanism not in _KINDS:
        return None
    protocol = experiment.protocol
    parts = cost.rounds(protocol.selected, -(-parameters * _bits(experiment) // 8))
    return {
        "phones": protocol.selected,
        "threshold": protocol.fewest,
        "rounds": [asdict(part) for part in parts],
    }


def _calibration(experiment: Experiment, parameters: int) -> Calibration:
    privacy = experiment.privacy
    assert privacy.epsilon is not None
    assert privacy.clip is not None
    try:
        return calibrated(
            _KINDS[privacy.mechanism],
            privacy.epsilon,
            privacy.clip,
            _aggregate(experiment, parameters),
        )
    except ValueError as error:
        raise ExperimentError(f"[privacy] {privacy.mechanism}: {error}") from error


def _aggregate(experiment: Experiment, parameters: int) -> Aggregate:
    privacy, protocol = experiment.privacy, experiment.protocol
    try:
        sums = sums_of(_bounds(experiment))
    except ValueError as error:
        raise ExperimentError(f"[privacy] {privacy.mechanism}: {error}") from error
    return Aggregate(
        size=parameters,
        most=protocol.goal,
        honest=protocol.fewest - privacy.colluders,
        sums=sums,
        delta=privacy.delta,
        bits=_bits(experiment),
    )


def _bounds(experiment: Experiment) -> Bounds:
    """What selection enforces."""
    return Bounds(
        uploads=experiment.privacy.max_uploads,
        participations=experiment.protocol.max_participations,
        separation=experiment.protocol.separation_versions,
        versions=experiment.run.versions,
    )


def _bits(experiment: Experiment) -> int:
    return experiment.codec.bits or 16  # as the codec's own default


def _refuse(experiment: Experiment) -> None:
    """Refuses what secure aggregation cannot work with."""
    protocol, mechanism = experiment.protocol, experiment.privacy.mechanism
    if protocol.kind != "rounds":
        raise IncompatibleError(
            f"privacy.mechanism = {mechanism!r} needs protocol.kind = 'rounds': masks cancel among "
            "phones that were selected together, and an asynchronous buffer has none; set it, or "
            "take a mechanism whose noise is on each update"
        )
    if experiment.codec.lossless != "none":
        raise IncompatibleError(
            f"codec.lossless = {experiment.codec.lossless!r} does nothing with privacy.mechanism = "
            f"{mechanism!r}: masked numbers are even over the ring, which nothing compresses"
        )
    if experiment.privacy.secure_aggregation == "masked" and protocol.selected > MOST_MASKED:
        raise IncompatibleError(
            f"privacy.secure_aggregation = 'masked' is not allowed with {protocol.selected} phones "
            f"selected (protocol.goal times over_selection): at most {MOST_MASKED}, since their "
            "masks grow with the square; lower protocol.goal, or leave it 'priced', which makes "
            "the same model"
        )
    if 2 * protocol.fewest <= protocol.selected:
        raise IncompatibleError(
            f"protocol.minimum = {protocol.fewest} must be above half of the {protocol.selected} "
            "phones selected: else a server could have two sums unmasked of one cohort"
        )
