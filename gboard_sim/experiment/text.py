"""The table of an experiment that is about text."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from gboard_sim.experiment.values import Count, Positive, Share, Table

LAW_LICENCE = "MIT, as the bigram counts of SymSpell from which models/law was made"


class Injection(Table):
    """`[text.injection]`: a word that comes into use on a day of the run.

    It must occur nowhere in the text. It is listed among the words that a keyboard may show from
    the first version on, as if it stood in a dictionary: public text never has it.

    Attributes:
        word: The word, as the word rule leaves it: lower case, no punctuation around it.
        day: Simulated days after which messages may have it. Later text, on which versions are
            judged, is the latest of all and may always have it.
        share: Share of those messages that have it, once, at a place drawn evenly.
    """

    word: Annotated[str, Field(min_length=1, max_length=64)]
    day: Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
    share: Annotated[float, Field(gt=0.0, le=1.0)]


class Text(Table):
    """`[text]`: whose words the phones hold, and when they were typed.

    Attributes:
        source: `synthetic` for the embedded law, or a path to JSON lines, CSV or Parquet with the
            columns user, text and time (the first two may be packed by gzip). Empty waits for
            `--corpus`.
        licence: Of the source, as the manifest of the artefacts is to name it; "" says nothing.
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
        injection: A word that comes into use while the run lasts; None for none.
    """

    source: str = "synthetic"
    licence: str = ""
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
    injection: Injection | None = None

    @property
    def known_licence(self) -> str | None:
        """The licence of the source; that of the embedded law is known."""
        return self.licence or (LAW_LICENCE if self.source == "synthetic" else None)

    @model_validator(mode="after")
    def _leaves_training_users(self) -> "Text":
        taken = self.public_share + self.validation_share + self.test_share
        if taken >= 1.0:
            raise ValueError(f"public, validation and test shares sum to {taken}; must be below 1")
        return self

    @model_validator(mode="after")
    def _word_comes_while_phones_type(self) -> "Text":
        if self.injection is not None and self.arrival == "at_start" and self.injection.day:
            raise ValueError(
                f"injection.day(={self.injection.day:g}) must be 0 with arrival(='at_start'): "
                "nothing is typed later"
            )
        return self
