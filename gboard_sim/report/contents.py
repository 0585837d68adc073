"""What a report is made of: a run directory, read once and checked for what the page needs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gboard_sim.errors import RunDirectoryError
from gboard_sim.report.session_log import SessionLog
from gboard_sim.runlog import purposes, served
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.runlog.tables import SCHEMAS
from gboard_sim.seam.records import Flags, Floats, Ints
from gboard_sim.units import BYTES_PER_MB, DAY_S


@dataclass(frozen=True, slots=True)
class FleetFacts:
    """What `fleet.json` says of the phones.

    Attributes:
        eligible_by_hour: Mean number of eligible phones in each simulated hour. Shape [hours].
        eligible_by_local_hour: The same by the hour of the phones' own day. Shape [24].
        participants_by_hour: Sessions begun in each simulated hour. Shape [hours].
        classes: Names of the phone classes, from slow to fast.
        phones_by_class: Phones of each. Shape [classes].
        participations: Uploads that became part of a version, ascending. Shape [values].
        phones_by_participations: Phones with that many. Shape [values].
        participants_by_local_hour: Mean number of sessions configured in an hour of the phones' own
            day, or None where it was not kept. Shape [24].
        never_eligible_by_class: Phones of each class that were never eligible, or None where that
            was not kept. Shape [classes].
        first_use_wait_h: Whole hours from a phone's first eligibility to its first used upload,
            ascending; None where that was not kept. Shape [values].
        phones_by_first_use_wait: Phones that waited so long. Shape [values].
    """

    eligible_by_hour: Floats
    eligible_by_local_hour: Floats
    participants_by_hour: Floats
    classes: tuple[str, ...]
    phones_by_class: Ints
    participations: Ints
    phones_by_participations: Ints
    participants_by_local_hour: Floats | None = None
    never_eligible_by_class: Ints | None = None
    first_use_wait_h: Ints | None = None
    phones_by_first_use_wait: Ints | None = None

    @property
    def phones(self) -> int:
        """Phones in the fleet."""
        return int(self.phones_by_class.sum())

    @classmethod
    def parse(cls, found: Mapping[str, Any]) -> "FleetFacts":
        """The facts in an object read from `fleet.json`.

        Raises:
            KeyError: A key is missing.
            TypeError: A value is of another type.
            ValueError: A value does not fit the others.
        """
        uploads, phones = _counts(found["participations"])
        waits = found.get("first_use_wait_h")
        waited_h, waited = (None, None) if waits is None else _counts(waits)
        local = found.get("participants_by_local_hour")
        never = found.get("never_eligible_by_class")
        facts = cls(
            eligible_by_hour=np.asarray(found["eligible_by_hour"], dtype=np.float64),
            eligible_by_local_hour=np.asarray(found["eligible_by_local_hour"], dtype=np.float64),
            participants_by_hour=np.asarray(found["participants_by_hour"], dtype=np.float64),
            classes=tuple(str(name) for name in found["classes"]),
            phones_by_class=np.asarray(found["phones_by_class"], dtype=np.int64),
            participations=uploads,
            phones_by_participations=phones,
            participants_by_local_hour=None if local is None else np.asarray(local, np.float64),
            never_eligible_by_class=None if never is None else np.asarray(never, np.int64),
            first_use_wait_h=waited_h,
            phones_by_first_use_wait=waited,
        )
        for hours in (facts.eligible_by_local_hour, facts.participants_by_local_hour):
            if hours is not None and len(hours) != 24:
                raise ValueError("eligible_by_ and participants_by_local_hour must have 24 numbers")
        never = facts.never_eligible_by_class
        if never is not None and (
            never.shape != facts.phones_by_class.shape or np.any(never > facts.phones_by_class)
        ):
            raise ValueError("never_eligible_by_class must have a part of each of phones_by_class")
        if len(facts.eligible_by_hour) != len(facts.participants_by_hour):
            raise ValueError("eligible_by_hour and participants_by_hour must be equally long")
        if len(facts.classes) != len(facts.phones_by_class) or facts.phones <= 0:
            raise ValueError("phones_by_class must have one count for each of classes, not all 0")
        return facts


def _counts(found: Mapping[str, Any]) -> tuple[Ints, Ints]:
    """The keys, ascending, and the counts of an object such as `{"0": 5, "3": 1}`."""
    pairs = sorted((int(key), int(n)) for key, n in found.items())
    keys, counts = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    return keys, counts


@dataclass(frozen=True, slots=True)
class Contents:
    """Everything that the page says, and nothing from anywhere else.

    Attributes:
        experiment_toml: The experiment file, as resolved.
        provenance: Libraries, processor, command.
        summary: The flat figures.
        ledger: The privacy ledger, or None without a mechanism.
        fleet: The phones.
        sessions: One row per session.
        versions: One row per version that a server step made, ascending.
        evaluations: One row per version, set and group.
        served: One row per hour, see `gboard_sim.runlog.served`; None without installs.
        keyboard: What `gboard-sim keyboard` found, or None before that.
    """

    experiment_toml: str
    provenance: Mapping[str, Any]
    summary: Mapping[str, Any]
    ledger: Mapping[str, Any] | None
    fleet: FleetFacts
    sessions: SessionLog
    versions: pa.Table
    evaluations: pa.Table
    served: pa.Table | None = None
    keyboard: Mapping[str, Any] | None = None

    @classmethod
    def read(cls, directory: RunDirectory) -> "Contents":
        """Reads a run directory.

        Raises:
            RunDirectoryError: A file is missing, damaged, or does not fit the others.
        """
        toml = directory / "experiment.toml"
        try:
            experiment = toml.read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise RunDirectoryError(f"{toml}: cannot be read: {error}") from error
        found = _object(directory, "fleet.json")
        try:
            fleet = FleetFacts.parse(found)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise RunDirectoryError(
                f"{directory / 'fleet.json'}: damaged: {type(error).__name__}: {error}"
            ) from error
        versions = _table(directory, "versions")
        made = versions.filter(pc.greater(versions["version"], 0)).sort_by("version")
        contents = cls(
            experiment_toml=experiment,
            provenance=_object(directory, "provenance.json"),
            summary=_object(directory, "summary.json"),
            ledger=(
                _object(directory, "ledger.json") if (directory / "ledger.json").is_file() else None
            ),
            fleet=fleet,
            sessions=_sessions(directory),
            versions=made,
            evaluations=_table(directory, "evaluations"),
            served=_served(directory),
            keyboard=_keyboard(directory),
        )
        classes = numbers(contents.sessions, "phone_class")
        if len(classes) and not (classes.min() >= 0 and classes.max() < len(fleet.classes)):
            raise RunDirectoryError(
                f"{directory / 'sessions.parquet'}: phone_class(={classes.max():g}): "
                f"fleet.json has {len(fleet.classes)} classes"
            )
        return contents

    @property
    def buffered(self) -> bool:
        """Whether an asynchronous server made the versions, which has no rounds."""
        return self.summary.get("protocol") == "buffered"

    def days_at(self, version: Floats) -> Floats:
        """Simulated days at which versions were made; NaN where it is not known. Shape [n]."""
        made = np.concatenate([[0.0], numbers(self.versions, "version")])
        closed_s = np.concatenate([[0.0], numbers(self.versions, "closed_s")])
        at = np.minimum(np.searchsorted(made, version), len(made) - 1)
        days: Floats = np.where(made[at] == version, closed_s[at], np.nan) / DAY_S
        return days

    def uplink_mb_per_phone_at(self, days: Floats) -> Floats:
        """Megabytes that had left a phone, in the mean over the fleet, by then. Shape [n]."""
        ended_s = numbers(self.sessions, "ended_s")
        order = np.argsort(ended_s, kind="stable")
        sent = np.cumsum(numbers(self.sessions, "upload_bytes")[order])
        until = np.searchsorted(ended_s[order], days * DAY_S, side="right")
        total = np.concatenate([[0.0], sent])[until]
        mb: Floats = total / self.fleet.phones / BYTES_PER_MB
        return np.where(np.isnan(days), np.nan, mb)

    def used(self) -> Flags:
        """Which sessions' uploads became part of a version. Shape [sessions]."""
        trained = pc.equal(self.sessions["task"], "train")
        used = pc.and_(trained, pc.greater_equal(self.sessions["used_in"], 0))
        mask: Flags = used.to_numpy().astype(np.bool_)
        return mask

    def by_row(self, rule: Callable[[str, str], int]) -> npt.NDArray[Any]:
        """What a rule of task and shape says of each session. Shape [sessions]."""
        return purposes.by_row(self.sessions["task"], self.sessions["shape"], rule)

    def phones_by_class_with(self, mask: Flags) -> Ints:
        """Different phones of each class that have any of some sessions. Shape [classes]."""
        phone = self.sessions["phone"].to_numpy()[mask]
        class_of = np.full(int(phone.max(initial=-1)) + 1, -1)
        class_of[phone] = self.sessions["phone_class"].to_numpy()[mask]
        phones: Ints = np.bincount(class_of[class_of >= 0], minlength=len(self.fleet.classes))
        return phones

    def sums_by_class(self, column: str) -> Floats:
        """A column of the sessions, summed over each phone class. Shape [classes]."""
        sums: Floats = np.bincount(
            numbers(self.sessions, "phone_class").astype(np.int64),
            weights=numbers(self.sessions, column),
            minlength=len(self.fleet.classes),
        ).astype(np.float64)
        return sums

    def evaluated(self, set_name: str, group: str) -> pa.Table:
        """The evaluations of a set and group, by version, ascending."""
        table = self.evaluations
        mask = pc.and_(pc.equal(table["set"], set_name), pc.equal(table["group"], group))
        return table.filter(mask).sort_by("version")

    def figure(self, key: str) -> float | None:
        """A number of the summary; None where it is absent, null or NaN."""
        value = self.summary.get(key)
        if isinstance(value, bool) or not isinstance(value, int | float) or np.isnan(value):
            return None
        return float(value)


def numbers(table: pa.Table | SessionLog, column: str) -> Floats:
    """A numeric column as float64, null as NaN. Shape [rows]."""
    found: npt.NDArray[Any] = table[column].to_numpy()
    return found.astype(np.float64)


def _object(directory: RunDirectory, name: str) -> Mapping[str, Any]:
    found = directory.read_json(name)
    if not isinstance(found, Mapping):
        raise RunDirectoryError(f"{directory / name}: must hold an object")
    return found


def _keyboard(directory: RunDirectory) -> Mapping[str, Any] | None:
    """What was found by typing on the run's keyboard, or None before that."""
    if not (directory / "keyboard.json").is_file():
        return None
    found = _object(directory, "keyboard.json")
    if missing := {"strip", "people", "phone_classes", "compose", "trigger"} - found.keys():
        raise RunDirectoryError(
            f"{directory / 'keyboard.json'}: lacks {', '.join(sorted(missing))}; hint: "
            f"gboard-sim keyboard {directory.path} writes it again"
        )
    return found


def _sessions(directory: RunDirectory) -> SessionLog:
    _check(directory, "sessions")
    return SessionLog(directory)


def _table(directory: RunDirectory, name: str) -> pa.Table:
    """A table of the run with the columns that it should have."""
    _check(directory, name)
    return directory.table(name)


def _served(directory: RunDirectory) -> pa.Table | None:
    if not (directory / "served.parquet").is_file():
        return None
    _check(directory, "served", served.SCHEMA)
    return directory.table("served")


def _check(directory: RunDirectory, name: str, schema: pa.Schema | None = None) -> None:
    schema = schema or SCHEMAS[name]
    if not directory.schema(name).equals(schema):
        raise RunDirectoryError(
            f"{directory / name}.parquet: its columns are not those of this version: "
            f"{', '.join(schema.names)}"
        )
