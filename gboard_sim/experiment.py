"""An experiment: every choice of a run, validated, with units in the names of its keys.

One class per table of the experiment file. An unknown key, a wrong type or an impossible value is
an error; nothing is guessed. Defaults are this project's own (`assumed`) unless a source is named.
"""

import re
from math import isinf
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from gboard_sim.experiment_training import Central, Model, Server, Training
from gboard_sim.experiment_values import Count, Positive, Share, Table


def _arm(name: str) -> str:
    """Refuses what is no arm."""
    if not re.fullmatch(r"federated|central(:(0?\.\d*[1-9]\d*|1))?|local-only", name):
        raise ValueError(
            "must be federated, central, central:SHARE such as central:0.1, or local-only"
        )
    return name


Arm = Annotated[str, AfterValidator(_arm)]


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
        arm: `federated`, or what it is compared to with the same phones, days and tokens:
            `central` trains on the phones' pooled text, `central:0.1` on that of a tenth of them;
            with `local-only` every phone trains alone.
        workers: Worker processes that train; 0 takes one per processor. Never changes a bit.
        engine: `local` for processes of this machine, `ray` for those of a cluster. Never changes
            a bit.
        ray_address: Of a running cluster of which this machine is a part: `auto`, or `HOST:PORT`
            of its head. Empty starts Ray on this machine.
        lookahead: Versions that the fleet may run ahead of the learner. Never changes a bit.
        target_recall_at_3: Stop once validation recall reaches it.
        min_gain: With `patience`: the gain in validation recall that counts as one.
        patience: Stop after this many validation evaluations without a gain above `min_gain`.
        checkpoint_every: Versions between checkpoints; 0 writes none, so no resume.
        budget: Stop when a budget is spent.
    """

    days: Annotated[float, Field(gt=0.0, le=3650.0, allow_inf_nan=False)] = 7.0
    versions: Count | None = None
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 1
    arm: Arm = "federated"
    workers: Annotated[int, Field(ge=0)] = 0
    engine: Literal["local", "ray"] = "local"
    ray_address: Annotated[str, Field(pattern=r"^(auto|[^/\s]+:\d+)?$")] = ""
    lookahead: Annotated[int, Field(ge=0)] = 8
    target_recall_at_3: Share | None = None
    min_gain: Annotated[float, Field(ge=0.0)] = 0.001
    patience: Count | None = None
    checkpoint_every: Annotated[int, Field(ge=0)] = 50
    budget: Budget = Budget()

    @model_validator(mode="after")
    def _address_is_used(self) -> "Run":
        if self.ray_address and self.engine != "ray":
            raise ValueError(
                f"ray_address(={self.ray_address!r}) does nothing with engine(={self.engine!r})"
            )
        return self


class Fleet(Table):
    """`[fleet]`: how many phones, and the mix of classes, networks and habits they come from.

    Attributes:
        phones: Their number; `all` takes one for every training user of a corpus.
        mix: A name from `devices/fleets/`.
    """

    phones: Annotated[int, Field(ge=1, le=10**8)] | Literal["all"]
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
        source: `synthetic` for the embedded law, or a path to JSON lines, CSV or Parquet with the
            columns user, text and time (the first two may be packed by gzip). Empty waits for
            `--corpus`.
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
        messages_per_user: Mean messages of a synthetic user, before users are cut to 1000.
    """

    source: str = "synthetic"
    arrival: Literal["at_start", "recorded", "compressed", "habit"] | None = None
    skip_bad_lines: bool = False
    tokenizer: Literal["word", "unigram", "bpe"] = "word"
    vocabulary: Annotated[int, Field(ge=8)] = 10_000
    public_share: Share = 0.1
    validation_share: Share = 0.05
    test_share: Share = 0.05
    held_out_share: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    min_messages: Count = 1
    cache_rows: Count = 1000
    expiry_days: Positive = 60.0
    history_days: Annotated[float, Field(ge=0.0)] = 14.0
    messages_per_user: Annotated[float, Field(gt=0.0, le=1000.0)] = 150.0

    @model_validator(mode="after")
    def _leaves_training_users(self) -> "Text":
        taken = self.public_share + self.validation_share + self.test_share
        if taken >= 1.0:
            raise ValueError(f"public, validation and test shares sum to {taken}; must be below 1")
        return self


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
    delta: Annotated[float, Field(gt=0.0, le=0.1)] = 1e-6
    clip: Annotated[float | None, Field(ge=1e-12, le=1e12)] = None
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
        if self.epsilon is not None and not (1e-3 <= self.epsilon <= 1e6 or isinf(self.epsilon)):
            raise ValueError(
                f"epsilon(={self.epsilon}) must be between 0.001 and 1e6, where calibration and "
                "accounting agree, or inf; hint: inf clips and adds no noise"
            )
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
    central: Central = Central()
    evaluation: Evaluation = Evaluation()
    schedule: Schedule = Schedule()
    codec: Codec = Codec()
    privacy: Privacy = Privacy()
    sweep: dict[str, list[Any]] = {}

    @model_validator(mode="after")
    def _arm_can_stop(self) -> "Experiment":
        for key in ("target_recall_at_3", "patience"):
            if self.run.arm == "local-only" and getattr(self.run, key) is not None:
                raise ValueError(
                    f"run.{key}(={getattr(self.run, key)}) does nothing with run.arm = "
                    "'local-only', which has no model of the server's to judge"
                )
        return self

    @model_validator(mode="after")
    def _arm_claims_nothing(self) -> "Experiment":
        if self.run.arm != "federated" and self.privacy.mechanism != "none":
            raise ValueError(
                f"privacy.mechanism(={self.privacy.mechanism!r}) needs run.arm = 'federated': "
                f"{self.run.arm} sends no updates"
            )
        return self

    @model_validator(mode="after")
    def _goal_fits(self) -> "Experiment":
        if self.fleet.phones != "all" and self.protocol.goal > self.fleet.phones:
            raise ValueError(
                f"protocol.goal(={self.protocol.goal}) must be at most "
                f"fleet.phones(={self.fleet.phones})"
            )
        return self

    def with_training(self, **changes: Any) -> "Experiment":
        """The same experiment with some keys of `[training]` changed."""
        training = {**self.training.model_dump(), **changes}
        return Experiment.model_validate({**self.model_dump(), "training": training})

    def with_phones(self, phones: int) -> "Experiment":
        """The same experiment with a fleet of that many phones."""
        fleet = {**self.fleet.model_dump(), "phones": phones}
        return Experiment.model_validate({**self.model_dump(), "fleet": fleet})
