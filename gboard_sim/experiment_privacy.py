"""`[privacy]`: what makes updates private, and the claim that it has to keep."""

from math import isinf
from typing import Annotated

from pydantic import Field, model_validator

from gboard_sim.experiment_values import Count, Table

NEEDS: dict[str, tuple[str, ...]] = {
    "none": (),
    "local_gaussian": ("epsilon", "clip", "max_uploads"),
}
"""Keys that a mechanism cannot do without."""

TAKES: dict[str, tuple[str, ...]] = {name: ("delta", "seed", *keys) for name, keys in NEEDS.items()}
"""Keys that do something with a mechanism; `delta` and `seed` are let stand without one."""


class Privacy(Table):
    """`[privacy]`: the mechanism and the claim that it has to keep.

    Attributes:
        mechanism: A name from the mechanisms.
        epsilon: The whole run's epsilon for one phone; infinity clips without noise.
        delta: The probability with which the bound may fail.
        clip: L2 norm to which every update is clipped.
        max_uploads: Most payloads that a phone sends in the whole run; enforced.
        seed: Keys the noise and nothing else.
    """

    mechanism: str = "none"
    epsilon: Annotated[float, Field(gt=0.0)] | None = None
    delta: Annotated[float, Field(gt=0.0, le=0.1)] = 1e-6
    clip: Annotated[float | None, Field(ge=1e-12, le=1e12)] = None
    max_uploads: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1

    @model_validator(mode="after")
    def _complete(self) -> "Privacy":
        for key in NEEDS.get(self.mechanism, ()):
            if getattr(self, key) is None:
                raise ValueError(f"mechanism(={self.mechanism!r}) needs {key}")
        for key in sorted(self.model_fields_set - {"mechanism", *TAKES.get(self.mechanism, ())}):
            value = getattr(self, key)
            if self.mechanism in TAKES and value != Privacy.model_fields[key].default:
                without = "without a mechanism"
                with_it = f"with mechanism(={self.mechanism!r})"
                raise ValueError(
                    f"{key}(={value}) does nothing "
                    f"{without if self.mechanism == 'none' else with_it}"
                )
        if self.epsilon is not None and not (1e-3 <= self.epsilon <= 1e6 or isinf(self.epsilon)):
            raise ValueError(
                f"epsilon(={self.epsilon}) must be between 0.001 and 1e6, where calibration and "
                "accounting agree, or inf; hint: inf clips and adds no noise"
            )
        return self
