"""A small text and a workshop that is real but tiny, made once."""

from pathlib import Path

import numpy as np
import pytest

from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.experiment.text import Text
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import load_spec
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.prepared import PreparedText, prepare
from gboard_sim.learning.workshop import Workshop
from gboard_sim.privacy.mechanisms import NoMechanism

PHONES = 12


@pytest.fixture(scope="session")
def text() -> PreparedText:
    """Twelve phones of synthetic text, drawn as a run draws it."""
    settings = Text(messages_per_user=12, vocabulary=300, public_share=0.2, test_share=0.2)
    divided = read_divided(settings, PHONES, seed=1)
    return prepare(divided, settings, days=2.0, utc_offset_s=np.zeros(PHONES), seed=1)


@pytest.fixture(scope="session")
def workshop(text: PreparedText, tmp_path_factory: pytest.TempPathFactory) -> Workshop:
    """The tools of a worker on that text, with version 0 published."""
    folder: Path = tmp_path_factory.mktemp("workshop")
    text.store.save(folder / "text")
    spec = load_spec("tiny")
    made = Workshop(
        spec=spec, vocabulary=text.vocabulary, word_ids=text.word_ids,
        graphs=find_graphs(spec, folder / "graphs"), trainer_name="onnxruntime",
        text=folder / "text", snapshots=Snapshots(folder / "versions"), codec=Fp32(),
        mechanism=NoMechanism(), seed=1,
    )  # fmt: skip
    made.snapshots.write(0, initial_parameters(spec, made.tokens, 1))
    return made
