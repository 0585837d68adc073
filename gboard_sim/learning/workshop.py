"""What every worker needs to carry out its jobs: sent once, opened on first use."""

import shutil
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.evaluation.piece_word_scorer import PieceWordScorer
from gboard_sim.learning.evaluation.word_scorer import WholeWordScorer, WordScorer
from gboard_sim.learning.measured import MeasuredUpdates
from gboard_sim.learning.model.graphs import Graphs
from gboard_sim.learning.model.spec import ModelSpec
from gboard_sim.learning.model.trained_parts import EVERYTHING, TrainedParts
from gboard_sim.learning.model.wire import Wire
from gboard_sim.learning.snapshots import Published
from gboard_sim.learning.text.store import RowSet, TextRows, TextStore, open_rows
from gboard_sim.learning.text.vocabulary import SPECIAL, Vocabulary
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer
from gboard_sim.learning.trainers.trainer import Trainer
from gboard_sim.learning.typed_rows import TypedRows, typed_words
from gboard_sim.learning.unit_dropout import UnitDropout
from gboard_sim.seam.privacy_protocols import Mechanism
from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Attempt


@dataclass(frozen=True)
class Workshop:
    """The tools of a worker. Small to send: big things are named by their paths.

    Attributes:
        spec: The model's sizes.
        vocabulary: The tokenizer and the public word list.
        word_ids: Lexicon id of each word in the list. Shape [listed words].
        graphs: The model's exported graphs.
        trainer_name: `onnxruntime` or `torch`.
        text: Folder of the token stores, or the stores themselves where memory is shared.
        snapshots: The published parameters.
        codec: What an update goes through between phone and server.
        mechanism: What makes an update private on the phone.
        seed: The experiment's seed: keys the shuffling.
        device: Where torch computes.
        precision: What torch makes matrix products in while training.
        phones_together: Phones that train at once; their updates take that much memory.
        measured: Where updates are kept that were trained to be measured; None keeps none.
        parts: What phones train.
        dropout_rate: See `UnitDropout`.
    """

    spec: ModelSpec
    vocabulary: Vocabulary
    word_ids: npt.NDArray[np.int32]
    graphs: Graphs
    trainer_name: Literal["onnxruntime", "torch"]
    text: Path | TextStore
    snapshots: Published
    codec: Codec
    mechanism: Mechanism
    seed: int
    device: Literal["cpu", "cuda"] = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    phones_together: int = 1
    measured: MeasuredUpdates | None = None
    parts: TrainedParts = EVERYTHING
    dropout_rate: float = 0.0

    def __getstate__(self) -> dict[str, Any]:
        """What is sent to a worker: the description alone, not the tools that were opened here."""
        return {column.name: getattr(self, column.name) for column in fields(self)}

    @cached_property
    def tokens(self) -> int:
        """Token ids V."""
        return Tokenizer(self.vocabulary.model).size

    @cached_property
    def wire(self) -> Wire:
        """What of an update travels."""
        return Wire(self.spec, self.tokens, self.parts)

    @cached_property
    def whole_wire(self) -> Wire:
        """The one by which everything travels."""
        return Wire(self.spec, self.tokens, EVERYTHING)

    def sender(self, attempt: Attempt) -> Codec:
        """What an attempt's compact vector goes through between phone and server."""
        if self.parts.word_rows != "typed":
            return self.codec
        ranges = (stint.rows for stint in attempt.stints)
        words = typed_words(self.rows("fleet").token_store(), ranges)
        return TypedRows(self.codec, self.wire, words)

    @cached_property
    def unit_dropout(self) -> UnitDropout:
        """What zeroes numbers while phones train, and while there is training in one place."""
        return UnitDropout(self.dropout_rate, self.seed, self.spec)

    @cached_property
    def trainer(self) -> Trainer:
        """What trains as phones do."""
        return self._trainer(self.graphs, self.parts)

    @cached_property
    def whole_trainer(self) -> Trainer:
        """What trains all parts of a model, before there are phones."""
        if self.parts.everything:
            return self.trainer
        return self._trainer(replace(self.graphs, train_step=self.graphs.whole_step), EVERYTHING)

    def _trainer(self, graphs: Graphs, parts: TrainedParts) -> Trainer:
        """A trainer; torch is imported only if it was asked for."""
        size = self.tokens
        if self.trainer_name == "onnxruntime":
            return OnnxRuntimeTrainer(self.spec, size, graphs, parts)
        from gboard_sim.learning.trainers.torch_trainer import TorchTrainer  # noqa: PLC0415  torch is heavy

        return TorchTrainer(self.spec, size, self.device, self.precision, parts)

    @cached_property
    def scorer(self) -> WordScorer:
        """What turns the model's tokens into words."""
        if self.vocabulary.kind == "word":
            special = np.full(SPECIAL, -1, np.int32)
            words = np.concatenate([special, self.word_ids])
            return WholeWordScorer(self.trainer, self.spec.lane, words)
        return PieceWordScorer(self.spec, self.vocabulary, self.word_ids)

    def rows(self, name: RowSet) -> TextRows:
        """A set of rows, mapped on first use."""
        if name not in self._mapped:
            self._mapped[name] = (
                getattr(self.text, name)
                if isinstance(self.text, TextStore)
                else open_rows(self.text, name)
            )
        return self._mapped[name]

    def remove_private(self) -> None:
        """Remove the files of what phones typed, and of what they are about to send."""
        if isinstance(self.text, Path):
            shutil.rmtree(self.text, ignore_errors=True)
        if self.measured is not None:
            self.measured.remove()

    @cached_property
    def _mapped(self) -> dict[RowSet, TextRows]:
        return {}
