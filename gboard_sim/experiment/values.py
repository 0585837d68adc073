"""The values that an experiment's keys may have, and the kind of table that holds them."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1, le=10**9)]  # more is a slip, and leaves 32-bit numbers
Size = Annotated[int, Field(ge=1, le=8192)]  # more is no model of a phone, nor of two cores
Counts = Annotated[tuple[Count, ...], Field(min_length=1)]


class Table(BaseModel):
    """One table of the experiment file: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
