"""`[privacy]`: what makes updates private, and the claim that it has to keep."""

from math import isinf
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gboard_sim.experiment.mechanisms import TABLE
from gboard_sim.experiment.values import Count, Positive, Share, Table

Clip = Annotated[float, Field(ge=1e-12, le=1e12)]


class AdaptiveClip(Table):
    """`[privacy.adaptive_clip]`: the clip follows a quantile of the updates' norms.

    Defaults are those of Andrew et al. (NeurIPS 2021), section 3.1.

    Attributes:
        quantile: Share of the updates that the clip should leave as they are.
        learning_rate: How fast it follows.
        bit_noise: Standard deviation of the noise on the sum of the bits that phones send beside
            their updates; None is a twentieth of the denominator.
        versions: Versions after which it stays as it is; None follows to the end. Correlated noise
            needs it: until then its noise is independent.
    """

    quantile: Share = 0.5
    learning_rate: Positive = 0.2
    bit_noise: Positive | None = None
    versions: Count | None = None


class Privacy(Table):
    """`[privacy]`: the mechanism and the claim that it has to keep.

    Attributes:
        mechanism: A name from the mechanisms.
        epsilon: The whole run's epsilon for one phone; infinity clips without noise. Beside a
            `noise_multiplier` it is a budget: the run stops when it is spent.
        noise_multiplier: Standard deviation of a server's noise over the clip; None takes the least
            for `epsilon`.
        delta: The probability with which the bound may fail; 0 only for pure mechanisms
            (`local_laplace`, `priv_unit`).
        clip: L2 norm to which every update is clipped, the first one where it adapts; with
            `local_laplace` the L1 norm.
        max_uploads: Most payloads that a phone sends in the whole run; enforced.
        shuffled: Whether a trusted shuffler mixes a round's payloads before the server sees them
            (pure mechanisms).
        colluders: Phones of a round that may tell the server their shares of the noise
            (distributed mechanisms).
        secure_aggregation: What hides single updates from the server (distributed mechanisms):
            `priced`, a party that is trusted with them, at what its protocol costs; or `masked`,
            that protocol carried out with every key, mask and share, for small selections: the
            bits of the model are the same.
        denominator: What a server divides its sums by; None is `protocol.goal`.
        noise_cohort: Uploads in the cohorts of a larger fleet whose noise is simulated: the noise
            of a mean is that of as many. This fleet then has no epsilon.
        adaptive_clip: How the clip follows the updates' norms; None keeps it.
        restart_every: Versions after which correlated noise begins anew; None is never.
        bands: Versions whose noise hangs together (`banded`); None is
            `protocol.separation_versions`, the most that are allowed.
        column_norm_squared: Squared norm of the matrix's columns, in whose units `noise_multiplier`
            counts (`banded`).
        buffers: Vectors of the model's size through which noise hangs together (`blt`).
        accountant: What composes versions for which coins draw the phones (`protocol.kind =
            "poisson"`): `pld`, or `rdp`, which reads higher and stands in older papers.
        seed: Keys the noise and nothing else.
    """

    mechanism: str = "none"
    epsilon: Annotated[float, Field(gt=0.0)] | None = None
    noise_multiplier: Annotated[float, Field(ge=0.0, le=1e6)] | None = None
    delta: Annotated[float, Field(ge=0.0, le=0.1)] = 1e-6
    clip: Clip | None = None
    max_uploads: Count | None = None
    shuffled: bool = False
    colluders: Annotated[int, Field(ge=0, le=10**9)] = 0
    secure_aggregation: Literal["priced", "masked"] = "priced"
    denominator: Positive | None = None
    noise_cohort: Count | None = None
    adaptive_clip: AdaptiveClip | None = None
    restart_every: Count | None = None
    bands: Count | None = None
    column_norm_squared: Positive = 1.0
    buffers: Annotated[int, Field(ge=2, le=5)] = 3
    accountant: Literal["pld", "rdp"] = "pld"
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1

    @model_validator(mode="after")
    def _complete(self) -> "Privacy":
        if (entry := TABLE.get(self.mechanism)) is None:
            return self  # refused where the catalogues are known
        for key in entry.needs:
            if getattr(self, key) is None:
                raise ValueError(f"mechanism(={self.mechanism!r}) needs {key}")
        if entry.place == "server" and self.epsilon is None and self.noise_multiplier is None:
            raise ValueError(f"mechanism(={self.mechanism!r}) needs epsilon or noise_multiplier")
        for key in sorted(self.model_fields_set - {"mechanism", *entry.takes}):
            value = getattr(self, key)
            if value != Privacy.model_fields[key].default:
                without = "without a mechanism"
                with_it = f"with mechanism(={self.mechanism!r})"
                raise ValueError(
                    f"{key}(={value}) does nothing "
                    f"{without if self.mechanism == 'none' else with_it}"
                )
        if self.delta == 0.0 and not entry.pure:
            raise ValueError(
                f"delta(={self.delta}) must be above 0 with mechanism(={self.mechanism!r}); hint: "
                f"{', '.join(name for name in TABLE if TABLE[name].pure)} needs none"
            )
        follows = self.adaptive_clip is not None and self.adaptive_clip.versions is None
        if follows and entry.correlated:
            raise ValueError(
                f"mechanism(={self.mechanism!r}) needs adaptive_clip.versions: correlated noise is "
                "scaled to one clip, which is estimated first and then stays"
            )
        if self.epsilon is not None and not (1e-3 <= self.epsilon <= 1e6 or isinf(self.epsilon)):
            raise ValueError(
                f"epsilon(={self.epsilon}) must be between 0.001 and 1e6, where calibration and "
                "accounting agree, or inf; hint: inf clips and adds no noise"
            )
        return self

    def with_epsilon(self, epsilon: float) -> "Privacy":
        """The same mechanism with just enough noise for an epsilon."""
        changed: dict[str, Any] = {**self.model_dump(), "epsilon": epsilon}
        return Privacy.model_validate(changed | {"noise_multiplier": None})
