import zlib

import numpy as np
import pyarrow as pa
import pytest

from gboard_sim.communication.codecs import build, payload
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.codecs.k_level import KLevel
from gboard_sim.communication.codecs.lossless import Zstd

UPDATE = np.random.default_rng(0).laplace(size=20_000).astype(np.float32)


@pytest.mark.parametrize("inner", [Fp32(), KLevel(bits=4), KLevel(bits=4, rotate=True)])
def test_the_stage_changes_nothing_of_what_is_read(inner):
    codec = Zstd(inner)
    assert codec.decode(codec.encode(UPDATE, 3, 5)).tobytes() == (
        inner.transmit(UPDATE, 3, 5)[0].tobytes()
    )


def test_the_size_is_near_the_entropy_of_the_levels():
    """Levels drawn one by one cannot be coded in less; zlib, of another make, is near as well."""
    codec = KLevel(bits=4, block=20_000)
    body = codec.encode(UPDATE, 0, 0)[payload.HEADER_BYTES + 8 :]
    pairs = np.bincount(np.frombuffer(body, np.uint8))
    share = pairs[pairs > 0] / pairs.sum()
    entropy_bytes = -(share * np.log2(share)).sum() * len(body) / 8
    size = len(Zstd(codec).encode(UPDATE, 0, 0))
    assert 0.95 * entropy_bytes < size < 1.25 * entropy_bytes
    assert size < 0.75 * codec.payload_bytes(20_000)
    assert size == pytest.approx(len(zlib.compress(body, 9)), rel=0.15)


def test_noise_that_cannot_be_compressed_costs_headers_only():
    noise = np.random.default_rng(1).integers(1, 2**30, 5000, dtype=np.uint32).view(np.float32)
    size = Zstd(Fp32()).transmit(noise, 0, 0)[1]
    assert Fp32().payload_bytes(5000) * 0.85 < size < Fp32().payload_bytes(5000) + 40


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no zstd",
        pa.Codec("zstd").compress(bytes(9), asbytes=True),
        pa.Codec("zstd").compress(bytes(99), asbytes=True),
    ],
)
def test_a_sender_whose_frame_is_not_the_codecs_payload_is_refused(body):
    with pytest.raises(ValueError, match="payload"):
        Zstd(Fp32()).decode(payload.frame(b"zstd", 3, body))


def test_the_stage_is_a_key_of_its_own():
    assert build("drive", 1, {}) == build("drive", 1, {}, lossless="none")
    made = build("k_level", 1, {"bits": 4}, lossless="zstd")
    assert made == Zstd(KLevel(bits=4, seed=1))
    assert (made.name, made.size) == ("k_level", "measured")
