"""The next-word model as functions of tensors, the one definition that training and phones share.

`train_step` minimises `loss`; the exported graphs are traced from `train_step`, `score` and
`predict`. Activations are time-major and flat, [T * B, width], so that whatever can be one matrix
product over all tokens of a batch is one. Ids and masks come as [B, T], as `Batch` has them.

Matrices may be given in bfloat16, biases and masks in float32: then products are made in bfloat16
and everything else in float32.
"""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.functional import embedding

from gboard_sim.learning.model.spec import TOP, ModelSpec

Parameters = Mapping[str, Tensor]

# float32's smallest normal number: the training graph reports at most 87.3 nats for a token
LEAST_PROBABILITY = 1.1754944e-38


class Kept(NamedTuple):
    """What dropout keeps, as factors: 0, or 1 over the share that is kept; 1 keeps all there is.

    Attributes:
        embedded: Of the input tokens' embeddings. Shape [T, B, D], or one that broadcasts to it.
        features: Of what the logits are computed from. Shape [T, B, F], likewise.
    """

    embedded: Tensor
    features: Tensor


class Text(NamedTuple):
    """A batch as tensors; see `Batch`. Each of shape [B, T].

    Attributes:
        inputs: What the model reads.
        targets: What it should say next.
        reset: 1 where a segment starts, else 0.
        weight: 1 where there is a token, 0 at padding.
        kept: What dropout keeps; nothing without it.
    """

    inputs: Tensor
    targets: Tensor
    reset: Tensor
    weight: Tensor
    kept: Kept | tuple[()] = ()

    def first(self) -> "Text":
        """The first of stacked batches."""
        kept = Kept(*(factors[0] for factors in self.kept)) if self.kept else ()
        return Text(self.inputs[0], self.targets[0], self.reset[0], self.weight[0], kept)


class Tape(NamedTuple):
    """What the recurrent layer computed at every position, each of shape [T * B, width].

    Attributes:
        embedded: The input tokens' embeddings, as dropout leaves them.
        fed_back: The recurrent output that entered, zero after a reset.
        before: The recurrent state c that entered, zero after a reset.
        forget: Forget gate.
        input: Input gate.
        output: Output gate.
        candidate: Candidate state.
        squashed: tanh of the new state.
        cell: What the cell put out, before the projection.
        out: The recurrent output.
    """

    embedded: Tensor
    fed_back: Tensor
    before: Tensor
    forget: Tensor
    input: Tensor
    output: Tensor
    candidate: Tensor
    squashed: Tensor
    cell: Tensor
    out: Tensor


class Step(NamedTuple):
    """One token's pass through the cell, each of shape [B, width]; see `Tape`.

    The CIFG's input gate is left out: 1 - f is taken of all tokens at once.
    """

    forget: Tensor
    input: Tensor | None
    output: Tensor
    candidate: Tensor
    squashed: Tensor
    cell: Tensor
    state: Tensor


def time_major(values: Tensor) -> Tensor:
    """[B, T] as [T * B, 1]."""
    return values.t().reshape(-1, 1)


def by_time(values: Tensor, length: int) -> Tensor:
    """[T * B, width] as [T, B, width]."""
    return values.view(length, values.shape[0] // length, values.shape[1])


def dropped(values: Tensor, kept: Tensor | None, length: int) -> Tensor:
    """What dropout leaves of some values of shape [T * B, width]; all without it."""
    return values if kept is None else (by_time(values, length) * kept).view(values.shape)


def product(left: Tensor, matrix: Tensor) -> Tensor:
    """`left @ matrix`, in the matrix's type."""
    return left.to(matrix.dtype) @ matrix


def affine(bias: Tensor, left: Tensor, matrix: Tensor) -> Tensor:
    """`bias + left @ matrix`: the product in the matrix's type, the sum in the bias's."""
    if bias.dtype == matrix.dtype:
        return torch.addmm(bias, left.to(matrix.dtype), matrix)
    return bias + product(left, matrix)


def advance(spec: ModelSpec, gates: Tensor, before: Tensor) -> Step:
    """One step of the cell from its gate pre-activations and its state.

    CIFG: f = sigmoid, i = 1 - f (Greff et al. 2017); LSTM: as Gers et al., without peepholes.
    """
    parts = torch.split(gates, spec.units, dim=1)
    forget, output, candidate = parts[0].sigmoid(), parts[-2].sigmoid(), parts[-1].tanh()
    if spec.cell == "cifg":
        entering = None
        state = candidate + forget * (before - candidate)
    else:
        entering = parts[1].sigmoid()
        state = forget * before + entering * candidate
    squashed = state.tanh()
    return Step(forget, entering, output, candidate, squashed, output * squashed, state)


def project(parameters: Parameters, cell: Tensor) -> Tensor:
    """The recurrent output of the cell's output."""
    return product(cell, parameters["projection"]) if "projection" in parameters else cell


def unroll(
    spec: ModelSpec,
    parameters: Parameters,
    inputs: Tensor,
    reset: Tensor,
    kept: Tensor | None = None,
) -> Tape:
    """Run the recurrent layer over T tokens, from zero where a lane starts and at every reset."""
    lanes, length = inputs.shape
    embedded = embedding(time_major(inputs)[:, 0], parameters["embedding"])
    embedded = dropped(embedded, kept, length)
    pre = affine(parameters["gate_bias"], embedded, parameters["input_kernel"])
    pre_at = by_time(pre, length)
    keep = by_time(time_major(1 - reset), length)
    state = pre.new_zeros(lanes, spec.units)
    out = pre.new_zeros(lanes, spec.recurrent)
    steps: list[Step] = []
    entered: list[tuple[Tensor, Tensor]] = []
    outs: list[Tensor] = []
    for t in range(length):
        gates = pre_at[t]
        if t:
            state, out = state * keep[t], out * keep[t]
            gates = gates + product(out, parameters["recurrent_kernel"])
        entered.append((out, state))
        step = advance(spec, gates, state)
        state, out = step.state, project(parameters, step.cell)
        steps.append(step)
        outs.append(out)
    fed_back, before = (torch.cat(column) for column in zip(*entered, strict=True))
    forget = torch.cat([step.forget for step in steps])
    entering = [step.input for step in steps if step.input is not None]
    return Tape(
        embedded=embedded,
        fed_back=fed_back,
        before=before,
        forget=forget,
        input=torch.cat(entering) if entering else 1 - forget,
        output=torch.cat([step.output for step in steps]),
        candidate=torch.cat([step.candidate for step in steps]),
        squashed=torch.cat([step.squashed for step in steps]),
        cell=torch.cat([step.cell for step in steps]),
        out=torch.cat(outs),
    )


def features(parameters: Parameters, out: Tensor) -> Tensor:
    """What the logits are computed from. Shape [.., D]."""
    if "dense" not in parameters:
        return out
    return affine(parameters["dense_bias"], out, parameters["dense"])


def logits(parameters: Parameters, hidden: Tensor, room: Tensor | None = None) -> Tensor:
    """Unnormalised log-probabilities of every token, in `room` if it is given. Shape [.., V]."""
    rows = parameters.get("output", parameters["embedding"])
    if room is not None:
        torch.mm(hidden.to(rows.dtype), rows.t(), out=room)
        return room.add_(parameters["output_bias"]) if "output_bias" in parameters else room
    if "output_bias" not in parameters:
        return product(hidden, rows.t())
    return affine(parameters["output_bias"], hidden, rows.t())


def loss(spec: ModelSpec, parameters: Parameters, text: Text) -> Tensor:
    """Mean negative log-likelihood, in nats, over the weighted tokens. Differentiable."""
    kept_embedded, kept_features = text.kept or (None, None)
    tape = unroll(spec, parameters, text.inputs, text.reset, kept_embedded)
    hidden = dropped(features(parameters, tape.out), kept_features, text.inputs.shape[1])
    scores = logits(parameters, hidden)
    chosen = scores.gather(1, time_major(text.targets).long())
    nats = scores.logsumexp(dim=1, keepdim=True) - chosen
    return (nats * time_major(text.weight)).sum() / text.weight.sum()


def score(
    spec: ModelSpec, parameters: Parameters, inputs: Tensor, targets: Tensor, reset: Tensor
) -> tuple[Tensor, Tensor]:
    """Log-probability of each target [B, T], and the ids of the most probable tokens [B, T, 5]."""
    lanes, length = inputs.shape
    hidden = features(parameters, unroll(spec, parameters, inputs, reset).out)
    log_probability = torch.log_softmax(logits(parameters, hidden), dim=1)
    chosen = log_probability.gather(1, time_major(targets).long())
    top = log_probability.topk(TOP, dim=1).indices.int()
    return chosen.view(length, lanes).t(), top.view(length, lanes, TOP).transpose(0, 1)


def predict(
    spec: ModelSpec, parameters: Parameters, token: Tensor, out: Tensor, state: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """One token typed, with the state carried: how a keyboard runs the model.

    Args:
        spec: The model's sizes.
        parameters: The model's tensors.
        token: The token just typed, <s> at first. Shape [B].
        out: The recurrent output so far, zero at first. Shape [B, R].
        state: The recurrent state so far, zero at first. Shape [B, U].

    Returns:
        The most probable next ids [B, 5] and their log-probabilities [B, 5], best first; then the
        new `out` and `state`.
    """
    embedded = embedding(token, parameters["embedding"])
    gates = torch.addmm(parameters["gate_bias"], embedded, parameters["input_kernel"])
    step = advance(spec, gates + out @ parameters["recurrent_kernel"], state)
    out = project(parameters, step.cell)
    scores = torch.log_softmax(logits(parameters, features(parameters, out)), dim=1)
    best = scores.topk(TOP, dim=1)
    return best.indices.int(), best.values, out, step.state
