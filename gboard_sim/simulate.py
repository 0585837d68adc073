"""The join: builds both halves from an experiment, runs them, and writes the run directory."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from gboard_sim import artefacts, experiment_file, provenance, relearning, served, world
from gboard_sim.checkpoint import Checkpoint
from gboard_sim.claims import seen_by
from gboard_sim.errors import (
    CatalogueError,
    CorpusError,
    ExperimentError,
    IncompatibleError,
    RunDirectoryError,
    TimingChangedError,
)
from gboard_sim.experiment import Experiment
from gboard_sim.fleet.fake_learner import FakeLearner, plausible_typing
from gboard_sim.fleet.recorded_learner import JournaledLearner
from gboard_sim.fleet.simulation import FleetEnd, simulate
from gboard_sim.fleet_facts import fleet_facts
from gboard_sim.journal import Journal
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.local_only import LocalOnlyLearner
from gboard_sim.learning.text.divided_corpus import read_divided
from gboard_sim.learning.text.prepared import prepare
from gboard_sim.learning.trainers.device import settled
from gboard_sim.learning.typed_rows import TypedSizes
from gboard_sim.learning.verdict import judge
from gboard_sim.learning_half import (
    model_bytes,
    numbers_sent,
    open_engine,
    open_learner,
    open_workshop,
    published_chain,
    replayed,
    typed_sizes,
)
from gboard_sim.machine import MachineMeter
from gboard_sim.privacy.ledger import Ledger, RunningLedger, read_event
from gboard_sim.progress import Teller, Watch
from gboard_sim.protocols import Learner, Sized
from gboard_sim.recorded_fleet import RecordedFleet
from gboard_sim.records import PrivacyEvent
from gboard_sim.runlog import RunDirectory, unused
from gboard_sim.summary import Learnt, fleet_figures, plain, summarise
from gboard_sim.world import World

REFUSALS = (CatalogueError, CorpusError, ExperimentError, IncompatibleError, TimingChangedError)


@dataclass(frozen=True, slots=True)
class Run:
    """A finished run.

    Attributes:
        directory: Where it lies.
        summary: The object in `summary.json`.
    """

    directory: RunDirectory
    summary: dict[str, Any]

    def table(self, name: str) -> pa.Table:
        """A table of the run: `sessions`, `cohorts`, `answers`, `versions` or `evaluations`."""
        return self.directory.table(name)

    def flat_summary(self) -> dict[str, Any]:
        """The summary without nesting: `machine.wall_s`, `session_shapes.-v[]+^`, ..."""
        flat: dict[str, Any] = {}
        for key, value in self.summary.items():
            if isinstance(value, dict):
                flat |= {f"{key}.{inner}": found for inner, found in value.items()}
            else:
                flat[key] = value
        return flat


def run(
    experiment: Experiment, *, out: Path | str | None = None, watch: Watch | None = None
) -> Run:
    """Carry out an experiment.

    Args:
        experiment: What to run.
        out: The run directory, new or empty; by default `runs/<name>-<seed>`, then `-2`, ...
        watch: Told how far the run is.

    Raises:
        GboardSimError: The experiment, the text or the directory cannot be used.
    """
    directory = _place(experiment, out)
    with directory.locked(), _fresh(directory):
        return _carry_out(experiment, directory, None, watch)


def resume(
    path: Path | str,
    *,
    workers: int | None = None,
    engine: str | None = None,
    ray_address: str | None = None,
    watch: Watch | None = None,
) -> Run:
    """Continue a run that was stopped, to the same end that it would have come to.

    Args:
        path: Its run directory.
        workers: Worker processes, where they should differ from the experiment's.
        engine: `local` or `ray`, likewise; the experiment's address is kept by `ray` alone.
        ray_address: Of the cluster, likewise.
        watch: Told how far the run is.

    Raises:
        RunDirectoryError: It is not a run directory of this version, or the run has ended.
    """
    directory = RunDirectory.open(Path(path), whole=False)
    with directory.locked():
        if (directory / "summary.json").exists():
            _clean(directory)
            raise RunDirectoryError(
                f"{path}: the run has ended already; gboard-sim report {path} makes its page again"
            )
        experiment = experiment_file.load(
            directory / "experiment.toml",
            overrides=experiment_file.machinery(workers, engine, ray_address),
        )
        _same_makers(directory, experiment)
        return _carry_out(experiment, directory, Checkpoint.load(directory), watch)


def relearn(
    experiment: Experiment,
    fleet_of: Path | str,
    *,
    out: Path | str | None = None,
    watch: Watch | None = None,
) -> Run:
    """Learn from the recorded fleet of a run that has ended, as `run` would with its own.

    Args:
        experiment: That of the run but for what `relearning.FREE` lists.
        fleet_of: The run's directory.
        out: As for `run`.
        watch: As for `run`.

    Raises:
        GboardSimError: As for `run`, or the fleet would have gone another way.
    """
    recorded = RunDirectory.open(Path(fleet_of))
    experiment = relearning.open_recorded(recorded, experiment)
    directory = _place(experiment, out)
    with directory.locked(), _fresh(directory):
        return _carry_out(experiment, directory, None, watch, recorded)


def run_fleet(
    experiment: Experiment, *, out: Path | str | None = None, watch: Watch | None = None
) -> Run:
    """Run the fleet of an experiment alone, with a learner that learns nothing.

    The phones' text is made up (`fake_learner.plausible_typing`); arguments as for `run`.
    """
    directory = _place(experiment, out)
    with directory.locked(), _fresh(directory), MachineMeter() as meter:
        made = world.build(experiment)
        if made.parts.word_rows == "typed":
            raise ExperimentError(
                "training.word_rows = 'typed' is not allowed in a run of the fleet alone, whose "
                "phones have no words; set it to all or frozen"
            )
        _begin(directory, experiment, "fleet")
        size = experiment.text.vocabulary
        typing = plausible_typing(
            made.population.phones,
            experiment.run.days,
            experiment.run.seed,
            mean_rows=experiment.text.messages_per_user,
            cache_rows=experiment.text.cache_rows,
        )
        chain = published_chain(made, size)
        learner = FakeLearner(typing, model_bytes(made, size), downlink=chain)
        journal = Journal(directory / "journal", spills=True)
        seam = JournaledLearner(learner, journal, versions=True)
        teller = Teller(experiment.run, watch)
        with meter.timing("fleet"):
            end = _run_fleet(made, size, None, seam, journal, teller.fleet)
        journal.join(directory.path)
        finished = _end(directory, made, meter, end, None)
        _clean(directory)
        return finished


def _place(experiment: Experiment, out: Path | str | None) -> RunDirectory:
    """The directory that a run will write, made now so that a bad one is found at once."""
    arm = "" if experiment.run.arm == "federated" else f"-{experiment.run.arm.replace(':', '-')}"
    name = f"{experiment.name}{arm}-{experiment.run.seed}"
    return RunDirectory.create(unused(Path("runs"), name) if out is None else Path(out))


@contextmanager
def _fresh(directory: RunDirectory) -> Iterator[None]:
    """Removes what a run wrote that turned out not to be possible before its first checkpoint."""
    try:
        yield
    except REFUSALS as error:
        # What was learned of a fleet that went another way is of no use to its own.
        if isinstance(error, TimingChangedError) or Checkpoint.load(directory) is None:
            for path in directory.path.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()
            with suppress(OSError):  # a link, or the folder we stand in
                directory.path.rmdir()
        raise


def _same_makers(directory: RunDirectory, experiment: Experiment) -> None:
    """Refuses to resume what is no learning run, or what other libraries or other text began.

    Raises:
        RunDirectoryError: Names what differs; the rest of the run would have other bits.
    """
    began = directory.read_json("provenance.json")
    now = provenance.facts(experiment.text.source)
    if began.get("kind") != "run":
        raise RunDirectoryError(f"{directory.path}: a run of the fleet alone; start it again")
    if began.get("text_sha256") != now["text_sha256"]:
        raise RunDirectoryError(
            f"{directory.path}: text.source = {experiment.text.source!r} is not the file that the "
            "run began with; restore it, or start a new run"
        )
    there, here = began.get("libraries", {}), now["libraries"]
    for name in sorted({*there, *here}):
        if there.get(name) != here.get(name):
            raise RunDirectoryError(
                f"{directory.path}: provenance.json: {name} = {there.get(name)!r}, here "
                f"{here.get(name)!r}; install what began the run, or start a new one"
            )


def _clean(directory: RunDirectory) -> None:
    """Remove what only a run that has not ended needs."""
    for name in ("journal", "checkpoints"):
        shutil.rmtree(directory / name, ignore_errors=True)


def _begin(directory: RunDirectory, experiment: Experiment, kind: str) -> None:
    """Write what a resumed run needs first."""
    directory.write_text("experiment.toml", experiment_file.dump(experiment))
    directory.write_json(
        "provenance.json", {"kind": kind, **provenance.facts(experiment.text.source)}
    )


def _carry_out(
    experiment: Experiment,
    directory: RunDirectory,
    checkpoint: Checkpoint | None,
    watch: Watch | None,
    recorded: RunDirectory | None = None,
) -> Run:
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
        settings = experiment.text
        divided = read_divided(settings, experiment.fleet.phones, experiment.run.seed)
        experiment = experiment.with_phones(len(divided.fleet))
        made = world.build(experiment)
        text = prepare(
            divided,
            settings,
            days=experiment.run.days,
            utc_offset_s=made.population.utc_offset_s,
            seed=experiment.run.seed,
        )
        made = world.sized(made, Tokenizer(text.vocabulary.model).size)
        if checkpoint is None:
            _begin(directory, experiment, "run")
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
        teller.tell(f"an update has {most}{sent:,} of {whole:,} parameters ({sent / whole:.1%})")
        alone = isinstance(learner, LocalOnlyLearner)
        seam = JournaledLearner(replayed(learner, journal, checkpoint), journal, versions=alone)
        with meter.timing("fleet"):
            end: FleetEnd | RecordedFleet
            if recorded is None:
                end = _run_fleet(made, workshop.tokens, typed, seam, journal, teller.fleet)
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
        parameters = workshop.snapshots.read(version)
        test = verdict.sets.get("test")
        facts = {
            "experiment": experiment.name,
            "seed": experiment.run.seed,
            "version": version,
            "recall_at_3": None if test is None else test.overall.recall_at_3,
            "recall_words": None if test is None else test.overall.positions,
            "text": text.corpus.source,
            "text_licence": experiment.text.known_licence,
            "training": experiment.training.model_dump(include={"learning_rate", "batch_size"}),
        }
        artefacts.write(directory, workshop, parameters, facts)
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
        finished = _end(directory, made, meter, end, learnt, ledger.events)
        _clean(directory)
        return finished


def _running_ledger(made: World, directory: RunDirectory) -> RunningLedger:
    """Where privacy events are written before their versions are published."""

    def write(document: Mapping[str, Any]) -> None:
        directory.write_json("ledger.json", plain(document))

    entered = []
    if (directory / "ledger.json").exists():  # of a run that is resumed
        entered = [read_event(row) for row in directory.read_json("ledger.json")["events"]]
    return RunningLedger(made.claim, entered, write)


def _run_fleet(
    made: World,
    tokens: int,
    typed: TypedSizes | None,
    learner: Learner,
    journal: Journal,
    tell: Callable[[float, int], None],
) -> FleetEnd:
    """Run the fleet against a learner; `typed` tells sizes that follow from the phones' text."""
    settings, schedule = made.experiment, made.schedule
    versions, reason = settings.run.versions, "versions"
    lasts = None if made.claim is None else made.claim.bounds.versions
    if lasts is not None and lasts != versions:
        versions, reason = lasts, "budget:epsilon"
    parameters = made.wire(tokens).parameters
    if isinstance(schedule, Sized):
        if made.codec.size == "measured":
            raise ExperimentError(
                f"schedule.name = {schedule.name!r} needs the size of an upload beforehand, which "
                f"codec {made.codec.name!r} does not have; set codec to one of fixed size"
            )
        if typed is not None:
            raise ExperimentError(
                f"schedule.name = {schedule.name!r} needs the size of an upload beforehand, which "
                "training.word_rows = 'typed' leaves to each phone's text; set it to all or frozen"
            )
        schedule = schedule.sized(made.codec.payload_bytes(parameters))
    return simulate(
        made.population,
        made.rules,
        schedule,
        made.codec,
        learner,
        parameters=parameters,
        sizes=None if typed is None or made.codec.size == "measured" else typed.payload_bytes,
        flop_per_token=made.flop_per_token(tokens),
        seed=settings.run.seed,
        days=settings.run.days,
        versions=versions,
        versions_reason=reason,
        budgets=settings.run.budget.model_dump(exclude_none=True),
        evaluate_every=settings.evaluation.every,
        lookahead=settings.run.lookahead,
        terms=made.terms,
        windows=made.windows,
        weights=settings.server.weights,
        keeps_versions=made.downlink is not None,
        log=journal.sessions,
        log_installed=journal.installed,
        progress=tell,
    )


def _end(
    directory: RunDirectory,
    made: World,
    meter: MachineMeter,
    end: FleetEnd | RecordedFleet,
    learnt: Learnt | None,
    events: tuple[PrivacyEvent, ...] | None = None,
) -> Run:
    """Write what is derived from a run that is over: the summary last."""
    if isinstance(end, RecordedFleet):
        facts, figures = end.facts, end.figures
    else:
        facts, figures = fleet_facts(directory, made, end), fleet_figures(directory, end)
    directory.write_json("fleet.json", facts)
    ledger = None
    if made.claim is not None:
        ledger = Ledger(made.claim, events, seen_by(directory))
        directory.write_json("ledger.json", plain(ledger.document()))
    served.write(directory)
    summary = summarise(directory, made, meter, figures, learnt, ledger)
    directory.write_json("summary.json", summary)
    return Run(directory, summary)
