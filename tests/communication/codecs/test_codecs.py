"""What every codec in the catalogue keeps."""

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from gboard_sim.communication.codecs import CODECS, build, options, payload

NAMES = sorted(CODECS)
MADE = {name: kind() for name, kind in CODECS.items()} | {
    f"{name} {given}": build(name, 7, given)
    for name, given in [
        ("k_level", {"bits": 4, "block": 3}),
        ("k_level", {"bits": 2, "rotate": True}),
        ("k_level", {"bits": 1, "rotate": True, "block": 5}),
        ("drive", {"scale": "least_error"}),
        ("drive", {"share": 0.3, "block": 64}),
        ("one_bit", {"block": 4}),
        ("top_k", {"share": 0.5}),
        ("random_mask", {"share": 1.0}),
        ("modular", {"bits": 1}),
        ("modular", {"bits": 24}),
    ]
}
MADE |= {
    f"{name} zstd": build(name, 7, {}, lossless="zstd") for name in ("fp32", "k_level", "top_k")
}
KEYED = ["k_level", "drive", "random_mask"]
FEW = settings(max_examples=40)  # of every codec with every option
UPDATES = hnp.arrays(
    np.float32,
    st.integers(0, 40),
    elements=st.floats(width=32, allow_nan=False, allow_infinity=False),
)


@pytest.mark.parametrize("name", MADE)
def test_every_codec_goes_by_its_name_and_travels_to_a_worker(name):
    codec = MADE[name]
    assert codec.name == name.split()[0]
    assert codec.size in {"fixed", "measured"}
    assert pickle.loads(pickle.dumps(codec)) == codec


@pytest.mark.parametrize("name", MADE)
@FEW
@given(update=UPDATES)
def test_a_fixed_codec_has_the_size_it_declares_and_returns_as_many_numbers(name, update):
    codec = MADE[name]
    encoded = codec.encode(update, 3, 5)
    decoded = codec.decode(encoded)
    assert len(encoded) == codec.payload_bytes(len(update)) or codec.size == "measured"
    assert decoded.dtype == np.float32
    assert decoded.shape == update.shape
    assert decoded.flags.writeable


@pytest.mark.parametrize("name", ["fp32", "fp16", "one_bit", "top_k"])
@given(update=UPDATES)
def test_what_was_decoded_once_is_encoded_without_loss(name, update):
    codec = MADE[name]
    once = codec.decode(codec.encode(update, 3, 5))
    assert codec.decode(codec.encode(once, 3, 5)).tobytes() == once.tobytes()


@pytest.mark.parametrize("name", MADE)
@FEW
@given(update=UPDATES)
def test_what_is_transmitted_is_what_encoding_and_decoding_give(name, update):
    codec = MADE[name]
    received, size = codec.transmit(update, 3, 5)
    encoded = codec.encode(update, 3, 5)
    assert received.tobytes() == codec.decode(encoded).tobytes()
    assert received.dtype == np.float32
    assert size == len(encoded)


@pytest.mark.parametrize("name", MADE)
@FEW
@given(update=UPDATES, data=st.data())
def test_any_flipped_bit_is_caught(name, update, data):
    codec = MADE[name]
    damaged = bytearray(codec.encode(update, 3, 5))
    bit = data.draw(st.integers(0, 8 * len(damaged) - 1))
    damaged[bit // 8] ^= 1 << bit % 8
    with pytest.raises(ValueError, match="payload"):
        codec.decode(bytes(damaged))


@pytest.mark.parametrize("name", MADE)
@FEW
@given(update=UPDATES, data=st.data())
def test_any_truncated_or_prolonged_payload_is_caught(name, update, data):
    codec = MADE[name]
    encoded = codec.encode(update, 3, 5)
    cut = data.draw(st.integers(0, len(encoded) - 1))
    with pytest.raises(ValueError, match="payload"):
        codec.decode(encoded[:cut])
    with pytest.raises(ValueError, match="payload"):
        codec.decode(encoded + data.draw(st.binary(min_size=1, max_size=8)))


@pytest.mark.parametrize("name", MADE)
@FEW
@given(noise=st.binary(max_size=80))
def test_bytes_that_nobody_encoded_are_caught(name, noise):
    with pytest.raises(ValueError, match="payload"):
        MADE[name].decode(noise)


@pytest.mark.parametrize("sender", NAMES)
@pytest.mark.parametrize("receiver", NAMES)
def test_a_codec_reads_only_its_own_payloads(sender, receiver):
    encoded = CODECS[sender]().encode(np.zeros(0, np.float32), 0, 0)
    if sender == receiver:
        assert len(CODECS[receiver]().decode(encoded)) == 0
    else:
        with pytest.raises(ValueError, match="payload is of codec"):
            CODECS[receiver]().decode(encoded)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_not_finite_are_refused(name, bad):
    with pytest.raises(ValueError, match="NaN or infinity"):
        MADE[name].encode(np.array([1.0, bad], np.float32), 0, 0)


@pytest.mark.parametrize(("name", "kind"), [("fp32", "<f4"), ("fp16", "<f2")])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_sender_that_frames_numbers_that_are_not_finite_is_refused(name, kind, bad):
    body = np.array([1.0, bad], kind).tobytes()
    with pytest.raises(ValueError, match="NaN or infinity"):
        MADE[name].decode(payload.frame(name.encode(), 2, body))


@pytest.mark.parametrize("name", [name for name in MADE if MADE[name].size == "fixed"])
def test_a_sender_that_lies_about_the_count_is_refused(name):
    letters = MADE[name].encode(np.zeros(0, np.float32), 0, 0)[4:8]
    with pytest.raises(ValueError, match="payload holds 3 bytes for 7 numbers"):
        MADE[name].decode(payload.frame(letters, 7, bytes(3)))


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize(
    "update", [np.zeros(3), np.zeros((2, 2), np.float32), np.zeros(2, np.int32)]
)
def test_an_update_that_is_not_flat_float32_is_refused(name, update):
    with pytest.raises(ValueError, match=r"update is .*; must be float32"):
        MADE[name].encode(update, 0, 0)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("length", [1, 2, 100, 4097, 65_537])
@pytest.mark.parametrize("number", [0.0, -0.25, 3.0e38, 1e-45])
def test_an_update_of_one_number_over_and_over_is_read_as_finite_numbers(name, length, number):
    update = np.full(length, number, np.float32)
    codec = MADE[name]
    received = codec.decode(codec.encode(update, 1, 0))
    assert np.isfinite(received).all()
    if number == 0.0:
        assert not received.any()
    if number == -0.25 and name in {"fp32", "fp16", "k_level", "one_bit"}:
        assert received.tolist() == update.tolist()


@pytest.mark.parametrize("name", KEYED)
def test_what_is_drawn_depends_on_the_seed_the_phone_and_its_count_alone(name):
    update = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    keys = [(1, 3, 5), (2, 3, 5), (1, 4, 5), (1, 3, 6), (1, 5, 3)]
    sent = [build(name, seed, {}).encode(update, phone, nth) for seed, phone, nth in keys]
    assert len(set(sent)) == len(sent)
    assert build(name, 1, {}).encode(update, 3, 5) == sent[0]


@pytest.mark.parametrize("name", ["drive", "random_mask", "k_level {'bits': 2, 'rotate': True}"])
def test_a_receiver_needs_nothing_but_the_payload(name):
    update = np.random.default_rng(0).standard_normal(64).astype(np.float32)
    sender = MADE[name]
    received = replace(sender, seed=99).decode(sender.encode(update, 3, 5))
    assert received.tobytes() == sender.transmit(update, 3, 5)[0].tobytes()


@pytest.mark.parametrize(
    ("name", "given", "body"),
    [
        ("k_level", {"bits": 8}, 345 * 8 + 1_412_250),
        ("k_level", {"bits": 4}, 345 * 8 + 706_125),
        ("k_level", {"bits": 2, "rotate": True}, 8 + 345 * 8 + 353_063),
        ("drive", {}, 8 + 1380 * 4 + 176_532),
        ("drive", {"block": 65536}, 8 + 22 * 4 + 176_532),
        ("drive", {"share": 0.25}, 8 + 173 + 346 * 4 + 44_180),  # 345 blocks and 154 numbers
        ("drive", {"share": 0.5, "block": 256}, 8 + 690 + 2759 * 4 + 88_276),
        ("one_bit", {}, 345 * 4 + 176_532),
        ("top_k", {"share": 0.01}, 14_122 * 4 + 37_071),  # 14,122 places of 21 bits
        ("random_mask", {"share": 0.1}, 8 + 141_225 * 4),
        ("modular", {"bits": 18}, 3_177_563),
    ],
)
def test_the_size_of_an_update_of_gboards_model_by_hand(name, given, body):
    assert build(name, 0, given).payload_bytes(1_412_250) == 16 + body


@pytest.mark.parametrize(
    ("name", "given", "message"),
    [
        ("fp32", {"bits": 4}, r"codec 'fp32' has no option 'bits'\(=4\); it has no options"),
        ("drive", {"bits": 2}, r"no option 'bits'\(=2\); it has scale, share, block"),
        ("drive", {"block": 3}, r"block\(=3\) must be a power of two from 64 to 65536"),
        ("drive", {"share": 0.0}, r"share\(=0.0\) must be above 0 and at most 1"),
        ("k_level", {"seed": 3}, r"no option 'seed'\(=3\); it has bits, rotate, block"),
        ("k_level", {"bits": 3}, r"bits\(=3\) must be 1, 2, 4 or 8"),
        ("k_level", {"block": 0}, r"block\(=0\) must be at least 1 number"),
        ("one_bit", {"block": 0}, r"block\(=0\) must be at least 1 number"),
        ("drive", {"scale": "big"}, r"scale\(='big'\) must be one of unbiased, least_error"),
        ("top_k", {"share": 0.0}, r"share\(=0.0\) must be above 0 and at most 1"),
        ("random_mask", {"share": 1e-5}, r"share\(=1e-05\) must be between 0.0001 and 1"),
        ("modular", {"bits": 25}, r"bits\(=25\) must be between 1 and 24"),
        ("gzip", {}, r"codec name\(='gzip'\) must be one of fp32, fp16, k_level"),
    ],
)
def test_what_a_codec_has_no_use_for_is_refused(name, given, message):
    with pytest.raises(ValueError, match=message):
        build(name, 1, given)


def test_options_are_all_that_a_codec_can_be_given():
    assert options("k_level") == ("bits", "rotate", "block")
    assert options("fp16") == ()
    assert build("k_level", 5, {"bits": 2}).seed == 5
