"""An experiment: every choice of a run, validated, with units in the names of its keys.

One class per table of the experiment file. An unknown key, a wrong type or an impossible value is
an error; nothing is guessed. Defaults are this project's own (`assumed`) unless a source is named.
"""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from gboard_sim.experiment.communication import Codec, Downlink, Schedule
from gboard_sim.experiment.fleet import Allowance, FederatedEvaluation, Fleet, Protocol, Sync
from gboard_sim.experiment.mechanisms import at
from gboard_sim.experiment.network import Network
from gboard_sim.experiment.privacy import Privacy
from gboard_sim.experiment.sweep import Sweep
from gboard_sim.experiment.text import Text
from gboard_sim.experiment.training import Central, Model, Server, Training
from gboard_sim.experiment.values import Count, Positive, Share, Table


def _arm(name: str) -> str:
    """Refuses what is no arm."""
    if not re.fullmatch(r"federated|central(:(0?\.\d*[1-9]\d*|1))?|local-only", name):
        raise ValueError(
            "must be federated, central, central:SHARE such as central:0.1, or local-only"
        )
    return name


Arm = Annotated[str, AfterValidator(_arm)]


class Budget(Table):
    """`[run.budget]`: the run stops when one of these is spent.

    Attributes:
        uplink_mb_per_phone: Mean over the fleet's phones.
        downlink_mb_per_phone: Mean over the fleet's phones.
        energy_j_per_phone: Mean over the fleet's phones.
        trained_tokens: Tokens that the uploads in all versions were trained on.
    """

    uplink_mb_per_phone: Positive | None = None
    downlink_mb_per_phone: Positive | None = None
    energy_j_per_phone: Positive | None = None
    trained_tokens: Positive | None = None


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


class Experiment(Table):
    """One experiment, whole.

    Attributes:
        name: Names the run directory.
        description: One line for `gboard-sim list`.
        sweep: Lists of values by `section.key`, lists in step, and seeds: `gboard-sim sweep` runs
            them all, other commands none of them.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
    description: str = ""
    run: Run = Run()
    fleet: Fleet
    protocol: Protocol
    network: Network = Network()
    allowance: Allowance = Allowance()
    federated_evaluation: FederatedEvaluation | None = None
    sync: Sync | None = None
    text: Text = Text()
    model: Model = Model()
    training: Training
    server: Server = Server()
    central: Central = Central()
    evaluation: Evaluation = Evaluation()
    schedule: Schedule = Schedule()
    codec: Codec = Codec()
    downlink: Downlink = Downlink()
    privacy: Privacy = Privacy()
    sweep: Sweep = {}

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
    def _paused_sessions_share_nothing(self) -> "Experiment":
        limits = self.network.limits
        if self.protocol.interruption == "pause" and limits:
            raise ValueError(
                f"protocol.interruption(='pause') is not allowed with network.{limits[0]}"
                f"(={getattr(self.network, limits[0])}): sessions that share links are never "
                "paused; hint: abort"
            )
        return self

    @model_validator(mode="after")
    def _reports_are_not_private(self) -> "Experiment":
        if self.federated_evaluation is not None and self.privacy.mechanism != "none":
            raise ValueError(
                "[federated_evaluation] is not allowed with "
                f"privacy.mechanism(={self.privacy.mechanism!r}): phones would report sums over "
                "their text without noise, outside the claim"
            )
        return self

    @model_validator(mode="after")
    def _phones_judge_a_version(self) -> "Experiment":
        if self.federated_evaluation is not None and self.run.arm == "local-only":
            raise ValueError(
                "[federated_evaluation] is not allowed with run.arm(='local-only'), which has no "
                "model of the server's that phones could judge; they are judged at the end anyway"
            )
        if self.federated_evaluation is not None and not self.text.held_out_share:
            raise ValueError(
                "[federated_evaluation] needs text.held_out_share above 0: phones judge a version "
                "on text that they never train on"
            )
        return self

    @model_validator(mode="after")
    def _average_stays_at_the_server(self) -> "Experiment":
        others = {
            "[sync]": (self.sync is not None, "phones install versions, whose average is judged"),
            "[federated_evaluation]": (
                self.federated_evaluation is not None,
                "phones would judge versions, and the server their average",
            ),
            "run.arm = 'local-only'": (self.run.arm == "local-only", "there are no versions"),
        }
        for name, (given, reason) in others.items():
            if given and self.server.ema_decay:
                raise ValueError(
                    f"server.ema_decay(={self.server.ema_decay}) is not allowed with {name}: "
                    f"{reason}"
                )
        return self

    @model_validator(mode="after")
    def _losses_are_known_and_not_private(self) -> "Experiment":
        if self.protocol.selector == "utility":
            if self.run.arm != "federated":
                raise ValueError(
                    "protocol.selector(='utility') needs run.arm = 'federated': it goes by the "
                    f"training losses of single phones, which {self.run.arm} does not have"
                )
            if self.privacy.mechanism != "none":
                raise ValueError(
                    "protocol.selector(='utility') is not allowed with "
                    f"privacy.mechanism(={self.privacy.mechanism!r}): phones would report their "
                    "losses without noise, outside the claim"
                )
        return self

    @model_validator(mode="after")
    def _sums_are_private(self) -> "Experiment":
        if self.privacy.mechanism not in at("server"):
            return self
        mechanism = f"privacy.mechanism(={self.privacy.mechanism!r})"
        if self.codec.lossless != "none":
            raise ValueError(
                f"codec.lossless(={self.codec.lossless!r}) is not allowed with {mechanism}: the "
                "length of a payload would depend on the phone's text, outside the claim"
            )
        if self.privacy.adaptive_clip is not None and self.protocol.kind == "buffered":
            raise ValueError(
                "privacy.adaptive_clip is not allowed with protocol.kind(='buffered'): one buffer "
                "holds updates that were measured against several clips; set a fixed clip"
            )
        cohort, uploads = self.privacy.noise_cohort, self.privacy.denominator or self.protocol.goal
        if cohort is not None and cohort < uploads:
            raise ValueError(
                f"privacy.noise_cohort(={cohort}) must be at least the denominator, {uploads:g}: "
                "it simulates the noise of larger cohorts"
            )
        return self

    @model_validator(mode="after")
    def _coins_amplify(self) -> "Experiment":
        mechanism = self.privacy.mechanism
        if self.protocol.kind == "poisson" and mechanism not in at("server"):
            raise ValueError(
                f"protocol.kind(='poisson') does nothing for privacy.mechanism(={mechanism!r}): "
                "secret coins amplify the noise of a trusted server; set kind = 'rounds'"
            )
        if self.protocol.kind == "poisson" and self.network.limits:
            limit = self.network.limits[0]
            raise ValueError(
                f"network.{limit}(={getattr(self.network, limit)}) is not allowed with "
                "protocol.kind(='poisson'): a phone on a shared link would delay others, which "
                "would show whom the coin drew"
            )
        budgets = self.run.budget.model_dump(exclude_none=True)
        if self.protocol.kind == "poisson" and budgets:
            key = next(iter(budgets))
            raise ValueError(
                f"run.budget.{key}(={budgets[key]:g}) is not allowed with protocol.kind(='poisson')"
                ": when it is spent follows from whom the coins drew"
            )
        if self.privacy.accountant != "pld" and self.protocol.kind != "poisson":
            raise ValueError(
                f"privacy.accountant(={self.privacy.accountant!r}) does nothing with "
                f"protocol.kind(={self.protocol.kind!r}), where epsilon has a closed form"
            )
        return self

    @model_validator(mode="after")
    def _word_is_typed(self) -> "Experiment":
        found = self.text.injection
        if found is not None and found.day >= self.run.days:
            raise ValueError(
                f"text.injection.day(={found.day:g}) must be before the run's end, "
                f"run.days(={self.run.days:g})"
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
    def _sizes_are_measured_alone(self) -> "Experiment":
        together = self.training.phones_together or 1
        if self.codec.lossless != "none" and together > 1:
            raise ValueError(
                f"training.phones_together(={together}) must be 1 with "
                f"codec.lossless(={self.codec.lossless!r}): the size of its payloads is measured "
                "phone by phone, and phones that train together come to other bits"
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
