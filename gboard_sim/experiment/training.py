"""The tables of an experiment that say what is trained, by whom, and how.

Defaults are this project's own (`assumed`) unless a source is named.
"""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gboard_sim.experiment.values import Count, Counts, Positive, Size, Table


class Model(Table):
    """`[model]`: a name from `models/`, and sizes that differ from its specification.

    Attributes:
        name: A name from the models.
        embedding: Width of the embedding, and of what is tied to it.
        units: Width of the recurrent state.
        gradient_clip: L2 norm to which a step's gradient is clipped; 0 for none.
    """

    name: str = "tiny"
    embedding: Size | None = None
    units: Size | None = None
    gradient_clip: Annotated[float | None, Field(ge=0.0, le=1e6)] = None


class PhoneClassWork(Table):
    """`[training.classes.<name>]`: what phones of one class do differently.

    Attributes:
        epochs: As in `[training]`, for all versions.
        steps: Likewise.
        cap: Likewise.
    """

    epochs: Count | None = None
    steps: Count | None = None
    cap: Count | None = None


class InOnePlace(Table):
    """Training on pooled text, one batch after the other.

    Attributes:
        batch_size: Messages in a step.
        optimizer: A name from the server optimisers; it takes minus the gradient as an update.
        learning_rate: Its step size.
        options: Its own numbers.
    """

    batch_size: Count = 64
    optimizer: str = "adam"
    learning_rate: Positive = 0.003
    options: dict[str, float] = {"tau": 1e-6}


class Pretraining(InOnePlace):
    """`[training.pretraining]`: passes over public text before version 0.

    Attributes:
        epochs: Passes; the learning rate falls over them along half a cosine to a tenth.
    """

    epochs: Count


class LearningRateDecay(Table):
    """`[training.decay]` and `[server.decay]`: a learning rate as a function of the version.

    Attributes:
        kind: `constant`, `step` (times `factor` every `every` versions), `exponential` (times
            `factor` per `every` versions, smoothly), `inverse_sqrt`, or `cosine` to `factor` times
            the first rate over `every` versions.
        factor: See `kind`.
        every: Versions; see `kind`.
        warm_up: Versions over which the rate rises to that: an adaptive optimiser's first steps
            are long, since it has seen no update's size yet.
    """

    kind: Literal["constant", "step", "exponential", "inverse_sqrt", "cosine"] = "constant"
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    every: Count = 100
    warm_up: Annotated[int, Field(ge=0, le=10**9)] = 0


class Adapters(Table):
    """`[training.adapters]`: low-rank adapters of the matrices between embedding and output.

    Attributes:
        rank: Numbers that each column of such a matrix moves by.
    """

    rank: Count


class Training(Table):
    """`[training]`: what a phone does in one stint.

    Attributes:
        trainer: `onnxruntime` runs the exported graph; `torch` the same model in torch.
        device: Where torch computes: `cpu`; `cuda`, a GPU, which one process then has to itself;
            `auto` for a GPU where there is one.
        precision: What torch makes matrix products in: `bfloat16` rounds what goes into a product
            and what comes out to 8 bits; parameters, sums and gates stay float32.
        phones_together: Phones that torch trains at once: up to 5, or a multiple of 5. Changes
            bits, within rounding. By default 60 on a GPU, where memory grows with it (30 MB a phone
            with `gboard-cifg` and 8 lanes), and 1 elsewhere, where only small models gain from
            more, and with `codec.lossless`, whose sizes are measured phone by phone.
        epochs: Passes over the cache, one number or one per version (the last one holds).
        steps: SGD steps instead of epochs, likewise.
        batch_size: Messages in a step.
        learning_rate: SGD step size in a cycle that starts from version 0.
        decay: How it falls with the version.
        dropout: Chance that a number of a token's embedding, or of what its logits are computed
            from, is zeroed while there is training: of phones, before version 0, in one place; not
            while a phone adapts its model to its user.
        cap: Most messages that a stint uses.
        classes: What phones of one class do differently.
        pretraining: Passes over public text before version 0; it trains all parts of the model.
        word_rows: Which rows of the embedding and the output layer phones train and send: `all`;
            with `typed` they train all, and send those of the words in their own text; none where
            they are `frozen`.
        adapters: Low-rank adapters, which phones train and send instead of the other matrices.
    """

    trainer: Literal["onnxruntime", "torch"] = "onnxruntime"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    precision: Literal["float32", "bfloat16"] = "float32"
    phones_together: Count | None = None
    epochs: Count | Counts | None = None
    steps: Count | Counts | None = None
    batch_size: Count = 8
    learning_rate: Positive = 0.5
    decay: LearningRateDecay = LearningRateDecay()
    dropout: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    cap: Count | None = None
    classes: dict[str, PhoneClassWork] = {}
    pretraining: Pretraining | None = None
    word_rows: Literal["all", "typed", "frozen"] = "all"
    adapters: Adapters | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> "Training":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("exactly one of epochs and steps must be set")
        return self

    @model_validator(mode="after")
    def _torch_has_what_it_needs(self) -> "Training":
        together = self.phones_together or 1
        if together > 5 and together % 5:
            raise ValueError(
                f"phones_together(={together}) must be at most 5, or a multiple of 5: updates are "
                "added up in fives"
            )
        wanted = {
            "device": (self.device, self.device == "cuda"),
            "precision": (self.precision, self.precision == "bfloat16"),
            "phones_together": (together, together > 1),
        }
        for key, (value, needs_torch) in wanted.items():
            if needs_torch and self.trainer != "torch":
                raise ValueError(
                    f"{key}(={value!r}) needs trainer = 'torch': onnxruntime trains one phone at a "
                    "time, in float32, on the processor"
                )
        return self


class Server(Table):
    """`[server]`: how the mean update becomes the next version.

    Attributes:
        optimizer: A name from the server optimisers.
        learning_rate: The server's step size.
        decay: How it falls with the version.
        options: The optimiser's own numbers, such as `beta` or `beta_1`.
        weights: An upload's weight: its `examples` (messages), its `tokens`, or `uniform`.
        ema_decay: What the exponential moving average of the versions keeps of itself at each, at
            most (1 + v) / (10 + v) at version v. The average is judged and exported, in the arm
            `central` too, while phones train from the versions; with 0 versions are.
    """

    optimizer: str = "fed_avg"
    learning_rate: Positive = 1.0
    decay: LearningRateDecay = LearningRateDecay()
    options: dict[str, float] = {}
    weights: Literal["examples", "tokens", "uniform"] = "examples"
    ema_decay: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0


class Central(InOnePlace):
    """`[central]`: how the arm `central` trains on the phones' pooled text.

    Attributes:
        decay: How the learning rate falls with the version.
    """

    decay: LearningRateDecay = LearningRateDecay()
