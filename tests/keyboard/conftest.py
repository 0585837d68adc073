"""Small artefacts with weights large enough that no two words are alike."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from gboard_sim import artefacts
from gboard_sim.communication.codecs.fp32 import Fp32
from gboard_sim.experiment.text import Text
from gboard_sim.learning.model.graphs import find_graphs
from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import load_spec
from gboard_sim.learning.snapshots import Snapshots
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.prepared import prepare
from gboard_sim.learning.workshop import Workshop
from gboard_sim.privacy.mechanisms import NoMechanism


@dataclass(frozen=True)
class Installed:
    """An artefact and what it was made of."""

    folder: Path
    workshop: Workshop
    parameters: np.ndarray


@pytest.fixture(scope="session")
def install(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Installed]:
    """Artefacts of a tokenizer and a precision, made once each."""
    made: dict[tuple[str, str], Installed] = {}

    def make(kind: str = "word", precision: str = "float32") -> Installed:
        if (kind, precision) not in made:
            made[kind, precision] = _install(kind, precision, tmp_path_factory.mktemp(kind))
        return made[kind, precision]

    return make


def _install(kind: str, precision: str, folder: Path) -> Installed:
    settings = Text(messages_per_user=12, tokenizer=kind, vocabulary=300, public_share=0.2)
    divided = read_divided(settings, 12, seed=1)
    text = prepare(divided, settings, days=2.0, utc_offset_s=np.zeros(12), seed=1)
    spec = load_spec("tiny")
    workshop = Workshop(
        spec=spec, vocabulary=text.vocabulary, word_ids=text.word_ids,
        graphs=find_graphs(spec, folder / "graphs"), trainer_name="onnxruntime", text=text.store,
        snapshots=Snapshots(folder / "versions"), codec=Fp32(), mechanism=NoMechanism(), seed=1,
    )  # fmt: skip
    parameters = 5 * initial_parameters(spec, workshop.tokens, 1)
    (folder / "artefacts").mkdir()
    made = artefacts.contents(workshop, parameters, {}, precision)
    artefacts.write_into(folder / "artefacts", made)
    return Installed(folder / "artefacts", workshop, parameters)
