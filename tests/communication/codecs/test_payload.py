import struct
import zlib

import pytest

from gboard_sim.communication.codecs import payload


def test_the_frame_is_sixteen_bytes_as_documented():
    framed = payload.frame(b"abcd", 3, b"body")
    start = b"GBU1" + b"abcd" + struct.pack("<I", 3)
    assert framed == start + struct.pack("<I", zlib.crc32(start + b"body")) + b"body"
    assert len(framed) == payload.HEADER_BYTES + 4


def test_a_frame_gives_back_what_went_in():
    count, body = payload.unframe(b"abcd", payload.frame(b"abcd", 3, b"body"))
    assert (count, bytes(body)) == (3, b"body")


def test_a_file_of_another_kind_is_named_as_such():
    with pytest.raises(ValueError, match="begins with b'PK"):
        payload.unframe(b"abcd", b"PK\x03\x04" + bytes(40))
