"""What phones report adds up to the metric on the pooled text, group by group."""

from types import SimpleNamespace

import numpy as np
import pytest

from gboard_sim.learning.evaluation.evaluation import EvaluationSet, Scoring
from gboard_sim.learning.evaluation.held_out import (
    NEVER,
    HeldOutText,
    TallyPhones,
    phone_groups,
    pooled,
)
from gboard_sim.learning.evaluation.tally import Tally
from gboard_sim.learning.evaluation.word_scorer import Scored
from gboard_sim.learning.jobs import ScoreRows
from gboard_sim.learning.text.store import TextRows
from gboard_sim.seam.records import Cohort, LocalWork, Stint, Upload

LEXICON, LISTED = 9, np.array([0, 1, 2, 3, 4, 5, 7])
WORK = LocalWork(epochs=1, steps=None, batch_size=2, learning_rate=0.5)


class NoisyScorer:
    """Says something made up of each word: the same whatever it is asked together with."""

    def score(self, rows, chosen, parameters):
        at = np.concatenate(
            [np.arange(rows.word_offsets[r], rows.word_offsets[r + 1]) for r in chosen] or [[]]
        ).astype(np.int64)
        draw = np.random.default_rng(int(parameters[0]))
        every = draw.choice(np.append(LISTED, -1), (len(rows.words), 3)).astype(np.int32)
        nats = draw.exponential(5.0, len(rows.words)).astype(np.float32)
        answer = np.where(draw.random(len(every)) < 0.3, -1, every[:, 0]).astype(np.int32)
        return Scored(-nats[at], every[at], answer[at])


def typed(seed: int, phones: int) -> TextRows:
    """Held-out text of phones with 0 to 300 messages of 1 to 5 words."""
    draw = np.random.default_rng(seed)
    first = np.concatenate([[0], np.cumsum(draw.choice([0, 1, 4, 300], phones))])
    offsets = np.concatenate([[0], np.cumsum(draw.integers(1, 6, first[-1]))])
    words = draw.integers(0, LEXICON, offsets[-1]).astype(np.int32)
    everything = np.arange(len(words) + 1)
    later = np.ones(first[-1], bool)
    return TextRows(first, np.arange(first[-1]), later, offsets, words, offsets, words, everything)


def workshop_of(rows: TextRows) -> SimpleNamespace:
    return SimpleNamespace(
        rows=lambda name: {"later": rows}[name], scorer=NoisyScorer(), word_ids=LISTED,
        snapshots=SimpleNamespace(read=lambda version: np.array([version])),
    )  # fmt: skip


def cohort(phones, version: int, task: str = "evaluate") -> Cohort:
    stint = (Stint(0, 0, 0, WORK, (0, 1), 1, 0.0, 1.0),)
    uploads = [Upload(100 + p, p, 0, stint if task == "train" else (), 96, 1.0, 2.0)
               for p in phones]  # fmt: skip
    return Cohort(task, version, 10.0, tuple(uploads), (1.0,) * len(uploads), 0)


def judged(held_out: HeldOutText, workshop, phones, version: int):
    reporting = held_out.reporting(cohort(phones, version), after=version)
    parts = []
    while reporting.pending:
        parts.append(reporting.start())
    for number, job in reversed(parts):
        reporting.add(number, job.work(workshop))
    assert reporting.complete
    return {row["group"]: row for row in reporting.rows()}, len(parts)


@pytest.mark.parametrize("seed", range(4))
def test_pooled_reports_are_the_metric_on_the_pooled_text(seed):
    rows = typed(seed, 40)
    phones = np.flatnonzero(np.random.default_rng(seed).random(40) < 0.6)
    found, parts = judged(HeldOutText(rows, {}, np.full(40, NEVER)), workshop_of(rows), phones, 7)
    assert parts > 3
    chosen = np.flatnonzero(np.isin(rows.owner(), phones))
    words = np.concatenate([rows.words[rows.word_offsets[r] : rows.word_offsets[r + 1]]
                            for r in chosen])  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum(np.diff(rows.word_offsets)[chosen])])
    known = np.isin(np.arange(LEXICON), LISTED)
    scoring = Scoring.at(7, EvaluationSet("later", chosen, words, offsets, known, {}))
    while scoring.pending:
        number, job = scoring.start()
        assert isinstance(job, ScoreRows)
        scoring.add(number, job.work(workshop_of(rows)))
    expected = scoring.metrics().overall
    for name in expected.__slots__:
        assert found["all"][name] == pytest.approx(getattr(expected, name), rel=1e-12), name
    assert 0 < found["all"]["recall_at_1"] < found["all"]["recall_at_3"] < 1


def test_on_real_parts_reports_are_the_metric_on_the_pooled_text(text, workshop):
    later = text.store.later
    phones = np.array([1, 3, 5, 8, 9, 10])
    held_out = HeldOutText(later, {}, np.full(later.owners, NEVER))
    found, _ = judged(held_out, workshop, phones, 0)
    chosen = np.flatnonzero(np.isin(later.owner(), phones))
    scored = workshop.scorer.score(later, chosen, workshop.snapshots.read(0))
    words = np.concatenate([later.words[later.word_offsets[r] : later.word_offsets[r + 1]]
                            for r in chosen])  # fmt: skip
    hits = (scored.shown == words[:, None]).any(axis=1)
    assert found["all"]["positions"] == len(words) > 50
    assert found["all"]["recall_at_3"] == pytest.approx(hits.mean(), abs=1e-12)
    mean = -scored.logprob.astype(np.float64).mean()
    assert np.log(found["all"]["perplexity"]) == pytest.approx(mean, abs=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_every_group_is_what_counting_word_by_word_gives(seed):
    rows, draw = typed(seed, 30), np.random.default_rng(seed + 100)
    phone_class, amount = draw.integers(0, 3, 30), draw.integers(0, 12, 30)
    first_used = draw.choice([1, 3, 4, 5, NEVER], 30)
    groups = phone_groups(phone_class, ("low", "mid", "high"), amount)
    phones = np.arange(0, 30, 2)
    held_out = HeldOutText(rows, groups, first_used.copy())
    found, _ = judged(held_out, workshop_of(rows), phones, version=4)
    ordered = np.sort(amount)
    third = [np.quantile(ordered, share) for share in (1 / 3, 2 / 3)]
    member = {
        "all": lambda p: True,
        **{f"class:{n}": lambda p, c=c: phone_class[p] == c
           for c, n in enumerate(("low", "mid", "high"))},
        "activity:low": lambda p: amount[p] <= third[0],
        "activity:mid": lambda p: third[0] < amount[p] <= third[1],
        "activity:high": lambda p: amount[p] > third[1],
        "never trained": lambda p: first_used[p] > 4,
    }  # fmt: skip
    said = NoisyScorer().score(rows, np.arange(rows.rows), np.array([4]))
    owner = np.repeat(rows.owner(), np.diff(rows.word_offsets))
    for name, belongs in member.items():
        words = [w for w in range(len(rows.words)) if owner[w] in phones and belongs(owner[w])]
        if not words:
            assert name not in found
            continue
        inside = [w for w in words if rows.words[w] in LISTED]
        row = found[name]
        right = {w: [s for s in said.shown[w] if s == rows.words[w]] for w in inside}
        first = sum(said.shown[w][0] == rows.words[w] for w in inside)
        assert row["positions"] == len(words)
        assert row["recall_at_1"] == row["accuracy_fedjax"] == first / len(words)
        assert row["recall_at_3"] == sum(map(bool, right.values())) / len(words)
        tff = sum(said.answer[w] == rows.words[w] for w in inside)
        assert row["accuracy_tff"] == tff / len(inside)
        assert row["oov_share"] == pytest.approx(1 - len(inside) / len(words), abs=1e-15)
        nats = sum(-float(said.logprob[w]) for w in words) / len(words)
        assert np.log(row["perplexity"]) == pytest.approx(nats, rel=1e-12)
    assert (row["version"], row["set"]) == (4, "phones")


def test_phones_are_never_trained_until_a_version_up_to_the_judged_one_used_them():
    rows = typed(1, 12)
    phones = np.flatnonzero(np.diff(rows.first))[:3]
    held_out = HeldOutText(rows, {}, np.full(12, NEVER))
    held_out.used(cohort(phones[:1], 2, "train"))
    held_out.used(cohort(phones[:2], 5, "train"))

    def never(version):
        found, _ = judged(held_out, workshop_of(rows), phones, version)
        return found.get("never trained", {"positions": 0})["positions"]

    words = np.diff(rows.word_offsets[rows.first])[phones]
    assert [never(v) for v in (1, 2, 4, 5)] == [
        words.sum(), words[1:].sum(), words[1:].sum(), words[2]
    ]  # fmt: skip


def test_phones_without_held_out_text_report_nothing_and_have_no_row():
    rows = typed(0, 6)
    empty = np.flatnonzero(np.diff(rows.first) == 0)
    assert len(empty)
    found, parts = judged(HeldOutText(rows, {}, np.full(6, NEVER)), workshop_of(rows), empty, 1)
    assert (found, parts) == ({}, 1)


def test_phones_that_typed_equally_much_are_in_one_group():
    groups = phone_groups(np.zeros(6, int), ("only",), np.array([5, 5, 5, 5, 9, 1]))
    assert groups["class:only"].all()
    assert groups["activity:low"].tolist() == [True] * 4 + [False, True]
    assert groups["activity:high"].tolist() == [False] * 4 + [True, False]


def test_a_report_is_sums_whatever_the_phones_share_of_the_text():
    """Means of means would be .5; nine of ten words are one phone's."""
    scored = Scored(np.full(10, -1.0, np.float32), np.zeros((10, 3), np.int32), np.zeros(10, int))
    targets = np.array([0] * 9 + [1], np.int32)
    tally = Tally.of(scored, targets, np.ones(10, bool), np.array([0] * 9 + [1]), 2)
    assert pooled(tally, np.ones(2, bool)).recall_at_3 == 0.9
    assert tally.nats.tolist() == [9.0, 1.0]


def test_a_job_names_the_version_that_it_needs():
    assert TallyPhones(4, np.arange(2)).versions() == {4}
