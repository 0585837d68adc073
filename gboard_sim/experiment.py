"""An experiment: every choice of a run, validated, with units in the names of its keys.

One class per table of the experiment file. An unknown key, a wrong type or an impossible value is
an error; nothing is guessed. Defaults are this project's own (`assumed`) unless a source is named.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Share = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]


class Table(BaseModel):
    """One table of the experiment file: strict, frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Budget(Table):
    """`[run.budget]`: the run stops when a mean over the fleet's phones passes one of these."""

    uplink_mb_per_phone: Positive | None = None
    downlink_mb_per_phone: Positive | None = None
    energy_j_per_phone: Positive | None = None


class Run(Table):
    """`[run]`: how long, with which seed, on how many workers.

    Attributes:
        days: Simulated days after which the run stops.
        versions: Server steps after which it stops; None is no limit.
        seed: Keys everything random but the privacy noise.
        workers: Worker processes that train; 0 takes one per processor. Never changes a bit.
        lookahead: Versions that the fleet may run ahead of the learner. Never changes a bit.
        target_recall_at_3: Stop once validation recall reaches it.
        min_gain: With `patience`: the gain in validation recall that counts as one.
        patience: Stop after this many validation evaluations without a gain above `min_gain`.
        checkpoint_every: Versions between checkpoints; 0 writes none, so no resume.
        budget: Stop when a budget is spent.
    """

    days: Positive = 7.0
    versions: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    workers: Annotated[int, Field(ge=0)] = 0
    lookahead: Annotated[int, Field(ge=0)] = 8
    target_recall_at_3: Share | None = None
    min_gain: Annotated[float, Field(ge=0.0)] = 0.001
    patience: Count | None = None
    checkpoint_every: Annotated[int, Field(ge=0)] = 50
    budget: Budget = Budget()


class Fleet(Table):
    """`[fleet]`: how many phones, and the mix of classes, networks and habits they come from."""

    phones: Count
    mix: str = "default"


class Protocol(Table):
    """`[protocol]`: how a round selects, configures and closes (Bonawitz et al., MLSys 2019).

    Attributes:
        goal: Uploads that close a round.
        over_selection: Phones selected per upload wanted; 1.3 in production (section 9 there).
        deadline_s: Seconds from configuration until a round stops waiting.
        minimum: Fewest uploads with which a round that timed out still makes a version; None is
            80% of the goal (assumed).
        selection_timeout_s: Seconds after which selection stops waiting for phones.
        retry_s: Shortest and longest time after which a phone that was turned away may return.
        interval_s: Shortest time between the configuration of a round and the next selection: a
            server that waits keeps uploads from growing stale where phones upload rarely.
    """

    goal: Count
    over_selection: Annotated[float, Field(ge=1.0, le=10.0)] = 1.3
    deadline_s: Positive = 600.0
    minimum: Count | None = None
    selection_timeout_s: Positive = 3600.0
    retry_s: tuple[Positive, Positive] = (900.0, 3600.0)
    interval_s: Annotated[float, Field(ge=0.0, allow_inf_nan=False)] = 0.0

    @model_validator(mode="after")
    def _ordered(self) -> "Protocol":
        if self.minimum is not None and self.minimum > self.goal:
            raise ValueError(f"minimum(={self.minimum}) must be at most goal(={self.goal})")
        if self.retry_s[0] > self.retry_s[1]:
            raise ValueError(f"retry_s(={self.retry_s}) must be (shortest, longest)")
        return self


class Text(Table):
    """`[text]`: whose words the phones hold, and when they were typed.

    Attributes:
        source: `synthetic` for the embedded law, or a path to JSON lines (`.gz` too).
        arrival: `at_start`, `recorded`, `compressed` or `habit`.
        skip_bad_lines: Count unusable lines instead of refusing the first.
        tokenizer: Kind of sentencepiece model, trained on the public users' text.
        vocabulary: Most pieces in the tokenizer, `<unk>` and `<s>` included.
        public_share: Users whose text is public: vocabulary, tokenizer, pre-training.
        validation_share: Users on whom every choice is made.
        test_share: Users on whom the headline is read, once.
        held_out_share: Of each training user's messages, the latest, never trained on.
        min_messages: Users with fewer usable messages are left out.
        cache_rows: Most messages in a phone's training cache, the newest first.
        expiry_days: Age at which a message leaves the cache.
        history_days: Days before the experiment over which messages were typed already.
        messages_per_user: Mean messages of a synthetic user.
    """

    source: str = "synthetic"
    arrival: Literal["at_start", "recorded", "compressed", "habit"] | None = None
    skip_bad_lines: bool = False
    tokenizer: Literal["word", "unigram", "bpe"] = "word"
    vocabulary: Annotated[int, Field(ge=8)] = 10_000
    public_share: Share = 0.1
    validation_share: Share = 0.05
    test_share: Share = 0.05
    held_out_share: Share = 0.2
    min_messages: Count = 1
    cache_rows: Count = 1000
    expiry_days: Positive = 60.0
    history_days: Annotated[float, Field(ge=0.0)] = 14.0
    messages_per_user: Positive = 150.0

    @model_validator(mode="after")
    def _leaves_training_users(self) -> "Text":
        taken = self.public_share + self.validation_share + self.test_share
        if taken >= 1.0:
            raise ValueError(f"public, validation and test shares sum to {taken}; must be below 1")
        return self


class Model(Table):
    """`[model]`: a name from `models/`, and sizes that differ from its specification."""

    name: str = "tiny"
    embedding: Count | None = None
    units: Count | None = None
    gradient_clip: Annotated[float, Field(ge=0.0)] | None = None


class PhoneClassWork(Table):
    """`[training.classes.<name>]`: what phones of one class do differently."""

    epochs: Count | None = None
    steps: Count | None = None
    cap: Count | None = None


class Pretraining(Table):
    """`[training.pretraining]`: SGD passes over public text before version 0."""

    epochs: Count
    batch_size: Count = 16
    learning_rate: Positive = 0.5


class LearningRateDecay(Table):
    """`[training.decay]` and `[server.decay]`: a learning rate as a function of the version.

    Attributes:
        kind: `constant`, `step` (times `factor` every `every` versions), `exponential` (times
            `factor` per `every` versions, smoothly), `inverse_sqrt`, or `cosine` to `factor` times
            the first rate over `every` versions.
        factor: See `kind`.
        every: Versions; see `kind`.
    """

    kind: Literal["constant", "step", "exponential", "inverse_sqrt", "cosine"] = "constant"
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.5
    every: Count = 100


class Training(Table):
    """`[training]`: what a phone does in one stint.

    Attributes:
        trainer: `onnxruntime` runs the exported graph; `torch` the same model in torch.
        epochs: Passes over the cache, one number or one per version (the last one holds).
        steps: SGD steps instead of epochs, likewise.
        batch_size: Messages in a step.
        learning_rate: SGD step size in a cycle that starts from version 0.
        decay: How it falls with the version.
        cap: Most messages that a stint uses.
        classes: What phones of one class do differently.
        pretraining: Passes over public text before version 0.
    """

    trainer: Literal["onnxruntime", "torch"] = "onnxruntime"
    epochs: Count | tuple[Count, ...] | None = None
    steps: Count | tuple[Count, ...] | None = None
    batch_size: Count = 8
    learning_rate: Positive = 0.5
    decay: LearningRateDecay = LearningRateDecay()
    cap: Count | None = None
    classes: dict[str, PhoneClassWork] = {}
    pretraining: Pretraining | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> "Training":
        if (self.epochs is None) == (self.steps is None):
            raise ValueError("exactly one of epochs and steps must be set")
        return self


class Server(Table):
    """`[server]`: how the mean update becomes the next version.

    Attributes:
        optimizer: A name from the server optimisers.
        learning_rate: The server's step size.
        decay: How it falls with the version.
        options: The optimiser's own numbers, such as `beta` or `beta_1`.
        weights: An upload's weight: its `examples` (messages), its `tokens`, or `uniform`.
    """

    optimizer: str = "fed_avg"
    learning_rate: Positive = 1.0
    decay: LearningRateDecay = LearningRateDecay()
    options: dict[str, float] = {}
    weights: Literal["examples", "tokens", "uniform"] = "examples"


class Evaluation(Table):
    """`[evaluation]`: when and on how much text the server's model is judged.

    Attributes:
        every: Versions between validation evaluations; version 0 and the last are always judged.
        validation_messages: Most validation messages used.
        test_messages: Most test messages used.
        baselines: Whether the n-gram and unigram baselines are fitted.
    """

    every: Count = 20
    validation_messages: Count = 2000
    test_messages: Count = 10_000
    baselines: bool = True


class Schedule(Table):
    """`[schedule]`: when phones upload. `k` and `max_age` belong to `every_kth`."""

    name: str = "fixed"
    k: Count | None = None
    max_age: Annotated[int, Field(ge=0)] | None = None


class Codec(Table):
    """`[codec]`: how an update becomes bytes."""

    name: str = "fp32"


class Privacy(Table):
    """`[privacy]`: the mechanism and the claim that it has to keep.

    Attributes:
        mechanism: A name from the mechanisms.
        epsilon: The whole run's epsilon for one phone; infinity clips without noise.
        delta: The probability with which the bound may fail.
        clip: L2 norm to which every update is clipped.
        max_uploads: Most payloads that a phone sends in the whole run; enforced.
        seed: Keys the noise and nothing else.
    """

    mechanism: str = "none"
    epsilon: Annotated[float, Field(gt=0.0)] | None = None
    delta: Annotated[float, Field(gt=0.0, lt=1.0)] = 1e-6
    clip: Positive | None = None
    max_uploads: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1

    @model_validator(mode="after")
    def _complete(self) -> "Privacy":
        for key in ("epsilon", "clip", "max_uploads"):
            given = getattr(self, key) is not None
            if self.mechanism != "none" and not given:
                raise ValueError(f"mechanism(={self.mechanism!r}) needs {key}")
            if self.mechanism == "none" and given:
                raise ValueError(f"{key}(={getattr(self, key)}) does nothing without a mechanism")
        return self


class Experiment(Table):
    """One experiment, whole.

    Attributes:
        name: Names the run directory.
        description: One line for `gboard-sim list`.
        sweep: Lists of values by `section.key`: each is checked, and no command runs them yet.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    description: str = ""
    run: Run = Run()
    fleet: Fleet
    protocol: Protocol
    text: Text = Text()
    model: Model = Model()
    training: Training
    server: Server = Server()
    evaluation: Evaluation = Evaluation()
    schedule: Schedule = Schedule()
    codec: Codec = Codec()
    privacy: Privacy = Privacy()
    sweep: dict[str, list[Any]] = {}

    @model_validator(mode="after")
    def _goal_fits(self) -> "Experiment":
        if self.protocol.goal > self.fleet.phones:
            raise ValueError(
                f"protocol.goal(={self.protocol.goal}) must be at most "
                f"fleet.phones(={self.fleet.phones})"
            )
        return self
