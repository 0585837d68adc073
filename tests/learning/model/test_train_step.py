"""The step written out against torch's differentiation in float64."""

import pytest
import torch

from gboard_sim.learning.model.definition import Kept, Text, loss
from gboard_sim.learning.model.spec import WORD_ROWS, ModelSpec, shapes
from gboard_sim.learning.model.train_step import Trained, train_step
from gboard_sim.learning.model.trained_parts import TrainedParts

VOCABULARY, LANES, LANE = 11, 3, 6


def spec(cell: str, **sizes: float | bool) -> ModelSpec:
    chosen = {
        "units": 7,
        "projection": 4,
        "tied": True,
        "output_bias": False,
        "output_dense": 0,
        "gradient_clip": 0.0,
    }
    return ModelSpec(
        name="test",
        cell=cell,
        vocabulary=VOCABULARY,
        embedding=4,
        lane=LANE,
        embedding_range=0.05,
        parameters=0,
        source="a test",
        **(chosen | sizes),
    )


SPECS = {
    "cifg": spec("cifg"),
    "cifg with output bias": spec("cifg", output_bias=True),
    "cifg without projection": spec("cifg", units=4, projection=0),
    "lstm": spec("lstm"),
    "lstm with dense": spec("lstm", projection=0, output_dense=4),
    "lstm untied": spec("lstm", projection=0, output_dense=5, tied=False, output_bias=True),
    "cifg untied": spec("cifg", tied=False),
    "cifg clipped tightly": spec("cifg", gradient_clip=0.1),
    "lstm untied, clipped tightly": spec(
        "lstm", projection=0, output_dense=5, tied=False, output_bias=True, gradient_clip=0.2
    ),
    "cifg clipped loosely": spec("cifg", gradient_clip=1e6),
}


PARTS = {
    "everything": TrainedParts(),
    "all but the word rows": TrainedParts("frozen"),
    "adapters": TrainedParts(rank=2, seed=5),
    "adapters alone": TrainedParts("frozen", rank=2, seed=5),
}


@pytest.mark.parametrize("dropout", [False, True])
@pytest.mark.parametrize("parts", PARTS)
@pytest.mark.parametrize("name", SPECS)
def test_a_step_is_the_gradient_of_the_loss_by_what_is_trained(
    name: str, parts: str, dropout: bool
) -> None:
    """Of an adapter W + P B that is B, from 0: torch differentiates by it."""
    chosen, trained = SPECS[name], PARTS[parts]
    rng = torch.Generator().manual_seed(2)
    parameters = {
        key: torch.randn(shape, generator=rng, dtype=torch.float64)
        for key, shape in shapes(chosen, VOCABULARY).items()
    }
    kept = Kept(
        *(
            1.5 * (torch.rand((LANE, LANES, width), generator=rng) < 0.6).double()
            for width in (chosen.embedding, chosen.features)
        )
    )
    text = Text(
        torch.randint(0, VOCABULARY, (LANES, LANE), generator=rng),
        torch.randint(0, VOCABULARY, (LANES, LANE), generator=rng),
        (torch.rand((LANES, LANE), generator=rng) < 0.3).double(),
        torch.rand((LANES, LANE), generator=rng, dtype=torch.float64),
        kept if dropout else (),
    )
    # float32 bases are orthonormal to 1e-7 alone
    bases = {
        key: torch.linalg.qr(torch.tensor(basis).double()).Q
        for key, basis in trained.bases(chosen).items()
    }
    leaves = {
        key: torch.zeros(bases[key].shape[1], tensor.shape[1], dtype=torch.float64)
        if key in bases
        else tensor.clone()
        for key, tensor in parameters.items()
        if not (parts in ("all but the word rows", "adapters alone") and key in WORD_ROWS)
    }
    for leaf in leaves.values():
        leaf.requires_grad_()
    moved = {
        key: parameters[key] + bases[key] @ leaf if key in bases else leaf
        for key, leaf in leaves.items()
    }
    expected_loss = loss(chosen, parameters | moved, text)
    gradients = torch.autograd.grad(expected_loss, list(leaves.values()))
    if chosen.gradient_clip:
        norm = torch.nn.utils.get_total_norm(gradients)
        assert (norm > chosen.gradient_clip) == name.endswith("tightly")
        gradients = [g * min(1.0, chosen.gradient_clip / float(norm)) for g in gradients]
    rate = torch.tensor(0.37, dtype=torch.float64)
    with torch.no_grad():
        what = Trained(trained.word_rows != "frozen", bases)
        new, mean_loss = train_step(chosen, parameters, text, rate, what)
    torch.testing.assert_close(mean_loss, expected_loss.detach(), rtol=1e-12, atol=0)
    assert new.keys() == leaves.keys()
    for key, gradient in zip(leaves, gradients, strict=True):
        assert gradient.abs().max() > 1e-6
        step = bases[key] @ gradient if key in bases else gradient
        torch.testing.assert_close(new[key], parameters[key] - rate * step, rtol=1e-11, atol=1e-13)
