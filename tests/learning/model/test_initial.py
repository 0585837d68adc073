import numpy as np
import pytest

from gboard_sim.learning.model.initial import initial_parameters
from gboard_sim.learning.model.spec import layout, load_spec


def tensors(name: str, vocabulary: int, seed: int = 0) -> dict[str, np.ndarray]:
    spec = load_spec(name)
    flat = initial_parameters(spec, vocabulary, seed)
    return {t.name: flat[t.slice].reshape(t.shape) for t in layout(spec, vocabulary)}


def test_the_same_seed_gives_the_same_bits_and_another_seed_does_not() -> None:
    spec = load_spec("tiny")
    first = initial_parameters(spec, 100, 3)
    assert first.tobytes() == initial_parameters(spec, 100, 3).tobytes()
    assert not np.array_equal(first, initial_parameters(spec, 100, 4))


@pytest.mark.parametrize("name", ["tiny", "stackoverflow-lstm"])
def test_recurrent_kernels_are_orthogonal(name: str) -> None:
    kernel = tensors(name, 50)["recurrent_kernel"].astype(np.float64)
    np.testing.assert_allclose(kernel @ kernel.T, np.eye(len(kernel)), atol=1e-6)


def test_distributions_have_their_published_spread() -> None:
    made = tensors("stackoverflow-lstm", 10_004)
    assert abs(made["embedding"]).max() == pytest.approx(0.05, rel=1e-3)
    assert made["embedding"].std() == pytest.approx(0.05 / 3**0.5, rel=0.01)
    assert made["input_kernel"].std() == pytest.approx((2 / 96) ** 0.5, rel=0.01)  # He normal
    assert abs(made["input_kernel"]).max() < 2.3 * (2 / 96) ** 0.5  # truncated at two deviations
    assert made["dense"].std() == pytest.approx((2 / (670 + 96)) ** 0.5, rel=0.02)  # Glorot
    assert made["output"].std() == pytest.approx((2 / (10_004 + 96)) ** 0.5, rel=0.01)


def test_biases_are_zero_but_the_forget_gates() -> None:
    made = tensors("stackoverflow-lstm", 50)
    assert (made["gate_bias"][:670] == 1).all()
    assert not made["gate_bias"][670:].any()
    assert not made["dense_bias"].any()
    assert not made["output_bias"].any()
