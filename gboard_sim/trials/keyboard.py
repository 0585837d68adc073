"""The join behind `gboard-sim keyboard`: what a run's model does for people who type.

The run's text is read again. Every choice is made on messages of validation users and every figure
is read on messages of test users, except for phone classes: test users have no phone, so those are
read on what the fleet's own users typed after all that their phones trained on.
"""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from gboard_sim import seeds
from gboard_sim.course.text import experiment_with_text
from gboard_sim.errors import ArtefactError
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.keyboard import decoder
from gboard_sim.keyboard.artefact import read_file, read_manifest
from gboard_sim.keyboard.decoder import Decoder
from gboard_sim.keyboard.keyboard import Keyboard
from gboard_sim.keyboard.typed import Typed, by_owner, figures, type_out
from gboard_sim.learning.text.corpus import Corpus
from gboard_sim.learning.text.divided_corpus import DividedCorpus, read_divided
from gboard_sim.learning.text.user_sets import later
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.plain import plain
from gboard_sim.seam.records import Ints
from gboard_sim.trials import compose as compose_trial
from gboard_sim.world import world

MESSAGES = 2000
"""Messages typed of each set (assumed): one or two minutes in all."""

LEAST_WORDS = 50
"""Words of a person whose own figures count (assumed): fewer say little of that person."""


@dataclass(frozen=True, slots=True)
class Sample:
    """Messages of one set of users.

    Attributes:
        number: The corpus's numbers. Shape [messages].
        words: The words of each.
        owner: Who typed it, as a number of the corpus's users. Shape [messages].
    """

    number: Ints
    words: list[list[str]]
    owner: Ints

    @classmethod
    def of(cls, corpus: Corpus, messages: Ints, most: int) -> "Sample":
        """At most `most` of some messages, chosen evenly by hash."""
        order = np.argsort(seeds.bits(0, "keyboard trial", messages), kind="stable")
        number = np.sort(messages[order[:most]])
        ids, offsets = corpus.gather(number)
        spelt = [corpus.lexicon[word] for word in ids]
        words = [spelt[a:b] for a, b in pairwise(offsets)]
        return cls(number, words, corpus.user[number].astype(np.int64))


def trial(
    run: Path,
    artefact: Path,
    *,
    messages: int = MESSAGES,
    tell: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Type test messages on a run's keyboard.

    Args:
        run: The directory of a finished run.
        artefact: The keyboard: the run's own, or an export of it.
        messages: Most messages typed of each set.
        tell: Told what is being done.

    Raises:
        GboardSimError: The run, its text or the artefact cannot be used.
    """
    directory = RunDirectory.open(run)
    keyboard = Keyboard.load(artefact)
    manifest = _of_the_run(directory, artefact)
    experiment = experiment_with_text(directory)
    tell("reading the text of the run")
    divided = read_divided(experiment.text, experiment.fleet.phones, experiment.run.seed)
    corpus, sets = divided.corpus, divided.sets
    has = set((artefact / "words.txt").read_text(encoding="utf-8").split("\n")[:-1])
    test = Sample.of(corpus, corpus.messages_of(sets.test)[1], messages)
    validation = Sample.of(corpus, corpus.messages_of(sets.validation)[1], messages)
    tell(f"typing {len(test.words):,} messages of test users")
    typed = type_out(keyboard, test.words, test.owner, has)
    tell("typing what phones' own users typed later")
    held_out = later(corpus, experiment.text.held_out_share)
    own = corpus.messages_of(divided.fleet)[1]
    seen = Sample.of(corpus, own[held_out[own]], messages)
    seen_typed = type_out(keyboard, seen.words, seen.owner, has)
    tell("looking for continuations at every word boundary")
    chosen_on, read_on = (
        compose_trial.offered(keyboard, corpus, each.number, each.words)
        for each in (validation, test)
    )
    tell("tapping, with a finger that misses, and reading the taps")
    spatial = Decoder(sorted(has))
    seed = experiment.run.seed
    tuned = decoder.tap(keyboard, spatial, validation.words, validation.number, seed)
    tapped = decoder.tap(keyboard, spatial, test.words, test.number, seed)
    found = {
        "artefact": str(artefact),
        "weights": manifest.get("weights"),
        "text": experiment.text.source,
        "strip": asdict(figures(typed)),
        "people": by_owner(typed, LEAST_WORDS),
        "phone_classes": _by_class(experiment, divided, seen_typed),
        "compose": compose_trial.judged(typed, chosen_on, read_on)
        | {"law_coverage": compose_trial.law_coverage(divided, test.number, has)},
        "taps": asdict(decoder.word_error(tapped, decoder.chosen(tuned))),
    }
    told: dict[str, Any] = plain(found)
    return told


def _of_the_run(directory: RunDirectory, artefact: Path) -> Mapping[str, Any]:
    """The manifest of a folder that is whole, and whose model the run has made.

    Raises:
        ArtefactError: A file of it is damaged, or it is of another run, whose model may have been
            trained on those who judge it here.
    """
    manifest = read_manifest(artefact)
    for name in manifest["files"]:
        read_file(artefact, name, manifest["files"])
    own = directory.read_json("artefacts/manifest.json")
    for name in ("parameters.safetensors", "tokenizer.model", "words.txt"):
        if manifest["files"].get(name) != own["files"].get(name):
            raise ArtefactError(
                f"{artefact}: not an export of {directory.path}: another {name}; allowed: the "
                f"run's own artefacts or an export; hint: gboard-sim export {directory.path}"
            )
    return manifest


def _by_class(experiment: Experiment, divided: DividedCorpus, typed: Typed) -> dict[str, Any]:
    """The strip's figures by the class of the phone that each message was typed on."""
    population = world.build(experiment.with_phones(len(divided.fleet))).population
    phone_of = np.full(len(divided.corpus.users), -1)
    phone_of[divided.fleet] = np.arange(len(divided.fleet))
    class_of = population.phone_class[phone_of[typed.owner]]
    return {
        phone_class.name: asdict(figures(typed.of(class_of == number)))
        for number, phone_class in enumerate(population.mix.classes)
    }
