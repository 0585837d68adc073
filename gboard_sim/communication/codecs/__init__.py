"""The catalogue of codecs: how an update becomes bytes, and back."""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, Literal

from gboard_sim.communication.codecs.beside import Beside as Beside
from gboard_sim.communication.codecs.drive import Drive
from gboard_sim.communication.codecs.fp16 import Fp16
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.codecs.k_level import KLevel
from gboard_sim.communication.codecs.lossless import Zstd
from gboard_sim.communication.codecs.modular import Modular as Modular
from gboard_sim.communication.codecs.one_bit import OneBit
from gboard_sim.communication.codecs.random_mask import RandomMask
from gboard_sim.communication.codecs.top_k import TopK
from gboard_sim.seam.protocols import Codec

AnyCodec = Fp32 | Fp16 | KLevel | Drive | OneBit | TopK | RandomMask | Modular

CODECS: dict[str, type[AnyCodec]] = {
    kind.name: kind for kind in (Fp32, Fp16, KLevel, Drive, OneBit, TopK, RandomMask, Modular)
}
"""Every codec by its name in experiment files."""


def options(name: str) -> tuple[str, ...]:
    """The keys of `[codec]` that the codec `name` understands, beside `name`."""
    return tuple(field.name for field in fields(CODECS[name]) if field.name != "seed")


def is_biased(codec: Codec) -> bool:
    """Whether what a codec leaves out is missing in the mean too, so that a residual helps."""
    least = isinstance(codec, Drive) and codec.scale == "least_error"
    return least or isinstance(codec, OneBit | TopK)


def build(
    name: str, seed: int, given: Mapping[str, Any], *, lossless: Literal["none", "zstd"] = "none"
) -> AnyCodec | Zstd:
    """The codec that an experiment file asks for.

    Args:
        name: A key of `CODECS`.
        seed: The experiment's seed, for codecs that draw at random.
        given: The codec's own options by name, such as `{"bits": 4}`; the rest take defaults.
        lossless: What its payloads are compressed by.

    Raises:
        ValueError: There is no such codec, it has no such option, or a value is out of range.
    """
    if name not in CODECS:
        raise ValueError(f"codec name(={name!r}) must be one of {', '.join(CODECS)}")
    known = options(name)
    for key, value in given.items():
        if key not in known:
            allowed = f"it has {', '.join(known)}" if known else "it has no options"
            raise ValueError(f"codec {name!r} has no option {key!r}(={value!r}); {allowed}")
    random = any(field.name == "seed" for field in fields(CODECS[name]))
    own: dict[str, Any] = {**given, "seed": seed} if random else dict(given)
    made = CODECS[name](**own)
    return made if lossless == "none" else Zstd(made)
