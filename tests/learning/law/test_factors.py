import re

import numpy as np
import pytest

from gboard_sim.errors import CatalogueError
from gboard_sim.learning.law.factors import Factors


def factors():
    return Factors(
        words=("red", "green", "blue"),
        topic_share=np.array([1.0, 3.0]),
        concentration=2.0,
        length_share=np.array([0.0, 1.0, 1.0]),
        class_after=np.array([[1.0, 0.0], [0.0, 2.0], [1.0, 1.0], [3.0, 1.0]]),
        word_in=np.array([[1.0, 1.0, 2.0], [0.0, 1.0, 1.0]]),
        tilt=np.array([[0.0, 0.0, 0.0], [np.log(2.0), 0.0, 0.0]]),
    )


def test_factors_survive_the_files(tmp_path):
    factors().write(tmp_path)
    read = Factors.read(tmp_path)
    assert read.words == ("red", "green", "blue")
    assert read.concentration == 2.0
    assert read.tilt == pytest.approx(factors().tilt, rel=1e-7)


@pytest.mark.parametrize(
    ("name", "content"), [("law.npz", b"PK"), ("law.npz", b""), ("words.txt", b"\xff\xfe")]
)
def test_damaged_files_are_refused_by_name(tmp_path, name, content):
    factors().write(tmp_path)
    (tmp_path / name).write_bytes(content)
    with pytest.raises(CatalogueError, match=re.escape(str(tmp_path))):
        Factors.read(tmp_path)


def test_files_of_two_laws_are_refused(tmp_path):
    factors().write(tmp_path)
    (tmp_path / "words.txt").write_text("red\ngreen\n")
    with pytest.raises(CatalogueError, match=r"class_after has shape \(4, 2\); allowed: \(3, 2\)"):
        Factors.read(tmp_path)
