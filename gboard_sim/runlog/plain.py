"""Figures as JSON can say them."""

import math
from collections.abc import Mapping
from typing import Any


def plain(value: Any) -> Any:
    """JSON has no NaN and no infinity: NaN becomes null, infinity the string `infinity`."""
    if isinstance(value, Mapping):
        return {key: plain(inner) for key, inner in value.items()}
    if isinstance(value, float) and math.isnan(value):
        return None
    if isinstance(value, float) and math.isinf(value):
        return "infinity"
    return value
