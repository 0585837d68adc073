"""What a next-word model is made of: its sizes, its parameters' layout, its cost per token.

Every model is an embedding, one recurrent layer, and a projection back to the vocabulary:

```
ids [B, T] -> embedding -> cifg | lstm (units) -> recurrent projection? -> dense? -> logits [.., V]
```

The parameters are one flat float32 vector; `layout` says where each tensor lies in it. The tensors
whose size follows the vocabulary keep the vocabulary as their first dimension, so one exported
graph serves any vocabulary.
"""

from dataclasses import dataclass, fields
from math import prod
from typing import Any, Literal, cast

from gboard_sim import catalogue
from gboard_sim.errors import CatalogueError

TOP = 5  # candidates that `score` and `predict` give: three to show, and <unk> and <s> to drop

WORD_ROWS = ("embedding", "output", "output_bias")
"""Tensors with a row per token of the vocabulary."""

GATES = {"cifg": 3, "lstm": 4}
"""Gate pre-activations per unit: f, o, g of the CIFG (its input gate is 1 - f); f, i, o, g."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One named tensor in the flat vector.

    Attributes:
        name: Its name in the graphs.
        shape: Its shape.
        offset: Index of its first number in the flat vector.
    """

    name: str
    shape: tuple[int, ...]
    offset: int

    @property
    def size(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)

    @property
    def slice(self) -> slice:
        """Where it lies in the flat vector."""
        return slice(self.offset, self.offset + self.size)


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """The sizes of one next-word model, as `models/<name>/spec.toml` has them.

    Attributes:
        name: Its name in the catalogue.
        cell: `cifg` (coupled input and forget gates, Greff et al., TNNLS 2017) or `lstm`.
        vocabulary: Token ids V that the model was published with; a run may bring another.
        embedding: Width D of the embedding.
        units: Width U of the recurrent state c.
        projection: Width of the recurrent output (LSTMP, Sak et al., Interspeech 2014); 0 for none.
        tied: Whether the output layer reuses the embedding (Press and Wolf, EACL 2017).
        output_bias: Whether the logits have a bias.
        output_dense: Width of a dense layer, with bias, before the logits; 0 for none.
        lane: Tokens T per lane of the unrolled graphs.
        gradient_clip: L2 norm to which the training graph clips a step's gradient; 0 for none.
        embedding_range: The embedding starts uniform in plus or minus this.
        parameters: Published number of parameters at the published vocabulary.
        source: The papers or code that the sizes come from.
    """

    name: str
    cell: Literal["cifg", "lstm"]
    vocabulary: int
    embedding: int
    units: int
    projection: int
    tied: bool
    output_bias: bool
    output_dense: int
    lane: int
    gradient_clip: float
    embedding_range: float
    parameters: int
    source: str

    def __post_init__(self) -> None:
        if self.cell not in GATES:
            raise CatalogueError(
                f"models/{self.name}: cell = {self.cell!r} is not one of {sorted(GATES)}; "
                'hint: Gboard\'s own cell is "cifg"'
            )
        for key in ("embedding", "units", "lane"):
            if getattr(self, key) < 1:
                raise CatalogueError(
                    f"models/{self.name}: {key} = {getattr(self, key)} must be at least 1; "
                    "hint: only projection and output_dense may be 0, which means none"
                )
        if self.vocabulary <= TOP:
            raise CatalogueError(
                f"models/{self.name}: vocabulary = {self.vocabulary} must be above {TOP}; "
                "hint: it counts token ids, <unk> and <s> among them"
            )
        if self.tied and self.features != self.embedding:
            raise CatalogueError(
                f"models/{self.name}: tied = true needs the width before the logits "
                f"({self.features}) to equal embedding = {self.embedding}; "
                "hint: set projection or output_dense to the embedding's width"
            )

    @property
    def recurrent(self) -> int:
        """Width of what the recurrent layer puts out and feeds back."""
        return self.projection or self.units

    @property
    def features(self) -> int:
        """Width of what the logits are computed from."""
        return self.output_dense or self.recurrent

    @property
    def gates(self) -> int:
        """Width of all gate pre-activations together."""
        return GATES[self.cell] * self.units

    @property
    def architecture(self) -> tuple[object, ...]:
        """All that the exported graphs depend on; neither the vocabulary nor the name."""
        return (
            self.cell,
            self.embedding,
            self.units,
            self.projection,
            self.tied,
            self.output_bias,
            self.output_dense,
            self.lane,
            self.gradient_clip,
        )


def shapes(spec: ModelSpec, vocabulary: int) -> dict[str, tuple[int, ...]]:
    """The shape of every parameter tensor, in the order of the flat vector."""
    named: dict[str, tuple[int, ...]] = {
        "embedding": (vocabulary, spec.embedding),
        "input_kernel": (spec.embedding, spec.gates),
        "recurrent_kernel": (spec.recurrent, spec.gates),
        "gate_bias": (spec.gates,),
    }
    if spec.projection:
        named["projection"] = (spec.units, spec.projection)
    if spec.output_dense:
        named["dense"] = (spec.recurrent, spec.output_dense)
        named["dense_bias"] = (spec.output_dense,)
    if not spec.tied:
        named["output"] = (vocabulary, spec.features)
    if spec.output_bias:
        named["output_bias"] = (vocabulary,)
    return named


def layout(spec: ModelSpec, vocabulary: int) -> tuple[Tensor, ...]:
    """Where each tensor lies in the flat vector, without gaps."""
    tensors = []
    offset = 0
    for name, shape in shapes(spec, vocabulary).items():
        tensors.append(Tensor(name, shape, offset))
        offset += prod(shape)
    return tuple(tensors)


def parameter_count(spec: ModelSpec, vocabulary: int) -> int:
    """Length P of the flat vector."""
    return sum(prod(shape) for shape in shapes(spec, vocabulary).values())


def flop_per_token(spec: ModelSpec, vocabulary: int) -> float:
    """Floating-point operations to train on one token.

    Six per parameter: a multiply and an add, forward once and backward twice (Kaplan et al. 2020,
    arXiv 2001.08361, section 2.1). An untied input embedding is looked up, not multiplied, so it
    does not count.
    """
    looked_up = 0 if spec.tied else vocabulary * spec.embedding
    return 6.0 * (parameter_count(spec, vocabulary) - looked_up)


def load_spec(name: str) -> ModelSpec:
    """A model of the catalogue.

    Raises:
        CatalogueError: There is none of that name, or its `[model]` table is malformed.
    """
    path = catalogue.locate("models", name) / "spec.toml"
    entry = catalogue.read("models", name)
    table = cast("dict[str, Any]", entry.get("model", {}))
    wanted = {field.name: field.type for field in fields(ModelSpec)} | {"name": str}
    given = {"name": name, **table}
    for key in sorted(wanted.keys() ^ given.keys()):
        fault = "is missing" if key in wanted else "is not a key of a model"
        raise CatalogueError(
            f"{path}: [model] {key} {fault}; hint: the keys are {', '.join(sorted(wanted))}"
        )
    kinds: dict[object, tuple[type, ...]] = {int: (int,), float: (int, float), bool: (bool,)}
    for key, value in given.items():
        if type(value) not in kinds.get(wanted[key], (str,)):
            raise CatalogueError(
                f"{path}: [model] {key} = {value!r} has the wrong type; "
                "hint: sizes are whole numbers, tied and output_bias are true or false"
            )
    spec = ModelSpec(**given)
    counted = parameter_count(spec, spec.vocabulary)
    if counted != spec.parameters:
        raise CatalogueError(
            f"{path}: [model] parameters = {spec.parameters}, but the sizes make {counted}; "
            "hint: correct the sizes, or the count"
        )
    return spec
