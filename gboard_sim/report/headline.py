"""The figures that a reader wants first: what was learned, what it took, what was promised."""

from collections.abc import Iterator
from dataclasses import dataclass

from gboard_sim.report import quantity
from gboard_sim.report.contents import Contents
from gboard_sim.runlog.round_times import QUANTILES


@dataclass(frozen=True, slots=True)
class Row:
    """One figure.

    Attributes:
        label: What it is.
        value: The figure with its unit.
        note: What a reader may need to know of it.
    """

    label: str
    value: str
    note: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """Figures that belong together."""

    title: str
    rows: tuple[Row, ...]


def sections(contents: Contents) -> list[Section]:
    """The figures, without those that nothing is known of because nothing was learned."""
    return [
        section
        for section in (
            Section("Learned", tuple(_learned(contents))),
            Section("Took", tuple(_took(contents))),
            Section("Promised", tuple(_promised(contents))),
        )
        if section.rows
    ]


def learned(contents: Contents) -> bool:
    """Whether the run trained a model at all."""
    return contents.figure("recall_at_3") is not None


def synthetic(contents: Contents) -> bool:
    """Whether the text was made by the embedded law."""
    return contents.summary.get("text_source") == "synthetic"


def stop_reason(contents: Contents) -> str:
    """Why the run ended, in words."""
    reason = str(contents.summary.get("stop_reason") or "unknown")
    kind, _, detail = reason.partition(":")
    words = {
        "days": "the simulated days were over",
        "versions": "the versions asked for were made",
        "target_recall_at_3": "validation recall reached its target",
        "target_recall": "validation recall reached its target",
        "no_gain": "validation recall no longer rose",
        "budget": f"a budget was spent: {detail.replace('_', ' ')}",
    }
    return words.get(kind, reason.replace("_", " "))


def _learned(contents: Contents) -> Iterator[Row]:
    if not learned(contents):
        return
    figure = contents.figure
    yield Row(
        "recall@3",
        quantity.recall(figure("recall_at_3")),
        "test words that were among the three suggestions",
    )
    yield Row("recall@1", quantity.recall(figure("recall_at_1")), "and that were the first of them")
    ceiling = figure("ceiling_recall_at_3")
    yield Row(
        "share of the ceiling",
        quantity.share(figure("ceiling_share")),
        f"the best that any model could do is {quantity.recall(ceiling)}"
        if ceiling is not None
        else "the best that any model could do is not known for this text",
    )
    yield Row(
        "n-gram recall@3", quantity.recall(figure("ngram_recall_at_3")), "a tuned Kneser-Ney model"
    )
    yield Row(
        "unigram recall@3",
        quantity.recall(figure("unigram_recall_at_3")),
        "always the three most frequent words",
    )
    yield Row(
        "recall@3 at version 0",
        quantity.recall(figure("recall_at_3_version_0")),
        "before any phone had trained",
    )
    yield Row("perplexity", quantity.decimal(figure("perplexity")), "per test word")


def _took(contents: Contents) -> Iterator[Row]:
    figure, fleet = contents.figure, contents.fleet
    yield Row("simulated days", quantity.decimal(figure("simulated_days")), stop_reason(contents))
    yield Row("versions", quantity.count(figure("versions")), "server steps")
    half, most, longest = (figure(f"round_s_p{q}") for q in QUANTILES)
    if half is not None and most is not None and longest is not None:
        first = "first " if contents.buffered else ""
        note = f"{first}configuration to close, median; {quantity.duration(most)} in nine of ten, "
        note += f"{quantity.duration(longest)} in 99 of 100"
        yield Row("a buffer" if contents.buffered else "a round", quantity.duration(half), note)
    took_part = figure("phones_participated")
    yield Row(
        "phones that took part",
        quantity.count(took_part),
        f"of {quantity.count(fleet.phones)}, in {quantity.count(figure('sessions'))} sessions",
    )
    if (sent := figure("parameters_on_wire")) is not None:
        note = f"{quantity.share(figure('wire_share'))} of the model's parameters"
        yield Row("numbers in an update", quantity.count(sent), note)
    if (fed_back := figure("residual_phones")) is not None:
        lost = [quantity.count(figure(f"residuals_{how}")) for how in ("evicted", "discarded")]
        yield Row(
            "phones that used a residual",
            quantity.count(fed_back),
            "error feedback did nothing for the others that took part; "
            f"{lost[0]} residuals were evicted, {lost[1]} discarded",
        )
    uplink = quantity.data(figure("uplink_bytes_per_phone_mean"))
    downlink = quantity.data(figure("downlink_bytes_per_phone_mean"))
    yield Row("uplink per phone", uplink, "mean over the fleet")
    yield Row("downlink per phone", downlink, "mean over the fleet")
    low = quantity.energy(figure("energy_j_per_phone_mean_low"))
    high = quantity.energy(figure("energy_j_per_phone_mean_high"))
    yield Row(
        "energy per phone",
        quantity.energy(figure("energy_j_per_phone_mean")),
        f"between {low} and {high}; mean over the fleet",
    )


def _promised(contents: Contents) -> Iterator[Row]:
    epsilon = contents.summary.get("epsilon_policy")
    ledger = contents.ledger or {}
    sentence = str(ledger.get("sentence") or "")
    if epsilon == "infinity":
        yield Row("epsilon", "infinite", sentence)
    elif isinstance(epsilon, int | float):
        yield Row("epsilon", f"{epsilon:.4g}", sentence)
    elif ledger.get("broken"):
        note = f"no claim: the run did not keep its bounds: {ledger['broken']}"
        yield Row("epsilon", quantity.UNKNOWN, note)
    elif contents.summary.get("privacy_extrapolated"):
        yield Row("epsilon", "none", sentence)
    else:
        yield Row("epsilon", "none", "no privacy mechanism ran: nothing is promised to a phone")
