"""Rows of typed words alone: which they are, their bytes, and what the server sums."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.communication.codecs import build
from gboard_sim.learning.jobs import MeasureAttempt, TrainChunks
from gboard_sim.learning.local_training import train
from gboard_sim.learning.model.spec import WORD_ROWS, layout, load_spec
from gboard_sim.learning.model.trained_parts import TrainedParts
from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.residuals import Carry
from gboard_sim.learning.text.batches import TokenStore
from gboard_sim.learning.text.packing import BOS
from gboard_sim.learning.typed_rows import TypedRows, TypedSizes, bitmap_bytes, typed_words
from gboard_sim.seam.records import LocalWork, Stint, Upload
from gboard_sim.seam.uploads import StintRows

SPEC = replace(load_spec("tiny"), embedding=3, projection=3, units=4)
CODECS = {
    "fp32": build("fp32", 1, {}),
    "k_level": build("k_level", 1, {"bits": 4}),
    "zstd": build("fp32", 1, {}, lossless="zstd"),
}
MESSAGES = [[5, 6], [7], [], [5, 9, 9], [3]]
STORE = TokenStore(
    np.array([word for each in MESSAGES for word in each], np.int32),
    np.cumsum([0, *map(len, MESSAGES)]),
)
WORK = LocalWork(epochs=1, steps=None, batch_size=4, learning_rate=0.5)


@given(
    st.lists(
        st.tuples(st.integers(0, 5), st.integers(0, 5)).map(lambda pair: tuple(sorted(pair))),
        max_size=3,
    )
)
def test_typed_words_are_those_in_the_messages_of_any_stint(ranges):
    expected = {BOS} | {word for a, b in ranges for message in MESSAGES[a:b] for word in message}
    assert typed_words(STORE, ranges).tolist() == sorted(expected)


@pytest.mark.parametrize("name", CODECS)
@settings(max_examples=30)
@given(
    vocabulary=st.integers(6, 20),
    flags=st.lists(st.booleans(), min_size=20, max_size=20),
    seed=st.integers(0, 99),
)
def test_bytes_say_all_that_the_server_reads(name, vocabulary, flags, seed):
    wire = Wire(SPEC, vocabulary, TrainedParts("typed"))
    words = np.flatnonzero(flags[:vocabulary])
    sender = TypedRows(CODECS[name], wire, words)
    update = np.random.default_rng(seed).standard_normal(wire.parameters).astype(np.float32)
    encoded = sender.encode(update, 3, 4)
    received, size = sender.transmit(update, 3, 4)
    assert len(encoded) == size
    if sender.size == "fixed":
        assert size == sender.payload_bytes(wire.parameters)
        inner = CODECS[name].payload_bytes(wire.numbers(len(words)))
        assert size == -(-vocabulary // 8) + 4 + inner
    # Who does not know the words learns them from the bytes.
    stranger = TypedRows(CODECS[name], wire, np.zeros(0, np.int32))
    assert stranger.decode(encoded).tobytes() == received.tobytes()
    rows = received[: vocabulary * 3].reshape(vocabulary, 3)
    assert not np.delete(rows, words, axis=0).any()
    if name != "k_level":
        assert wire.pick(received, words).tobytes() == wire.pick(update, words).tobytes()


@pytest.mark.parametrize("at", [0, 2, 5, 30, -1])
def test_a_damaged_payload_is_refused(at):
    wire = Wire(SPEC, 9, TrainedParts("typed"))
    sender = TypedRows(CODECS["fp32"], wire, np.array([1, 3]))
    payload = bytearray(sender.encode(np.ones(wire.parameters, np.float32), 0, 0))
    with pytest.raises(ValueError, match="cut short"):
        sender.decode(bytes(payload[:3]))
    payload[at] ^= 8
    with pytest.raises(ValueError, match=r"damaged|payload|expected"):
        sender.decode(bytes(payload))


def test_words_that_do_not_fit_the_numbers_are_refused():
    wire = Wire(SPEC, 9, TrainedParts("typed"))
    one, two = (TypedRows(CODECS["fp32"], wire, np.arange(k)) for k in (1, 2))
    update = np.ones(wire.parameters, np.float32)
    head = bitmap_bytes(9)
    with pytest.raises(ValueError, match="1 words make"):
        one.decode(one.encode(update, 0, 0)[:head] + two.encode(update, 0, 0)[head:])


def test_sizes_follow_from_the_text_of_all_stints():
    wire = Wire(SPEC, 10, TrainedParts("typed"))
    sizes = TypedSizes(STORE, wire, CODECS["fp32"])
    stints = [
        [Stint(0, 0, 0, WORK, (0, 1), 1, 0.0, 1.0), Stint(0, 1, 0, WORK, (0, 2), 1, 0.0, 1.0)],
        [Stint(1, 0, 0, WORK, (2, 4), 1, 0.0, 1.0)],
    ]
    rest = wire.parameters - 10 * 3
    # <s> 5 6 7, and <s> 5 9
    assert sizes.numbers(StintRows.of(stints)).tolist() == [rest + 4 * 3, rest + 3 * 3]
    expected = [2 + 4 + 16 + 4 * (rest + k * 3) for k in (4, 3)]
    assert sizes.payload_bytes(StintRows.of(stints)).tolist() == expected


def upload(workshop, phone):
    first, last = workshop.rows("fleet").first[phone : phone + 2].tolist()
    stint = Stint(phone, 0, 0, WORK, (first, last), 0, 0.0, 1.0)
    [size] = TypedSizes(
        workshop.rows("fleet").token_store(), workshop.wire, workshop.codec
    ).payload_bytes(StintRows.of([[stint]]))
    return Upload(5 + phone, phone, 0, (stint,), int(size), 1.0, 2.0)


def by_hand(workshop, sent):
    """The update of an upload, word by word: rows of words in its messages, and all else."""
    [(update, _, _)] = train(workshop, [sent])
    store, masked = workshop.rows("fleet"), update.copy()
    typed = {BOS}
    for row in range(*sent.stints[0].rows):
        typed |= set(store.tokens[store.offsets[row] : store.offsets[row + 1]].tolist())
    for tensor in layout(workshop.spec, workshop.tokens):
        if tensor.name in WORD_ROWS:
            rows = masked[tensor.slice].reshape(tensor.shape)
            for word in set(range(workshop.tokens)) - typed:
                assert rows[word].any()  # the softmax pushes every row
                rows[word] = 0
    return update, masked


def test_the_server_sums_the_rows_that_travelled(workshop):
    own = replace(workshop, parts=TrainedParts("typed"))
    sent = [upload(own, phone) for phone in (1, 2, 3)]
    weights = [1.0, 2.0, 0.5]
    [made] = TrainChunks(sent, weights, 5).work(own)
    expected = np.zeros(own.wire.parameters)
    for each, weight in zip(sent, weights, strict=True):
        expected += weight * by_hand(own, each)[1].astype(np.float64)
    assert made.total.tobytes() == expected.tobytes()
    measured = MeasureAttempt(sent[0]).work(own)
    assert measured.payload_bytes == sent[0].payload_bytes


def test_a_residual_keeps_the_rows_that_stayed_behind(workshop):
    own = replace(workshop, parts=TrainedParts("typed"))
    sent = upload(own, 1)
    update, masked = by_hand(own, sent)
    [made] = TrainChunks([sent], [1.0], 5, carries=[Carry(None, True)]).work(own)
    np.testing.assert_array_equal(made.residuals[1, 0], (update - masked).astype(np.float16))


def test_the_fleets_sizes_need_no_weights(workshop):
    """Whatever codec follows, sizes come of text and its `payload_bytes` alone."""
    codec = SimpleNamespace(payload_bytes=lambda count: count)
    store = workshop.rows("fleet").token_store()
    wire = Wire(workshop.spec, workshop.tokens, TrainedParts("typed"))
    stints = StintRows.of([[upload(replace(workshop, parts=TrainedParts("typed")), 1).stints[0]]])
    sizes = TypedSizes(store, wire, codec)
    expected = sizes.numbers(stints) + bitmap_bytes(workshop.tokens)
    assert sizes.payload_bytes(stints).tolist() == expected.tolist()
