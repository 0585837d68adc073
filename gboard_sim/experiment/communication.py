"""`[schedule]` and `[codec]`: when phones upload, how much they train, and how small it is."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from gboard_sim.experiment.values import Count, Positive, Share, Table


class Schedule(Table):
    """`[schedule]`: when phones upload, and how much they train between uploads.

    A schedule refuses a key that is not its own; what is not given takes the schedule's default.

    Attributes:
        name: A name from the schedules.
        k: Windows in a cycle (`every_kth`).
        max_age: Versions for which training that was not accepted is kept (`every_kth`,
            `norm_triggered`, `lazy`, `data_budget`).
        trains: In which windows of a cycle phones train: `all`, or the `last` (`every_kth`).
        rebase: When a phone moves on to a newer version within a cycle: `never`, or `each_window`
            (`every_kth`).
        switch: First version with more than one step (`post_local`).
        growth: What a stage adds, in parts of the first H (`linear_growth`).
        exponent: How fast H falls (`decreasing`).
        every: Versions in a stage (`linear_growth`, `decreasing`, `adacomm`).
        least: Smallest H (`decreasing`).
        most: Largest H (`linear_growth`, `quadratic`).
        alpha: Learning rate at which the rule asks for one step (`quadratic`).
        gamma: What H falls by where the loss does not lower it (`adacomm`).
        threshold: Squared norm, in squared learning rates, above which phones send
            (`norm_triggered`).
        epsilon: How that grows with the version; 1 is not at all (`norm_triggered`).
        most_windows: Windows after which a phone sends in any case (`norm_triggered`).
        norm: Length of an update from which on phones send (`lazy`).
        age: Versions from which on they send in any case (`lazy`).
        agreement: Share of signs that must be those of the last step, at version 1 (`cmfl`).
        uplink_mb_per_month: Megabytes that a phone may send in thirty days (`data_budget`).
        windows_per_month: Windows in which a phone is eligible in that time (`data_budget`).
    """

    name: str = "fixed"
    k: Count | None = None
    max_age: Annotated[int, Field(ge=0)] | None = None
    trains: Literal["all", "last"] | None = None
    rebase: Literal["never", "each_window"] | None = None
    switch: Count | None = None
    growth: Positive | None = None
    exponent: Positive | None = None
    every: Count | None = None
    least: Count | None = None
    most: Count | None = None
    alpha: Positive | None = None
    gamma: Share | None = None
    threshold: Positive | None = None
    epsilon: Share | None = None
    most_windows: Count | None = None
    norm: Positive | None = None
    age: Count | None = None
    agreement: Share | None = None
    uplink_mb_per_month: Positive | None = None
    windows_per_month: Positive | None = None


class CodecOptions(Table):
    """A codec and its options.

    A codec refuses a key that is not its own; what is not given takes the codec's default.

    Attributes:
        name: A name from the codecs.
        bits: Of each number: 1, 2, 4 or 8 (`k_level`), up to 24 (`modular`).
        rotate: Whether the update is rotated at random before (`k_level`).
        block: Numbers that share a range or a scale (`k_level`, `one_bit`, `drive`).
        scale: `unbiased` or `least_error` (`drive`).
        share: What is sent, of the numbers (`top_k`, `random_mask`) or of the whole blocks, of
            which one is always sent (`drive`). An unbiased payload of less is longer than the
            update, and a clip at the server, as central privacy has it, cuts that off.
    """

    name: str = "fp32"
    bits: Count | None = None
    rotate: bool | None = None
    block: Count | None = None
    scale: str | None = None
    share: Share | None = None

    @property
    def options(self) -> dict[str, Any]:
        """What is given beside the name."""
        given = self.model_dump(include=set(CodecOptions.model_fields), exclude_none=True)
        del given["name"]
        return given


class Downlink(CodecOptions):
    """`[downlink]`: what phones download.

    With `fp32` it is the whole model, every time. With another codec phones keep the version that
    they downloaded last, and the next time download the differences from it, one for each version
    made since and each through the codec, or the whole model where that is less. The server keeps
    its own parameters; phones train from what is published, and that is what is judged and
    exported.
    """


class Codec(CodecOptions):
    """`[codec]`: how an update becomes bytes.

    Attributes:
        lossless: What the codec's payloads are compressed by; their size is then measured, for
            which phones are trained as soon as they are configured.
        error_feedback: Whether a phone adds to its update what its last used payload left out
            (`one_bit`, `top_k`, and `drive` with `scale = "least_error"`).
        residuals_kept: Residuals kept at most, for all phones; beyond, the phone that left its own
            the longest ago loses it. Each takes two bytes a parameter of scratch.
        after_rejection: Whether a phone whose payload was sent and not used `keep`s the residual
            that it had before, or `discard`s it.
    """

    lossless: Literal["none", "zstd"] = "none"
    error_feedback: bool = False
    residuals_kept: Count | None = None
    after_rejection: Literal["keep", "discard"] | None = None

    @model_validator(mode="after")
    def _residuals_are_kept(self) -> "Codec":
        for key in ("residuals_kept", "after_rejection"):
            if getattr(self, key) is not None and not self.error_feedback:
                raise ValueError(
                    f"{key}(={getattr(self, key)!r}) does nothing without error_feedback = true"
                )
        if self.error_feedback and self.lossless != "none":
            raise ValueError(
                f"error_feedback is not allowed with lossless(={self.lossless!r}): how large a "
                "payload is would depend on what another left out, which may not be known when it "
                "is sent; hint: set lossless to 'none'"
            )
        return self
