"""What exported files do in a process of their own: the figures that `export` holds against torch.

`python -m gboard_sim.keyboard.reloading FOLDER EXPECTED.npz` runs every graph of the folder with
onnxruntime on the text in the file, and prints how far each is from what the file expects.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime

from gboard_sim.keyboard.keyboard import Keyboard

Arrays = Mapping[str, npt.NDArray[Any]]


def parameters(path: Path) -> dict[str, npt.NDArray[np.float32]]:
    """The float32 tensors of a safetensors file.

    Eight bytes give the length of a JSON object that says where each tensor lies behind it.
    """
    content = path.read_bytes()
    behind = 8 + int.from_bytes(content[:8], "little")
    header = json.loads(content[8:behind])
    header.pop("__metadata__", None)
    data = memoryview(content)[behind:]
    return {
        name: np.frombuffer(data[slice(*place["data_offsets"])], np.float32).reshape(place["shape"])
        for name, place in header.items()
    }


def differences(folder: Path, expected: Arrays) -> dict[str, float]:
    """The largest difference of each graph from what is expected.

    Args:
        folder: The exported files.
        expected: `inputs`, `targets`, `reset`, `weight` [B, T] and `learning_rate`; what to give
            for them: `score` [B, T], `loss`, `new_<parameter>`; and for the weights in
            `predict.onnx`: `predict` [B, T], the log-probability of each target, and the `out` and
            `state` that end each lane.
    """
    Keyboard.load(folder)
    batch = {name: expected[name] for name in ("inputs", "targets", "reset")}
    weights = parameters(folder / "parameters.safetensors")
    scored, _ = _runner(folder / "score.onnx").run(None, weights | batch)
    rate = {name: expected[name] for name in ("weight", "learning_rate")}
    rate |= {name: np.ones((1, 1, 1), np.float32) for name in ("kept_embedded", "kept_features")}
    if (bases := folder / "bases.safetensors").is_file():
        rate |= parameters(bases)
    step = _runner(folder / "train_step.onnx")
    names = [node.name for node in step.get_outputs()]
    trained = dict(zip(names, step.run(names, weights | batch | rate), strict=True))
    said, out, state = _typed(_runner(folder / "predict.onnx"), batch)
    used = expected["weight"] > 0
    return {
        "predict.onnx": max(
            _distance(said[used], expected["predict"][used]),
            _distance(out, expected["out"]),
            _distance(state, expected["state"]),
        ),
        "score.onnx": _distance(scored[used], expected["score"][used]),
        "train_step.onnx": max(_distance(trained[name], expected[name]) for name in trained),
    }


def _typed(predict: Any, batch: Arrays) -> tuple[npt.NDArray[Any], ...]:
    """The log-probability of each target, token by token; and the lanes' last out and state."""
    sizes = {node.name: node.shape[1:] for node in predict.get_inputs()}
    lanes = len(batch["inputs"])
    out, state = (np.zeros((lanes, *sizes[name]), np.float32) for name in ("out", "state"))
    said = []
    for token, target, reset in zip(
        batch["inputs"].T, batch["targets"].T, batch["reset"].T[..., None], strict=True
    ):
        given = {"token": token, "out": out * (1 - reset), "state": state * (1 - reset)}
        scores, out, state = predict.run(["log_probabilities", "new_out", "new_state"], given)
        said.append(scores[np.arange(lanes), target])
    return np.stack(said, axis=1), out, state


def _runner(path: Path) -> Any:
    """A graph, loaded as the keyboard loads it."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _distance(found: npt.NDArray[Any], wanted: npt.NDArray[Any]) -> float:
    """The largest absolute difference; infinite where one of them is no number."""
    apart = np.abs(np.asarray(found, np.float64) - wanted).max(initial=0.0)
    return float(apart) if np.isfinite(apart) else float("inf")


if __name__ == "__main__":
    with np.load(sys.argv[2]) as arrays:
        found = differences(Path(sys.argv[1]), dict(arrays))
    sys.stdout.write(json.dumps(found) + "\n")
