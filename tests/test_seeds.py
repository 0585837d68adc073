import numpy as np
import pytest
from scipy import stats

from gboard_sim import seeds

WORD = 2**64


def mix_by_hand(state: int) -> int:
    """SplitMix64's finaliser in Python's own integers."""
    state = (state ^ state >> 30) * 0xBF58476D1CE4E5B9 % WORD
    state = (state ^ state >> 27) * 0x94D049BB133111EB % WORD
    return state ^ state >> 31


def test_splitmix_reproduces_the_published_sequence():
    # First outputs of SplitMix64 from state 1234567, as in the reference implementation's tests.
    golden = 0x9E3779B97F4A7C15
    outputs = [mix_by_hand((1234567 + (i + 1) * golden) % WORD) for i in range(3)]
    assert outputs == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    states = np.array([(1234567 + (i + 1) * golden) % WORD for i in range(3)], np.uint64)
    with np.errstate(over="ignore"):
        assert seeds._mix(states).tolist() == outputs


def test_uniforms_pass_a_kolmogorov_smirnov_test_along_every_id():
    n = 200_000
    for ids in [(np.arange(n), 3), (3, np.arange(n)), (np.arange(n) * 2**32, 0)]:
        assert stats.kstest(seeds.uniforms(7, "a", *ids), "uniform").pvalue > 1e-3


def test_normals_are_standard_normal():
    assert stats.kstest(seeds.normals(7, "a", np.arange(200_000)), "norm").pvalue > 1e-3


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ((1, "a", 0), (2, "a", 0)),
        ((1, "a", 0), (1, "b", 0)),
        ((1, "a", 0), (1, "a", 0, 0)),
        ((1, "a", 0, 1), (1, "a", 1, 0)),
    ],
)
def test_different_keys_draw_independently(left, right):
    ids = np.arange(100_000)
    first, second = seeds.uniforms(*left, ids), seeds.uniforms(*right, ids)
    assert abs(np.corrcoef(first, second)[0, 1]) < 4 / np.sqrt(len(ids))


def test_every_bit_of_an_id_moves_half_of_the_output():
    base = seeds.bits(1, "a", np.arange(4096))
    for bit in range(0, 63, 7):
        moved = seeds.bits(1, "a", np.arange(4096) ^ (1 << bit)) ^ base
        share = np.unpackbits(moved.view(np.uint8)).mean()
        assert 0.49 < share < 0.51


def test_a_draw_does_not_depend_on_its_neighbours():
    block = seeds.uniforms(5, "x", np.arange(1000), 2)
    assert block[17] == seeds.uniforms(5, "x", 17, 2)
    shuffled = np.random.default_rng(0).permutation(1000)
    assert np.array_equal(seeds.uniforms(5, "x", shuffled, 2), block[shuffled])


def test_a_sequence_is_splitmix_seeded_with_the_bits_of_a_key():
    states = seeds.bits(5, "x", np.arange(3))
    found = seeds.sequence(states, 4)
    golden = 0x9E3779B97F4A7C15
    for column, state in enumerate(states.tolist()):
        by_hand = [mix_by_hand((state + n * golden) % WORD) for n in range(1, 5)]
        assert found[:, column].tolist() == by_hand
    assert np.array_equal(seeds.sequence(states, 2, 1), found[1:3])


@pytest.mark.parametrize("stream", [seeds.stream, seeds.quick_stream])
def test_streams_repeat_and_differ(stream):
    first = stream(1, "noise", 4, 2).standard_normal(8)
    assert np.array_equal(first, stream(1, "noise", 4, 2).standard_normal(8))
    assert not np.array_equal(first, stream(1, "noise", 42).standard_normal(8))
