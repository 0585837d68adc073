"""Masks: numbers of a ring, drawn from a seed by a stream cipher, and the keys behind them."""

import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from gboard_sim.seam.records import Ints

KEY_BYTES = 32


def mask(seed: bytes, count: int, bits: int) -> Ints:
    """Numbers from 0 to 2^bits - 1 that nobody without the seed can tell from even ones.

    ChaCha20's key stream (RFC 8439), 32 bits a number, of which the low ones are taken.

    Args:
        seed: 32 bytes, used for this one mask.
        count: Numbers.
        bits: At most 32.
    """
    stream = Cipher(algorithms.ChaCha20(seed, bytes(16)), mode=None).encryptor()
    words = np.frombuffer(stream.update(bytes(4 * count)), dtype="<u4")
    return (words & np.uint32(2**bits - 1)).astype(np.int64)


def public_key(private: bytes) -> bytes:
    """The X25519 public key of a private one (RFC 7748)."""
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes_raw()


def agreed(private: bytes, public: bytes, purpose: bytes) -> bytes:
    """32 bytes that both ends of a pair know, and nobody else."""
    shared = X25519PrivateKey.from_private_bytes(private).exchange(
        X25519PublicKey.from_public_bytes(public)
    )
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(shared)
