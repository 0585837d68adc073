"""What an experiment promises about privacy, who carries it out, and what a run's log shows."""

import pyarrow.compute as pc

from gboard_sim.experiment import Experiment
from gboard_sim.privacy.bounds import Bounds, seen_in
from gboard_sim.privacy.claim import Claim
from gboard_sim.privacy.local_claim import local_gaussian_claim
from gboard_sim.privacy.mechanisms import LocalGaussian, NoMechanism
from gboard_sim.protocols import Mechanism
from gboard_sim.runlog import RunDirectory


def claim_of(experiment: Experiment) -> Claim | None:
    """The privacy claim, None for the mechanism `none`."""
    privacy = experiment.privacy
    if privacy.mechanism == "none":
        return None
    assert privacy.epsilon is not None
    assert privacy.clip is not None
    assert privacy.max_uploads is not None
    return local_gaussian_claim(
        epsilon=privacy.epsilon,
        delta=privacy.delta,
        clip=privacy.clip,
        max_uploads=privacy.max_uploads,
    )


def mechanism_of(experiment: Experiment, claim: Claim | None) -> Mechanism:
    """What makes an update private on the phone."""
    privacy = experiment.privacy
    if claim is None:
        return NoMechanism()
    assert privacy.clip is not None
    return LocalGaussian(privacy.clip, claim.noise_multiplier, privacy.seed)


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
