"""The model against a forward pass written out by hand in numpy, one token at a time."""

import numpy as np
import pytest
import torch

from gboard_sim.learning.model.definition import score
from gboard_sim.learning.model.graphs import shipped_graphs
from gboard_sim.learning.model.spec import layout, load_spec
from gboard_sim.learning.text.packing import pack
from gboard_sim.learning.trainers.onnxruntime_trainer import OnnxRuntimeTrainer

VOCABULARY = 40
NAMES = ["tiny", "gboard-cifg", "mcmahan-lstm", "stackoverflow-lstm"]


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def by_hand(name: str, p: dict[str, np.ndarray], message: list[int]) -> np.ndarray:
    """Log-probabilities of every token at every position of one message. [T, V]"""
    units = load_spec(name).units
    c, h = np.zeros(units), np.zeros(p["recurrent_kernel"].shape[0])
    rows = []
    for token in [1, *message[:-1]]:
        a = p["embedding"][token] @ p["input_kernel"] + h @ p["recurrent_kernel"] + p["gate_bias"]
        if name in ("tiny", "gboard-cifg"):
            f, o, g = sigmoid(a[:units]), sigmoid(a[units : 2 * units]), np.tanh(a[2 * units :])
            c = f * c + (1 - f) * g
        else:
            f, i, o, g = np.split(a, 4)
            f, i, o, g = sigmoid(f), sigmoid(i), sigmoid(o), np.tanh(g)
            c = f * c + i * g
        h = o * np.tanh(c)
        if "projection" in p:
            h = h @ p["projection"]
        y = h @ p["dense"] + p["dense_bias"] if "dense" in p else h
        logits = p.get("output", p["embedding"]) @ y + p.get("output_bias", 0.0)
        rows.append(logits - np.log(np.exp(logits).sum()))
    return np.array(rows)


@pytest.mark.parametrize("name", NAMES)
def test_scores_equal_a_forward_pass_by_hand(name: str) -> None:
    spec = load_spec(name)
    rng = np.random.default_rng(1)
    flat = (rng.standard_normal(sum(t.size for t in layout(spec, VOCABULARY))) * 0.1).astype("f4")
    tensors = {t.name: flat[t.slice].reshape(t.shape) for t in layout(spec, VOCABULARY)}
    wide = {key: value.astype(np.float64) for key, value in tensors.items()}
    messages = [rng.integers(0, VOCABULARY, n).tolist() for n in (3, 7, 1, 5, 12)]
    words = [token for message in messages for token in message]
    batch = pack(np.array(words, np.int32), np.array([len(m) for m in messages]), spec.lane)
    expected = np.concatenate([by_hand(name, wide, message) for message in messages])
    chosen = expected[np.arange(len(expected)), words]
    best = np.argsort(-expected, axis=1, kind="stable")[:, :5]

    in_torch = score(
        spec,
        {key: torch.from_numpy(value) for key, value in wide.items()},
        *map(torch.from_numpy, (batch.inputs, batch.targets, batch.reset)),
    )
    np.testing.assert_allclose(in_torch[0].reshape(-1)[batch.positions], chosen, atol=1e-10)
    np.testing.assert_array_equal(in_torch[1].reshape(-1, 5)[batch.positions], best)

    graph = OnnxRuntimeTrainer(spec, VOCABULARY, shipped_graphs(name)).score(flat, batch)
    np.testing.assert_allclose(
        graph.log_probability.ravel()[batch.positions], chosen, rtol=1e-5, atol=2e-5
    )
    shown = graph.top.reshape(-1, 5)[batch.positions]
    gap = np.take_along_axis(expected, best, 1) - np.take_along_axis(expected, shown, 1)
    assert abs(gap).max() < 1e-4  # the same words, but for ties within float32
