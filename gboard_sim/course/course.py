"""The course of one run: from its text to its summary, from the start or from a checkpoint."""

import tempfile
from contextlib import ExitStack
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import Any

from gboard_sim import artefacts
from gboard_sim.claims.claims import seen_by
from gboard_sim.course import held_back, relearning
from gboard_sim.course.engine import open_engine
from gboard_sim.course.files import begin, clean
from gboard_sim.course.fleet_facts import fleet_facts
from gboard_sim.course.fleet_figures import fleet_figures
from gboard_sim.course.fleet_half import run_fleet
from gboard_sim.course.learning_half import open_learner, open_workshop, replayed
from gboard_sim.course.summary import Learnt, summarise
from gboard_sim.course.text import with_text
from gboard_sim.experiment.experiment import Experiment
from gboard_sim.fleet.fleet_end import FleetEnd
from gboard_sim.fleet.recorded_learner import JournaledLearner
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.local_only import LocalOnlyLearner
from gboard_sim.learning.text.prepared import PreparedText
from gboard_sim.learning.trainers.device import settled
from gboard_sim.learning.verdict import Verdict, judge
from gboard_sim.machine import MachineMeter
from gboard_sim.privacy.ledger import Ledger, RunningLedger, promised, read_event
from gboard_sim.progress import Teller, Watch
from gboard_sim.runlog import ledger_file, served
from gboard_sim.runlog.checkpoint import Checkpoint
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.journal import Journal
from gboard_sim.runlog.ledger_file import LedgerFile
from gboard_sim.runlog.plain import plain
from gboard_sim.runlog.recorded_fleet import RecordedFleet
from gboard_sim.seam.privacy_event import PrivacyEvent
from gboard_sim.world import world
from gboard_sim.world.typed_uploads import numbers_sent, typed_sizes
from gboard_sim.world.world import World


def carry_out(
    experiment: Experiment,
    directory: RunDirectory,
    checkpoint: Checkpoint | None,
    watch: Watch | None,
    recorded: RunDirectory | None = None,
) -> dict[str, Any]:
    """Run an experiment in its directory, from the start or from a checkpoint.

    With a recorded run its fleet is played again instead of running one.
    """
    experiment = settled(experiment)
    teller = Teller(experiment.run, watch)
    with ExitStack() as stack:
        meter = stack.enter_context(MachineMeter())
        scratch = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="gboard-sim-", ignore_cleanup_errors=True)
        )
        open_pool = stack.enter_context(open_engine(experiment))
        teller.tell("reading the text")
        made, text = with_text(experiment)
        experiment = made.experiment
        made = world.sized(made, Tokenizer(text.vocabulary.model).size)
        held_back.warn_before(made.schedule, learns=experiment.run.arm == "federated")
        if checkpoint is None:
            begin(directory, experiment, "run")
        workshop = open_workshop(made, text, directory, Path(scratch))
        pool = open_pool(workshop)
        stack.callback(pool.close)
        journal = Journal(directory / "journal", checkpoint.journal if checkpoint else None)
        ledger = _running_ledger(made, directory)
        learner = open_learner(
            made, text, directory, workshop, pool, journal, checkpoint, teller.tell, ledger.enter
        )
        teller.watch_recall(lambda: learner.recall_at_3)
        typed = typed_sizes(made, text, workshop)
        sent, whole = workshop.wire.parameters, workshop.wire.whole
        most = "" if typed is None else "at most "
        teller.tell(f"{most}{sent / whole:.1%} of {whole:,} parameters travel")
        alone = isinstance(learner, LocalOnlyLearner)
        seam = JournaledLearner(replayed(learner, journal, checkpoint), journal, versions=alone)
        with meter.timing("fleet"):
            end: FleetEnd | RecordedFleet
            if recorded is None:
                end = run_fleet(made, workshop.tokens, typed, seam, journal, teller.fleet)
            else:
                end = relearning.play(recorded, made, workshop.tokens, seam, journal, teller.fleet)
            learner.finish()
            waited_s = learner.waited_s
        teller.tell("judging the last version")
        verdict = judge(
            text,
            learner,
            experiment.evaluation,
            ended_s=end.ended_s,
            phone_class=made.population.phone_class,
            classes=tuple(kind.name for kind in made.population.mix.classes),
        )
        for name, metrics in verdict.sets.items():
            journal.rows("evaluations", metrics.rows(end.versions, name))
        journal.join(directory.path)
        version = learner.state.version
        parameters = workshop.snapshots.read(learner.last)
        artefacts.write(
            directory, workshop, parameters, _provenance(experiment, text, version, verdict)
        )
        learnt = Learnt(
            tokens=workshop.tokens,
            parameters=len(parameters),
            on_wire=numbers_sent(typed, workshop, directory),
            parameters_sha256=sha256(parameters.tobytes()).hexdigest(),
            totals=learner.state.totals,
            residuals=learner.state.residuals,
            verdict=verdict,
            pool=pool,
            waited_s=waited_s,
        )
        summary = end_run(directory, made, meter, end, learnt, ledger.events)
        clean(directory)
        return summary


def _provenance(
    experiment: Experiment, text: PreparedText, version: int, verdict: Verdict
) -> dict[str, Any]:
    """What the artefacts' manifest says of where they come from."""
    test = verdict.sets.get("test")
    return {
        "experiment": experiment.name,
        "seed": experiment.run.seed,
        "version": version,
        "recall_at_3": None if test is None else test.overall.recall_at_3,
        "recall_words": None if test is None else test.overall.positions,
        "text": Path(text.corpus.source).name,
        "text_licence": experiment.text.known_licence,
        "training": experiment.training.model_dump(include={"learning_rate", "batch_size"}),
    }


def _running_ledger(made: World, directory: RunDirectory) -> RunningLedger:
    """Where privacy events are written before their versions are published."""
    if made.claim is None:  # then no event comes
        return RunningLedger((), lambda _event: None)
    file = LedgerFile(directory, plain(promised(made.claim)))
    entered = [read_event(row) for row in file.rows]
    return RunningLedger(entered, lambda event: file.append(plain(asdict(event))))


def end_run(
    directory: RunDirectory,
    made: World,
    meter: MachineMeter,
    end: FleetEnd | RecordedFleet,
    learnt: Learnt | None,
    events: tuple[PrivacyEvent, ...] | None = None,
) -> dict[str, Any]:
    """Write what is derived from a run that is over: the summary last."""
    if isinstance(end, RecordedFleet):
        facts, figures = end.facts, end.figures
    else:
        facts, figures = fleet_facts(directory, made, end), fleet_figures(directory, end)
    directory.write_json("fleet.json", facts)
    ledger = None
    if made.claim is not None:
        ledger = Ledger(made.claim, events, seen_by(directory))
        rows = [plain(asdict(event)) for event in events or ()]
        ledger_file.write(directory, plain(ledger.facts()), rows)
    served.write(directory)
    summary = summarise(directory, made, meter, figures, learnt, ledger)
    directory.write_json("summary.json", summary)
    if learnt is not None:
        held_back.warn_after(directory, made.schedule, summary.get("updates_held_back_share"))
    return summary
