"""The catalogue of codecs: how an update becomes bytes, and back."""

from gboard_sim.communication.codecs.fp16 import Fp16
from gboard_sim.communication.codecs.fp32 import Fp32

AnyCodec = Fp32 | Fp16

CODECS: dict[str, type[AnyCodec]] = {kind.name: kind for kind in (Fp32, Fp16)}
"""Every codec by its name in experiment files."""
