import itertools
import secrets
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gboard_sim.privacy.secure_aggregation import shamir


def is_prime(number):
    """Miller and Rabin, with as many bases as make a mistake less likely than 2^-80."""
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    for base in range(2, 42):
        power = pow(base, odd, number)
        if power in {1, number - 1}:
            continue
        for _ in range(twos - 1):
            power = power * power % number
            if power == number - 1:
                break
        else:
            return False
    return True


def test_the_field_is_the_largest_whose_numbers_have_32_bytes():
    assert is_prime(shamir.PRIME)
    assert not any(is_prime(number) for number in range(shamir.PRIME + 1, 2**256))


SECRETS = st.integers(0, shamir.PRIME - 1).map(lambda number: number.to_bytes(32))


@given(SECRETS, st.integers(1, 6), st.integers(0, 4), st.data())
@settings(deadline=None)
def test_any_threshold_of_shares_tells_the_secret(secret, threshold, more, data):
    shares = shamir.split(secret, threshold, threshold + more, secrets.token_bytes)
    chosen = data.draw(st.permutations(sorted(shares)))[:threshold]
    assert shamir.join({place: shares[place] for place in chosen}, threshold) == secret
    assert {len(share) for share in shares.values()} == {32}


def test_every_subset_of_a_small_cohort():
    secret = bytes(range(32))
    shares = shamir.split(secret, 3, 5, secrets.token_bytes)
    for chosen in itertools.combinations(shares, 3):
        assert shamir.join({place: shares[place] for place in chosen}, 3) == secret
    for chosen in itertools.combinations(shares, 2):
        with pytest.raises(ValueError, match="2 shares do not tell a secret that needs 3"):
            shamir.join({place: shares[place] for place in chosen}, 3)


def test_fewer_shares_than_the_threshold_fit_every_secret_alike():
    # Any two shares and any secret lie on exactly one polynomial of degree two: what the first
    # two places hold says nothing. Shown where the field is gone over in whole: the first byte of
    # shares of two opposite secrets is even over all 256 values (chi-square, 10,000 splits).
    for secret in (bytes(32), (shamir.PRIME - 1).to_bytes(32)):
        first = Counter(
            shamir.split(secret, 2, 2, secrets.token_bytes)[1][1] for _ in range(10_000)
        )
        expected = 10_000 / 256
        chi = sum((first[value] - expected) ** 2 / expected for value in range(256))
        assert chi < 255 + 6.0 * (2 * 255) ** 0.5


def test_shares_of_different_secrets_tell_neither():
    one, two = (shamir.split(bytes([n]) * 32, 2, 2, secrets.token_bytes) for n in (1, 2))
    mixed = shamir.join({1: one[1], 2: two[2]}, 2)
    assert mixed not in {bytes([1]) * 32, bytes([2]) * 32}


@pytest.mark.parametrize(
    ("secret", "threshold"),
    [(b"short", 2), (shamir.PRIME.to_bytes(32), 2), (bytes(32), 0), (bytes(32), 4)],
)
def test_a_value_out_of_range_is_refused(secret, threshold):
    with pytest.raises(ValueError, match=r"a secret (has 32|must be below)|threshold\("):
        shamir.split(secret, threshold, 3, secrets.token_bytes)


def test_what_the_field_does_not_hold_is_drawn_again():
    drawn = [shamir.PRIME.to_bytes(32), b"\xff" * 32, (shamir.PRIME - 1).to_bytes(32)]
    assert shamir.new_secret(lambda _count: drawn.pop(0)) == (shamir.PRIME - 1).to_bytes(32)
