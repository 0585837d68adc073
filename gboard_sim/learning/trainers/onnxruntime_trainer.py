"""Trains on a phone's own graph with stock onnxruntime, one thread, no torch.

Parameters never pass through Python inside a stint: a step reads one flat buffer and writes the
other by raw pointers bound beforehand, then the two change places.
"""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from gboard_sim.learning.model.graphs import Graph, Graphs
from gboard_sim.learning.model.spec import TOP, ModelSpec, layout, parameter_count
from gboard_sim.learning.model.trained_parts import EVERYTHING, TrainedParts
from gboard_sim.learning.text.packing import Batch, Ids, Kept
from gboard_sim.learning.trainers.trainer import Carry, Lesson, Prediction, Scores, Trained
from gboard_sim.seam.records import Vector

Array = npt.NDArray[Any]


ALL_KEPT = Kept(np.ones((1, 1, 1), np.float32), np.ones((1, 1, 1), np.float32))
"""Without dropout: factors of 1."""


def _runner(graph: Graph) -> Any:
    """A graph, loaded to run in the calling thread alone: phones run side by side in processes."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        graph.read_bytes(), options, providers=["CPUExecutionProvider"]
    )


def _bind(bind: Any, name: str, array: Array) -> None:
    """Let a graph read or write `array` in place; it must outlive the binding."""
    bind(name, "cpu", 0, array.dtype.type, array.shape, array.ctypes.data)


class OnnxRuntimeTrainer:
    """A `Trainer` over the exported graphs of one model, for one vocabulary.

    Args:
        spec: The model's sizes.
        vocabulary: Token ids V.
        graphs: The model's graphs; each is loaded when it is first used.
        parts: What is trained; `graphs.train_step` is the graph that trains it.
    """

    def __init__(
        self, spec: ModelSpec, vocabulary: int, graphs: Graphs, parts: TrainedParts = EVERYTHING
    ) -> None:
        self._spec = spec
        self._graphs = graphs
        self._layout = layout(spec, vocabulary)
        self._bases = {f"basis_{name}": basis for name, basis in parts.bases(spec).items()}
        self._keeps_some = parts.word_rows == "frozen"
        size = parameter_count(spec, vocabulary)
        self._buffers = (np.zeros(size, np.float32), np.zeros(size, np.float32))
        self._loss = np.zeros((), np.float32)
        self._rate = np.zeros((), np.float32)
        self._runners: dict[Graph, Any] = {}
        self._steps: tuple[Any, Any] | None = None

    def _loaded(self, graph: Graph) -> Any:
        """The runner of a graph, loaded once."""
        if graph not in self._runners:
            self._runners[graph] = _runner(graph)
        return self._runners[graph]

    def _tensors(self, flat: Vector, prefix: str = "") -> dict[str, Array]:
        """The named tensors inside a flat vector, as views of it."""
        return {
            prefix + tensor.name: flat[tensor.slice].reshape(tensor.shape)
            for tensor in self._layout
        }

    def _bound_steps(self) -> tuple[Any, Any]:
        """The training graph bound from the first buffer to the second, and back."""
        if self._steps is None:
            runner = self._loaded(self._graphs.train_step)
            trained = {value.name for value in runner.get_outputs()}
            bindings = (runner.io_binding(), runner.io_binding())
            for binding, read, write in zip(
                bindings, self._buffers, self._buffers[::-1], strict=True
            ):
                for name, view in (self._tensors(read) | self._bases).items():
                    _bind(binding.bind_input, name, view)
                for name, view in self._tensors(write, "new_").items():
                    if name in trained:
                        _bind(binding.bind_output, name, view)
                _bind(binding.bind_input, "learning_rate", self._rate)
                _bind(binding.bind_output, "loss", self._loss)
            self._steps = bindings
        return self._steps

    def train(self, parameters: Vector, batches: Iterable[Batch], learning_rate: float) -> Trained:
        """See `Trainer.train`."""
        bindings = self._bound_steps()
        runner = self._loaded(self._graphs.train_step)
        for buffer in self._buffers if self._keeps_some else self._buffers[:1]:
            buffer[:] = parameters
        self._rate[...] = learning_rate
        steps = tokens = 0
        nats = 0.0
        for batch in batches:
            binding = bindings[steps % 2]
            _bind(binding.bind_input, "inputs", batch.inputs)
            _bind(binding.bind_input, "targets", batch.targets)
            _bind(binding.bind_input, "reset", batch.reset)
            _bind(binding.bind_input, "weight", batch.weight)
            kept = batch.kept or ALL_KEPT
            _bind(binding.bind_input, "kept_embedded", kept.embedded)
            _bind(binding.bind_input, "kept_features", kept.features)
            runner.run_with_iobinding(binding)
            nats += float(self._loss) * batch.tokens
            tokens += batch.tokens
            steps += 1
        trained = self._buffers[steps % 2].copy()
        return Trained(trained, nats / tokens if tokens else float("nan"), tokens, steps)

    def train_together(self, lessons: Sequence[Lesson]) -> list[Trained]:
        """See `Trainer.train_together`: one after the other."""
        return [self.train(each.parameters, each.batches, each.learning_rate) for each in lessons]

    def _run(
        self, graph: Graph, parameters: Vector, given: dict[str, Array], made: dict[str, Array]
    ) -> None:
        """Run a graph over `parameters` and `given`, into the arrays of `made`."""
        runner = self._loaded(graph)
        binding = runner.io_binding()
        for name, array in (self._tensors(parameters) | given).items():
            _bind(binding.bind_input, name, array)
        for name, array in made.items():
            _bind(binding.bind_output, name, array)
        runner.run_with_iobinding(binding)

    def score(self, parameters: Vector, batch: Batch) -> Scores:
        """See `Trainer.score`."""
        lanes, length = batch.inputs.shape
        scores = Scores(
            np.empty((lanes, length), np.float32), np.empty((lanes, length, TOP), np.int32)
        )
        self._run(
            self._graphs.score,
            parameters,
            {"inputs": batch.inputs, "targets": batch.targets, "reset": batch.reset},
            {"log_probability": scores.log_probability, "top": scores.top},
        )
        return scores

    def predict(self, parameters: Vector, token: Ids, carry: Carry) -> Prediction:
        """See `Trainer.predict`."""
        made = Prediction(
            np.empty((len(token), TOP), np.int32),
            np.empty((len(token), TOP), np.float32),
            Carry(np.empty_like(carry.out), np.empty_like(carry.state)),
        )
        self._run(
            self._graphs.predict,
            parameters,
            {"token": token, "out": carry.out, "state": carry.state},
            {
                "top": made.top,
                "log_probability": made.log_probability,
                "new_out": made.carry.out,
                "new_state": made.carry.state,
            },
        )
        return made
