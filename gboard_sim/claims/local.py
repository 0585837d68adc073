"""What an experiment with a local mechanism promises, and what carries it out on the phone."""

from dataclasses import replace
from typing import Any

from gboard_sim.errors import ExperimentError, IncompatibleError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.privacy.claim import SAME_SIZE, SIZE_OF_NOISED, Claim, Leaving
from gboard_sim.privacy.local_claim import local_gaussian_claim
from gboard_sim.privacy.mechanisms import LocalGaussian, LocalLaplace, PrivUnit
from gboard_sim.privacy.priv_unit_calibration import calibrated
from gboard_sim.privacy.pure_claim import each_payload, local_laplace_claim, priv_unit_claim
from gboard_sim.seam.privacy_protocols import Mechanism

NAMES_ITS_PHONE = ("k_level", "drive", "random_mask")
"""Codecs that draw from a key of the phone's, which may travel with the payload."""

WITHHELD = Leaving(
    "a payload that comes late, or in a round that is abandoned",
    "withheld by the shuffler, which is trusted, since too few would hide it",
)


def claim_of(experiment: Experiment, parameters: int) -> Claim:
    """The claim for updates of so many numbers.

    Raises:
        GboardSimError: It cannot be made.
    """
    claim = _claim(experiment, parameters)
    leaves = claim.leaves_phone
    if experiment.codec.lossless != "none":
        leaves = tuple(SIZE_OF_NOISED if each == SAME_SIZE else each for each in leaves)
    if claim.trusted == "shuffler":
        leaves = (*leaves, WITHHELD)
    return replace(claim, leaves_phone=leaves)


def _claim(experiment: Experiment, parameters: int) -> Claim:
    """The same, for payloads of one size that come in whole rounds."""
    privacy = experiment.privacy
    assert privacy.epsilon is not None
    assert privacy.clip is not None
    assert privacy.max_uploads is not None
    asked: dict[str, Any] = {
        "epsilon": privacy.epsilon,
        "delta": privacy.delta,
        "clip": privacy.clip,
        "max_uploads": privacy.max_uploads,
    }
    if privacy.mechanism == "local_gaussian":
        return local_gaussian_claim(**asked)
    asked["reports"] = _shuffled(experiment)
    if privacy.mechanism == "local_laplace":
        return local_laplace_claim(**asked)
    error = _priv_unit(experiment, parameters).noise_multiplier
    return priv_unit_claim(**asked, noise_multiplier=error)


def mechanism_of(experiment: Experiment, claim: Claim, parameters: int) -> Mechanism:
    """What makes an update of so many numbers private on the phone."""
    privacy = experiment.privacy
    assert privacy.clip is not None
    if privacy.mechanism == "local_gaussian":
        return LocalGaussian(privacy.clip, claim.noise_multiplier, privacy.seed)
    if privacy.mechanism == "local_laplace":
        return LocalLaplace(privacy.clip, claim.noise_multiplier, privacy.seed)
    return _priv_unit(experiment, parameters)


def _priv_unit(experiment: Experiment, parameters: int) -> PrivUnit:
    """The mechanism with the epsilon that one payload may spend."""
    privacy = experiment.privacy
    assert privacy.epsilon is not None
    assert privacy.clip is not None
    assert privacy.max_uploads is not None
    each = each_payload(privacy.epsilon, privacy.delta, privacy.max_uploads, _shuffled(experiment))
    try:
        return calibrated(privacy.clip, each, parameters, privacy.seed)
    except ValueError as error:
        raise ExperimentError(f"[privacy] {error}; lower privacy.epsilon") from error


def _shuffled(experiment: Experiment) -> int | None:
    """Fewest payloads that are shuffled together; None without a shuffler."""
    if not experiment.privacy.shuffled:
        return None
    if experiment.protocol.kind != "rounds":
        raise IncompatibleError(
            "privacy.shuffled = true needs protocol.kind = 'rounds': without rounds no payloads "
            "come together that could hide each other"
        )
    if experiment.codec.name in NAMES_ITS_PHONE:
        raise IncompatibleError(
            f"codec.name = {experiment.codec.name!r} is not allowed with privacy.shuffled = true: "
            "the key in its payloads follows from the phone and would tell whose each is"
        )
    return experiment.protocol.fewest
