import numpy as np
import pytest

from gboard_sim.communication.codecs import Beside
from gboard_sim.communication.codecs.drive import Drive
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.communication.codecs.lossless import Zstd
from gboard_sim.communication.codecs.modular import Modular

UPDATE = np.random.default_rng(0).normal(size=300).astype(np.float32)


@pytest.mark.parametrize("inner", [Fp32(), Drive(), Zstd(Fp32()), Modular(24)])
def test_bytes_beside_a_payload_cost_what_they_are_and_change_nothing(inner):
    codec = Beside(inner, 3)
    assert codec.answer_bytes == 0
    assert (codec.name, codec.size) == (inner.name, inner.size)
    assert codec.payload_bytes(300) == inner.payload_bytes(300) + 3
    received, size = codec.transmit(UPDATE, 4, 5)
    plain, inner_size = inner.transmit(UPDATE, 4, 5)
    assert received.tobytes() == plain.tobytes()
    assert size == inner_size + 3
    encoded = codec.encode(UPDATE, 4, 5)
    assert encoded == inner.encode(UPDATE, 4, 5)
    assert codec.decode(encoded).tobytes() == plain.tobytes()
