import pytest

from gboard_sim.privacy.secure_aggregation import cost


@pytest.mark.parametrize(
    ("phones", "numbers", "published"), [(2**10, 2**20, 1.73), (2**14, 2**24, 1.98)]
)
def test_published_a11(phones, numbers, published):
    # Bonawitz et al. (CCS 2017), abstract: expansion over 16-bit numbers sent in the clear.
    assert cost.expansion(phones, numbers, 16) == pytest.approx(published, abs=0.02)


@pytest.mark.parametrize("phones", [2, 10, 500])
def test_the_rounds_add_up_to_the_papers_total(phones):
    # Section 7.1 there: 2 n keys, 5 n - 4 shares, and the vector; and a seal for each other phone,
    # on the way to it and from it, which the paper leaves out.
    parts = cost.rounds(phones, 1000)
    total = sum(part.up_bytes + part.down_bytes for part in parts)
    assert total == 2 * phones * 32 + (5 * phones - 4) * 32 + 1000 + 2 * (phones - 1) * 16
    up, down = cost.beside_bytes(phones)
    assert up + down == total - 1000


def test_a_phone_by_hand():
    # Of 11 phones: two keys, two sealed shares for each of ten others, eleven shares told.
    assert cost.beside_bytes(11) == (64 + 800 + 352, 640 + 800)
