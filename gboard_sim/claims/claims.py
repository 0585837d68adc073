"""What an experiment promises about privacy, who carries it out, and what a run's log shows."""

from dataclasses import replace

import pyarrow.compute as pc

from gboard_sim.claims import distributed as distributed_claims
from gboard_sim.claims import local as local_claims
from gboard_sim.errors import ExperimentError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.experiment.mechanisms import TABLE
from gboard_sim.model_spec import parameters_of
from gboard_sim.privacy.blt_parameters import best_blt
from gboard_sim.privacy.bounds import Bounds, seen_in
from gboard_sim.privacy.central_claim import central_claim
from gboard_sim.privacy.claim import Claim, Extrapolated
from gboard_sim.privacy.mechanisms import NoMechanism
from gboard_sim.privacy.mechanisms.adaptive_clip import AdaptiveClip
from gboard_sim.privacy.mechanisms.banded import Banded
from gboard_sim.privacy.mechanisms.blocks import Blocks
from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.server_sums import ServerSums
from gboard_sim.privacy.mechanisms.sum_noise import SumNoise, versions_of
from gboard_sim.privacy.mechanisms.tree import Tree
from gboard_sim.privacy.sampled_claim import SampledSums
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.seam.privacy_protocols import Mechanism, ServerMechanism

BIT_NOISE_SHARE = 1.0 / 20.0
"""Of the denominator, the standard deviation of the noise on the sum of the bits: Andrew et al.
(NeurIPS 2021), section 3.1."""

LENGTHENS = {"fp32": 1e-6}
"""By which share at most a codec lengthens an update, where that is known: rounding of the norm,
doubled. Float16 has no such share, since it rounds the smallest numbers up without bound."""


def claim_of(experiment: Experiment, parameters: int | None = None) -> Claim | None:
    """The privacy claim, None for the mechanism `none`.

    Args:
        experiment: What is asked.
        parameters: Numbers in an update; None takes the vocabulary asked for.

    Raises:
        ExperimentError: The claim cannot be made with these bounds.
    """
    privacy = experiment.privacy
    if privacy.mechanism == "none":
        return None
    assert privacy.clip is not None
    place = TABLE[privacy.mechanism].place
    if place == "server":
        _refuse_uncounted(experiment)
        try:
            return central_claim(
                noise=_noise(experiment),
                bounds=_bounds(experiment),
                delta=privacy.delta,
                clip=privacy.clip,
                denominator=_denominator(experiment),
                epsilon=privacy.epsilon,
                noise_multiplier=privacy.noise_multiplier,
                adaptive=_adaptive(experiment),
                extrapolated=_extrapolated(experiment),
                sampled=_sampled(experiment),
            )
        except ValueError as error:
            raise ExperimentError(f"[privacy] {privacy.mechanism}: {error}") from error
    size = parameters or parameters_of(experiment)
    if place == "shares":
        return distributed_claims.claim_of(experiment, size)
    return local_claims.claim_of(experiment, size)


def on_phones(experiment: Experiment, claim: Claim | None, parameters: int) -> Mechanism:
    """What makes an update private on the phone; what sums are made private by comes after."""
    if claim is None or TABLE[experiment.privacy.mechanism].place != "phones":
        return NoMechanism()
    return local_claims.mechanism_of(experiment, claim, parameters)


def at_server(
    experiment: Experiment, claim: Claim | None, parameters: int
) -> ServerMechanism | None:
    """What makes sums private; None where each update is, or nothing is claimed.

    Raises:
        ExperimentError: The noise is none that such a server can add.
    """
    privacy = experiment.privacy
    place = TABLE[privacy.mechanism].place
    if claim is not None and place == "shares":
        return distributed_claims.mechanism_of(experiment, parameters)
    if claim is None or place != "server":
        return None
    assert privacy.clip is not None
    denominator = _denominator(experiment)
    try:
        return ServerSums(
            noise=_noise(experiment),
            noise_multiplier=claim.noise_multiplier,
            clip=privacy.clip,
            denominator=denominator,
            seed=privacy.seed,
            adaptive=_adaptive(experiment),
            noise_share=denominator / (privacy.noise_cohort or denominator),
            lengthens=LENGTHENS.get(experiment.codec.name),
        )
    except ValueError as error:
        raise ExperimentError(f"[privacy] {privacy.mechanism}: {error}") from error


def seen_by(directory: RunDirectory) -> Bounds:
    """How often one phone took part at most, by a run's log."""
    sessions = directory.table("sessions", ("phone", "left_phone"))
    cohorts = directory.table("cohorts", ("task", "phone", "makes_version"))
    used = cohorts.filter(pc.equal(cohorts["task"], "train"))
    return seen_in(
        session_phone=sessions["phone"].to_numpy(),
        left_phone=sessions["left_phone"].to_numpy(),
        used_phone=used["phone"].to_numpy(),
        used_version=used["makes_version"].to_numpy(),
        versions=directory.table("versions", ("version",)).num_rows,
    )


def _bounds(experiment: Experiment) -> Bounds:
    """What selection enforces where a server sums."""
    return Bounds(
        participations=experiment.protocol.max_participations,
        separation=experiment.protocol.separation_versions,
        versions=experiment.run.versions,
    )


def _noise(experiment: Experiment) -> SumNoise:
    """What the noise of one version has to do with that of others.

    Raises:
        ValueError: A bound is missing, or the run is too short.
    """
    privacy, bounds = experiment.privacy, _bounds(experiment)
    if privacy.mechanism == "central_gaussian":
        return Independent()
    adaptive = privacy.adaptive_clip
    warm_up = 0 if adaptive is None else adaptive.versions or 0
    rest = versions_of(bounds) - warm_up
    if rest < 1:
        raise ValueError(
            f"adaptive_clip.versions(={warm_up}) must be below run.versions(={bounds.versions})"
        )
    length = min(privacy.restart_every or rest, rest)
    inner: SumNoise
    if privacy.mechanism == "tree":
        inner = Tree()
    elif privacy.mechanism == "banded":
        bands = privacy.bands or bounds.separation
        if bands > bounds.separation:
            raise ValueError(
                f"bands(={bands}) must be at most the enforced separation, {bounds.separation}"
            )
        inner = Banded(min(bands, length), length, privacy.column_norm_squared)
    else:
        inner = best_blt(replace(bounds, versions=length), privacy.buffers)
    return Blocks(inner, warm_up, length) if length < rest + warm_up else inner


def _sampled(experiment: Experiment) -> SampledSums | None:
    """How coins draw phones; None where none do.

    Raises:
        ValueError: Something else than the coins would decide.
    """
    privacy, protocol, phones = experiment.privacy, experiment.protocol, experiment.fleet.phones
    if protocol.kind != "poisson":
        return None
    assert phones != "all"
    if privacy.mechanism != "central_gaussian":
        raise ValueError(
            "protocol.kind = 'poisson' amplifies independent noise alone; set privacy.mechanism = "
            "'central_gaussian', or protocol.kind = 'rounds' with a minimum separation"
        )
    return SampledSums(
        privacy.noise_multiplier or 0.0, protocol.goal / phones, privacy.delta, privacy.accountant
    )


def _denominator(experiment: Experiment) -> float:
    return experiment.privacy.denominator or float(experiment.protocol.goal)


def _adaptive(experiment: Experiment) -> AdaptiveClip | None:
    """How the clip follows."""
    asked = experiment.privacy.adaptive_clip
    if asked is None:
        return None
    uploads = experiment.privacy.noise_cohort or _denominator(experiment)
    bit_noise = asked.bit_noise or BIT_NOISE_SHARE * uploads
    return AdaptiveClip(asked.quantile, asked.learning_rate, bit_noise, asked.versions)


def _extrapolated(experiment: Experiment) -> Extrapolated | None:
    """Which fleet the noise is that of, where it is a larger one."""
    cohort, phones = experiment.privacy.noise_cohort, experiment.fleet.phones
    if cohort is None:
        return None
    assert phones != "all"
    uploads = _denominator(experiment)
    return Extrapolated(round(phones * cohort / uploads), cohort, uploads / cohort)


def _refuse_uncounted(experiment: Experiment) -> None:
    """Refuses a claim that goes by the number of phones where that is not given."""
    by_count = (
        "privacy.noise_cohort"
        if experiment.privacy.noise_cohort is not None
        else "protocol.kind = 'poisson'"
        if experiment.protocol.kind == "poisson"
        else None
    )
    if by_count and experiment.fleet.phones == "all":
        raise ExperimentError(
            f'fleet.phones = "all" is not allowed here with {by_count}, whose epsilon goes by the '
            "number of phones; hint: give a number"
        )
