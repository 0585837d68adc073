"""The published chain: what a phone rebuilds from bytes, what it pays, and that it stays near."""

import numpy as np
import pytest

from gboard_sim.communication import codecs
from gboard_sim.communication.downlink import PublishedChain, refuse_unstable

SIZE = 4096


class Everything:
    def shrink(self, vector):
        return vector

    def moved(self, parameters, step):
        return parameters + step


ALL = Everything()
SETTINGS = [
    ("fp16", {}), ("k_level", {"bits": 8}), ("k_level", {"bits": 4, "rotate": True}),
    ("k_level", {"bits": 2}), ("drive", {}), ("one_bit", {}),
    ("drive", {"scale": "least_error", "share": 0.5, "block": 64}),
    ("top_k", {"share": 0.1}), ("random_mask", {"share": 0.75}),
]  # fmt: skip
UNSTABLE = [
    ("k_level", {"bits": 1}, 10), ("k_level", {"bits": 1, "rotate": True}, 10),
    ("random_mask", {"share": 0.1}, 10), ("drive", {"share": 0.5, "block": 64}, 40),
]  # fmt: skip


def walk(codec, versions: int):
    """A master that takes steps like normal numbers, and what is published of it."""
    chain = PublishedChain(codec, 4 * SIZE, SIZE, ALL)
    draw = np.random.default_rng(3)
    master = published = draw.normal(size=SIZE).astype(np.float32)
    for version in range(1, versions + 1):
        master = master + draw.normal(size=SIZE).astype(np.float32)
        before, published = published, chain.publish(published, master, version)
        yield master, before, published


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_a_phone_that_follows_the_payloads_holds_what_was_published(name, options):
    codec = codecs.build(name, 5, options)
    phone = None
    for version, (master, before, published) in enumerate(walk(codec, 6), 1):
        if phone is None:
            phone = before
        payload = codec.encode(master - phone, 0, version)
        phone = phone + codec.decode(payload)
        assert phone.tobytes() == published.tobytes()


@pytest.mark.parametrize(("name", "options"), SETTINGS)
def test_what_is_published_stays_near_the_master(name, options):
    codec = codecs.build(name, 5, options)
    refuse_unstable(codec)
    errors = [np.square(m - p).mean() for m, _, p in walk(codec, 120)]  # a step's is 1
    assert np.mean(errors[-20:]) < 1.5 * np.mean(errors[40:60])
    assert errors[-1] < 20


@pytest.mark.parametrize(("name", "options", "versions"), UNSTABLE)
def test_what_would_run_away_is_refused(name, options, versions):
    codec = codecs.build(name, 5, options)
    errors = [np.square(m - p).mean() for m, _, p in walk(codec, versions)]
    assert errors[-1] > 1e4 * errors[0]
    with pytest.raises(ValueError, match="would run away from the server's own model"):
        refuse_unstable(codec)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("k_level", {"bits": 2, "rotate": True}, r"bits\(=2\) with rotate\(=true\) must be at"),
        ("random_mask", {"share": 0.5}, r"share\(=0.5\) must be above 0.5"),
    ],
)
def test_so_is_what_wanders_without_end(name, options, message):
    codec = codecs.build(name, 5, options)
    errors = [np.square(m - p).mean() for m, _, p in walk(codec, 200)]
    assert np.mean(errors[-50:]) > 2 * np.mean(errors[:30])
    with pytest.raises(ValueError, match=message):
        refuse_unstable(codec)


def test_a_phone_pays_each_difference_or_the_whole_model_where_that_is_less():
    chain = PublishedChain(codecs.build("fp16", 5, {}), 16 + 4 * 100, 100, ALL)
    held = np.array([7, 6, 5, 4, 0, -1, 8])
    whole, one = 416, 16 + 200
    assert chain.download_bytes(held, 7).tolist() == [0, one, whole, whole, whole, whole, whole]
    bits = PublishedChain(codecs.build("one_bit", 5, {"block": 100}), 416, 100, ALL)
    one = 16 + 4 + 13
    paid = bits.download_bytes(held, 7).tolist()
    assert paid == [0, one, 2 * one, 3 * one, 7 * one, whole, whole]


def test_where_nobody_trains_for_the_server_it_costs_the_same_and_loses_nothing():
    codec = codecs.build("one_bit", 5, {})
    plain, lossy = (
        PublishedChain(codec, 400, 100, ALL, lossy=False),
        PublishedChain(codec, 400, 100, ALL),
    )
    master = np.arange(100, dtype=np.float32)
    assert plain.publish(np.zeros(100, np.float32), master, 1) is master
    held = np.arange(-1, 9)
    assert plain.download_bytes(held, 8).tolist() == lossy.download_bytes(held, 8).tolist()
