"""What every codec in the catalogue keeps."""

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs import CODECS, payload

NAMES = sorted(CODECS)
UPDATES = hnp.arrays(
    np.float32,
    st.integers(0, 40),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@pytest.mark.parametrize("name", NAMES)
def test_every_codec_goes_by_its_name_and_travels_to_a_worker(name):
    codec = CODECS[name]()
    assert codec.name == name
    assert codec.size in {"fixed", "measured"}
    assert pickle.loads(pickle.dumps(codec)) == codec


@pytest.mark.parametrize("name", NAMES)
@given(update=UPDATES)
def test_a_fixed_codec_has_the_size_it_declares_and_returns_as_many_numbers(name, update):
    codec = CODECS[name]()
    encoded = codec.encode(update)
    decoded = codec.decode(encoded)
    assert len(encoded) == codec.payload_bytes(len(update))
    assert decoded.dtype == np.float32
    assert decoded.shape == update.shape
    assert decoded.flags.writeable


@pytest.mark.parametrize("name", NAMES)
@given(update=UPDATES)
def test_what_was_decoded_once_is_encoded_without_loss(name, update):
    codec = CODECS[name]()
    once = codec.decode(codec.encode(update))
    assert codec.decode(codec.encode(once)).tobytes() == once.tobytes()


@pytest.mark.parametrize("name", NAMES)
@given(update=UPDATES)
def test_what_is_transmitted_is_what_encoding_and_decoding_give(name, update):
    codec = CODECS[name]()
    received, size = codec.transmit(update)
    encoded = codec.encode(update)
    assert received.tobytes() == codec.decode(encoded).tobytes()
    assert received.dtype == np.float32
    assert size == len(encoded)


@pytest.mark.parametrize("name", NAMES)
@given(update=UPDATES, data=st.data())
def test_any_flipped_bit_is_caught(name, update, data):
    codec = CODECS[name]()
    damaged = bytearray(codec.encode(update))
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="payload"):
        codec.decode(bytes(damaged))


@pytest.mark.parametrize("name", NAMES)
@given(update=UPDATES, data=st.data())
def test_any_truncated_or_prolonged_payload_is_caught(name, update, data):
    codec = CODECS[name]()
    encoded = codec.encode(update)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(ValueError, match="payload"):
        codec.decode(encoded[:cut])
    with pytest.raises(ValueError, match="payload"):
        codec.decode(encoded + data.draw(st.binary(min_size=1, max_size=8)))


@pytest.mark.parametrize("name", NAMES)
@given(noise=st.binary(max_size=80))
def test_bytes_that_nobody_encoded_are_caught(name, noise):
    with pytest.raises(ValueError, match="payload"):
        CODECS[name]().decode(noise)


@pytest.mark.parametrize("sender", NAMES)
@pytest.mark.parametrize("receiver", NAMES)
def test_a_codec_reads_only_its_own_payloads(sender, receiver):
    encoded = CODECS[sender]().encode(np.zeros(0, np.float32))
    if sender == receiver:
        assert len(CODECS[receiver]().decode(encoded)) == 0
    else:
        with pytest.raises(ValueError, match="payload is of codec"):
            CODECS[receiver]().decode(encoded)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(name, bad):
    with pytest.raises(ValueError, match="NaN or infinity"):
        CODECS[name]().encode(np.array([1.0, bad], np.float32))


@pytest.mark.parametrize(("name", "kind"), [("fp32", "<f4"), ("fp16", "<f2")])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sender_that_frames_numbers_that_are_not_finite_is_refused(name, kind, bad):
    body = np.array([1.0, bad], kind).tobytes()
    with pytest.raises(ValueError, match="NaN or infinity"):
        CODECS[name]().decode(payload.frame(name.encode(), 2, body))


@pytest.mark.parametrize("name", NAMES)
def test_a_sender_that_lies_about_the_count_is_refused(name):
    with pytest.raises(ValueError, match="payload holds 12 bytes for 7 numbers"):
        CODECS[name]().decode(payload.frame(name.encode(), 7, bytes(12)))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "update", [np.zeros(3), np.zeros((2, 2), np.float32), np.zeros(2, np.int32)]
)
def test_an_update_that_is_not_flat_float32_is_refused(name, update):
    with pytest.raises(ValueError, match=r"update is .*; must be float32"):
        CODECS[name]().encode(update)
