"""`gboard-sim bench mechanisms`: what a round costs with a privacy mechanism, over one without.

Both rounds train the same phones on the same text, one right after the other in one process, and
what is compared is processor time, phones and server together: a busy machine takes time away from
both, and less from their ratio.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import process_time

from gboard_sim.bench.rounds import open_learner, open_workshop
from gboard_sim.bench.work import Work, dense
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.codecs.modular import Modular
from gboard_sim.learning.closing import Averaging
from gboard_sim.learning.hidden_payloads import HiddenPayloads
from gboard_sim.learning.pool import InlinePool
from gboard_sim.learning.server_optimizers.fed_avg import fed_avg
from gboard_sim.privacy import priv_unit_calibration
from gboard_sim.privacy.blt_parameters import best_blt
from gboard_sim.privacy.bounds import Bounds
from gboard_sim.privacy.distributed_calibration import Aggregate, calibrated
from gboard_sim.privacy.mechanisms import LocalGaussian, LocalLaplace
from gboard_sim.privacy.mechanisms.adaptive_clip import AdaptiveClip
from gboard_sim.privacy.mechanisms.banded import Banded
from gboard_sim.privacy.mechanisms.distributed import (
    Distributed,
    DistributedDiscreteGaussian,
    DistributedSkellam,
)
from gboard_sim.privacy.mechanisms.independent import Independent
from gboard_sim.privacy.mechanisms.none import NoMechanism
from gboard_sim.privacy.mechanisms.server_sums import ServerSums
from gboard_sim.privacy.mechanisms.sum_noise import SumNoise
from gboard_sim.privacy.mechanisms.tree import Tree
from gboard_sim.privacy.secure_aggregation.masking import PairwiseMasks
from gboard_sim.seam.privacy_protocols import Masking, Mechanism, ServerMechanism
from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Cohort

SEED = 1
CLIP = 1.0  # this and what follows is assumed: how long noise takes hangs little on how much it is
EPSILON = 8.0
"""Of a phone's whole run, with `UPLOADS` of it."""

UPLOADS = 4
VERSIONS = 100
SEPARATION = 20
"""In versions; the bands, too."""

BITS = 16
"""Of the ring; the codec's default."""

NOISE_MULTIPLIER = 4.0
STEP = 0.0
"""The server's learning rate: with noise on so few uploads a model that moved would diverge, and so
every round trains from the same one."""

WARM_UP = 1
"""Rounds that are not counted."""


@dataclass(frozen=True, slots=True)
class Row:
    """One mechanism; a ratio is one of processor times, the mechanism's round over the plain one.

    Attributes:
        mechanism: Its name, with what matters of its options.
        model: The model's name.
        phones: In a round.
        steps: SGD steps of each phone, of eight messages of full length.
        rounds: Pairs of rounds that count.
        plain_s: Processor seconds of a round without a mechanism, median.
        ratio: Median over the pairs.
        least: The smallest ratio.
        most: The largest one.
    """

    mechanism: str
    model: str
    phones: int
    steps: int
    rounds: int
    plain_s: float
    ratio: float
    least: float
    most: float


NOTHING, WHOLE = NoMechanism(), Fp32()


@dataclass(frozen=True, slots=True)
class Private:
    """How uploads are made private, and summed.

    Attributes:
        name: What it is called here.
        on_phone: What runs on the phone alone.
        at_server: What sums are made private by.
        codec: How updates travel.
        masking: What hides payloads.
    """

    name: str
    on_phone: Mechanism = NOTHING
    at_server: ServerMechanism | None = None
    codec: Codec = WHOLE
    masking: Masking | None = None


PLAIN = Private("none")


def rows(*, repeats: int, quick: bool, tell: Callable[[str], None]) -> list[Row]:
    """Time every mechanism on two models.

    Args:
        repeats: Pairs of rounds that count.
        quick: The small model alone, and fewer phones.
        tell: Told what is under way.
    """
    count = repeats + WARM_UP
    works = [dense(rounds=count, phones=5 if quick else 20, model="tiny")]
    if not quick:
        works.append(dense(rounds=count, phones=5))
    found = []
    for work in works:
        for private in mechanisms(work.parameters, work.cohorts.shape[1]):
            tell(f"{work.spec.name}, {private.name}")
            found.append(_row(work, private))
    return found


def mechanisms(parameters: int, phones: int) -> Iterator[Private]:
    """Every mechanism, for updates of so many numbers and so many phones in a round."""
    yield Private("local_gaussian", LocalGaussian(CLIP, NOISE_MULTIPLIER, SEED))
    yield Private("local_laplace", LocalLaplace(CLIP, NOISE_MULTIPLIER, SEED))
    each = EPSILON / UPLOADS
    yield Private("priv_unit", priv_unit_calibration.calibrated(CLIP, each, parameters, SEED))
    bounds = Bounds(separation=SEPARATION, versions=VERSIONS)
    noises: tuple[SumNoise, ...] = (
        Independent(),
        Tree(),
        Banded(SEPARATION, VERSIONS),
        best_blt(bounds, 3),
    )
    for noise in noises:
        yield Private(noise.name, at_server=_at_server(noise, phones))
    follows = AdaptiveClip(0.5, 0.2, bit_noise=NOISE_MULTIPLIER)
    noisy = replace(_at_server(Independent(), phones), adaptive=follows)
    yield Private("central_gaussian, adaptive clip", at_server=noisy)
    for kind in (DistributedSkellam, DistributedDiscreteGaussian):
        shares = _shares(kind, parameters, phones)
        yield Private(kind.name, at_server=shares, codec=Modular(BITS))
        masks = PairwiseMasks(phones, BITS, SEED)
        yield Private(f"{kind.name}, masked", NOTHING, shares, Modular(BITS), masks)


def _at_server(noise: SumNoise, phones: int) -> ServerSums:
    return ServerSums(noise, NOISE_MULTIPLIER, CLIP, float(phones), SEED, lengthens=1e-6)


def _shares(kind: type[Distributed], parameters: int, phones: int) -> Distributed:
    about = Aggregate(
        size=parameters, most=phones, honest=phones, sums=UPLOADS, delta=1e-6, bits=BITS
    )
    made = calibrated(kind, EPSILON, CLIP, about)
    return kind(
        clip=CLIP,
        noise_multiplier=made.noise_multiplier,
        seed=SEED,
        bits=BITS,
        scale=made.scale,
        share_variance=made.share_variance,
    )


def _row(work: Work, private: Private) -> Row:
    """Pairs of rounds, the mechanism's first in every second pair."""
    with _rounds(work, PLAIN) as plain, _rounds(work, private) as other:
        pairs = []
        for number in range(work.rounds):
            if number % 2:
                first, second = other(number), plain(number)
                pairs.append((second, first))
            else:
                pairs.append((plain(number), other(number)))
    counted = pairs[WARM_UP:]
    ratios = [other_s / plain_s for plain_s, other_s in counted]
    return Row(
        mechanism=private.name,
        model=work.spec.name,
        phones=work.cohorts.shape[1],
        steps=len(list(work.batches(0, 0))),
        rounds=len(counted),
        plain_s=median(plain_s for plain_s, _ in counted),
        ratio=median(ratios),
        least=min(ratios),
        most=max(ratios),
    )


@contextmanager
def _rounds(work: Work, private: Private) -> Iterator[Callable[[int], float]]:
    """What carries out a round, and gives back its processor seconds."""
    with tempfile.TemporaryDirectory(prefix="gboard-sim-bench-") as scratch:
        folder = Path(scratch)
        workshop = replace(
            open_workshop(work, folder), mechanism=private.on_phone, codec=private.codec
        )

        def close(cohort: Cohort) -> Averaging:
            hidden = None
            if private.masking is not None:
                numbers = work.parameters
                hidden = HiddenPayloads(cohort, private.masking, private.codec, numbers)
            at_server = private.at_server
            return Averaging(cohort, fed_avg(), STEP, mechanism=at_server, hidden=hidden)

        noise = {} if private.at_server is None else private.at_server.start()
        learner = open_learner(work, workshop, InlinePool(workshop), folder, close, noise)

        def carry_out(number: int) -> float:
            cohort = _priced(work.cohort(number), private.codec.payload_bytes(work.parameters))
            before = process_time()
            learner.step(cohort)
            learner.outcome(cohort.makes_version)
            return process_time() - before

        yield carry_out


def _priced(cohort: Cohort, payload_bytes: int) -> Cohort:
    """The cohort with payloads of a size, which weigh the same."""
    uploads = tuple(replace(upload, payload_bytes=payload_bytes) for upload in cohort.uploads)
    ones = (1.0,) * len(uploads)
    return replace(cohort, uploads=uploads, weights=ones, selected=len(uploads))
