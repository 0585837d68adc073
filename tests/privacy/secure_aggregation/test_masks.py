import numpy as np

from gboard_sim.privacy.secure_aggregation import masks


def test_both_ends_of_a_pair_agree_and_nobody_else_does():
    secret = [bytes([n]) * 32 for n in (1, 2, 3)]
    public = [masks.public_key(one) for one in secret]
    assert masks.agreed(secret[0], public[1], b"x") == masks.agreed(secret[1], public[0], b"x")
    assert masks.agreed(secret[0], public[1], b"x") != masks.agreed(secret[0], public[2], b"x")
    assert masks.agreed(secret[0], public[1], b"x") != masks.agreed(secret[0], public[1], b"y")


def test_a_mask_is_the_standards_key_stream():
    # RFC 8439, appendix A.1, test vector 1: the first block of a zero key, nonce and counter.
    block = bytes.fromhex("76b8e0ada0f13d90405d6ae55386bd28")
    assert masks.mask(bytes(32), 4, 32).tolist() == np.frombuffer(block, "<u4").tolist()
