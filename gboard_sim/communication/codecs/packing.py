"""Small whole numbers side by side in bytes, low bits first."""

import numpy as np
import numpy.typing as npt

Levels = npt.NDArray[np.uint8]
Places = npt.NDArray[np.int64]


def packed_bytes(count: int, bits: int) -> int:
    """Bytes of `count` numbers of `bits` bits each, the last byte filled up with zeros."""
    return -(-count * bits // 8)


def pack(levels: Levels, bits: int) -> bytes:
    """Numbers below 2^bits, where bits is 1, 2, 4 or 8. Shape [n]."""
    if bits == 1:
        return np.packbits(levels, bitorder="little").tobytes()
    whole = -(-len(levels) * bits // 8) * 8 // bits
    if whole > len(levels):
        levels = np.concatenate([levels, np.zeros(whole - len(levels), np.uint8)])
    while bits < 8:  # two neighbours become one number of twice the bits
        pairs = np.ascontiguousarray(levels).view("<u2")
        levels = (pairs | pairs >> np.uint16(8 - bits)).astype(np.uint8)
        bits *= 2
    return levels.tobytes()


def unpack(body: bytes | memoryview, count: int, bits: int) -> Levels:
    """The numbers that `pack` put into `body`. Shape [count]."""
    levels = np.frombuffer(body, np.uint8)
    if bits == 1:
        return np.unpackbits(levels, count=count, bitorder="little")
    width = 8
    while width > bits:
        width //= 2
        pairs = levels.astype("<u2")
        pairs |= pairs << np.uint16(8 - width)
        pairs &= np.uint16(0x0101 * (2**width - 1))
        levels = pairs.view(np.uint8)
    return levels[:count]


def place_bits(numbers: int) -> int:
    """Bits of a place among `numbers` numbers."""
    return max(numbers - 1, 0).bit_length()


def pack_places(places: Places, bits: int) -> bytes:
    """Places below 2^bits, where bits is at most 32. Shape [k]."""
    as_bytes = places.astype("<u4").view(np.uint8).reshape(-1, 4)
    if bits % 8 == 0:
        return as_bytes[:, : bits // 8].tobytes()
    table = np.unpackbits(as_bytes, axis=1, count=bits, bitorder="little")
    return np.packbits(table, bitorder="little").tobytes()


def unpack_places(body: bytes | memoryview, count: int, bits: int) -> Places:
    """The places that `pack_places` put into `body`. Shape [count]."""
    if bits % 8 == 0:
        whole = np.zeros((count, 4), np.uint8)
        whole[:, : bits // 8] = np.frombuffer(body, np.uint8).reshape(count, bits // 8)
        return whole.view("<u4")[:, 0].astype(np.int64)
    table = np.unpackbits(np.frombuffer(body, np.uint8), count=count * bits, bitorder="little")
    padded = np.zeros((count, 32), np.uint8)
    padded[:, :bits] = table.reshape(count, bits)
    return np.packbits(padded, axis=1, bitorder="little").view("<u4")[:, 0].astype(np.int64)
