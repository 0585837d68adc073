"""What a model does for people who type, as lines for a terminal: the face of `trials.keyboard`."""

from collections.abc import Iterator, Mapping
from typing import Any

from gboard_sim.report.quantity import count, share
from gboard_sim.report.text_table import lines

STRIP = (
    ("unknown words", "unknown", "not in the word list"),
    ("recall, top 1", "recall_at_1", "of the words"),
    ("recall, top 3", "recall_at_3", "of the words"),
    ("impression recall, top 1", "impression_recall_at_1", "of the strips shown"),
    ("impression recall, top 3", "impression_recall_at_3", "of the strips shown"),
    ("click-through", "click_through", "of the strips shown; assumed person"),
    ("keystrokes saved", "savings", "every word is taken once it is shown"),
    ("  assumed person", "savings_expected", "who types on more often than not"),
    ("  limit of the vocabulary", "savings_vocabulary", "perfect for the words that it has"),
    ("  perfect model", "savings_perfect", "one tap a word"),
)
"""Of the strip's figures: the label, the key, and what the share is of."""

_SOURCES = {
    "model": "the model",
    "remembered": "it and the person's own phrases",
    "remembered_new": "both, only in messages that the person never typed before",
}
"""Of Smart Compose: the key, and what offers."""


def lines_of(found: Mapping[str, Any]) -> Iterator[str]:
    """The figures of a trial.

    Args:
        found: What `trials.keyboard.trial` returned, with `adaptation` and `trigger`, which
            may be None.
    """
    strip = found["strip"]
    yield (
        f"{found['artefact']} ({found['weights']}): {count(strip['messages'])} messages, "
        f"{count(strip['words'])} words of test users"
    )
    yield ""
    yield from lines(
        [
            {"strip of three": label, "share": share(strip[key]), "what": what}
            for label, key, what in STRIP
        ]
    )
    yield ""
    yield _people(found["people"])
    yield ""
    yield from lines(
        [
            {
                "phones, later text": name,
                "words": each["words"],
                "top-3 recall": share(each["recall_at_3"]),
                "keystrokes saved": share(each["savings"]),
            }
            for name, each in found["phone_classes"].items()
        ]
    )
    yield ""
    yield from _compose(found["compose"])
    yield ""
    yield from _taps(found["taps"])
    if found["adaptation"] is not None:
        yield ""
        yield _adaptation(found["adaptation"])
    if found["trigger"] is not None:
        yield ""
        yield from _trigger(found["trigger"])


def _people(people: Mapping[str, Any]) -> str:
    """How people differ."""
    spreads = (("keystrokes saved", people["savings"]), ("top-3 recall", people["recall_at_3"]))
    told = (
        f"{name} {' / '.join(share(spread[at]) for at in ('p10', 'p50', 'p90'))}"
        for name, spread in spreads
    )
    return (
        f"{count(people['people'])} people with {people['least_words']} words or more: "
        f"{', '.join(told)} (10th / 50th / 90th percentile)"
    )


def _compose(compose: Mapping[str, Any]) -> Iterator[str]:
    """Smart Compose of the model alone, and with what was typed before, and the law's best."""
    wanted = share(compose["wanted_precision"])
    for source, name in _SOURCES.items():
        found = compose[source]
        if found["confidence"] is None:
            yield (
                f"Smart Compose by {name} offers nothing, because on validation messages no "
                f"confidence has a precision of {wanted} (lower end of its 95% interval)"
            )
            continue
        test = found["test"]
        yield (
            f"Smart Compose by {name}, at confidence {found['confidence']} (chosen on validation "
            f"messages): {count(test['right'])} of {count(test['offered'])} offers right, "
            f"{share(test['precision'])} (95%: at least {share(test['precision_low'])}), at "
            f"{share(test['coverage'])} of the word boundaries; keystrokes saved with it "
            f"{share(found['savings'])}, with the strip alone {share(compose['savings_strip'])}"
        )
    if compose["law_coverage"] is not None:
        yield (
            f"the synthetic law's own best coverage at a precision of {wanted}: "
            f"{share(compose['law_coverage'])}"
        )


def _taps(taps: Mapping[str, Any]) -> Iterator[str]:
    """What the language model repairs of taps that missed."""
    yield (
        f"word error of {count(taps['words'])} words tapped by a finger that misses: "
        f"{share(taps['literal'])} as hit, {share(taps['spatial'])} with the spatial decoder "
        f"alone, {share(taps['rescored'])} with the language model at weight {taps['weight']:g} "
        "(chosen on validation messages)"
    )
    yield (
        f"{share(taps['unknown'])} are not in the word list and always misread; of the others "
        f"{share(taps['spatial_known'])} and {share(taps['rescored_known'])}"
    )


def _adaptation(found: Mapping[str, Any]) -> str:
    """What a phone's own training does for its user."""
    if not found["people"]:
        return "adaptation: no test user has enough earlier and later text"
    return (
        f"adapted to {count(found['people'])} test users, each on earlier text, step size "
        f"{found['learning_rate']:g} (chosen on validation users): top-3 recall of their later "
        f"text {share(found['recall_at_3_before'])} before, {share(found['recall_at_3_after'])} "
        f"after; {share(found['helped'])} helped, {share(found['hurt'])} hurt"
    )


def _trigger(found: Mapping[str, Any]) -> Iterator[str]:
    """What a trigger does that phones have trained."""
    yield (
        f"trigger, trained by {count(found['phones'])} phones on {count(found['examples'])} "
        f"proposals in {found['rounds']} rounds; {count(found['proposed'])} proposals to test "
        f"users at {share(found['proposed'] / found['boundaries'])} of the word boundaries: "
        f"{share(found['precision_without'])} typed next without it; with it "
        f"{share(found['shown'] / found['proposed'])} are shown, "
        f"{share(found['precision_with'])} of them typed next (95%: at least "
        f"{share(found['precision_with_low'])}), {share(found['clicks_kept'])} of the clicks kept"
    )
    yield (
        "as many by the model's probability alone: "
        f"{share(found['precision_score_alone'])} typed next"
    )
