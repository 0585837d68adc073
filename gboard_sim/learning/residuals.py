"""Error feedback: what a lossy codec left out of a phone's payload goes into its next one.

F. Seide et al., "1-Bit Stochastic Gradient Descent" (Interspeech 2014); S. Stich et al.,
"Sparsified SGD with Memory" (NeurIPS 2018, arXiv 1809.07599); S. Karimireddy et al., "Error
Feedback Fixes SignSGD" (ICML 2019, arXiv 1901.09847): with p = update + residual, send C(p), and
keep p - C(p).

Which phone has a residual follows from the cohorts alone, so it is settled as soon as a cohort
closes, in the order of the phones' sessions, whoever trains what and when. An upload is trained
once the version that it started from exists, and the residual that it takes. A residual never
changes: it is named by the payload that left it, so the same job leaves the same file, however
often it is carried out.

An attempt that the server did not use is never trained, so no residual can come of it. What its
phone has then is that of before (`keep`), as though the attempt had not been: the phone learns that
its payload was not used and takes back what it added. Or it throws that away (`discard`), if any of
its payload was sent; a session that ended before its upload began took nothing and changes nothing.
A schedule that looks at an update before it is sent looks at it without the residual.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any, Literal

import numpy as np

from gboard_sim.errors import RunDirectoryError
from gboard_sim.halves import Halves, halves
from gboard_sim.runlog.directory import aside, writing
from gboard_sim.seam.protocols import Codec
from gboard_sim.seam.records import Cohort, Vector
from gboard_sim.seam.uploads import Uploads

Name = tuple[int, int]
"""Of a residual: the phone, and its own count of payloads before the one that left it."""

AfterRejection = Literal["keep", "discard"]


@dataclass(frozen=True, slots=True)
class Carry:
    """What one upload has to do with residuals.

    Attributes:
        takes: The one that is added to its update, if any.
        leaves: Whether what it leaves may be taken later.
    """

    takes: Name | None = None
    leaves: bool = False


@dataclass(frozen=True, slots=True)
class Kept:
    """The residuals that phones have after a version.

    Attributes:
        names: Least recently left first.
        phones: Phones that ever took one, ascending.
        evicted: Residuals that were thrown away for want of room.
        discarded: Those that phones threw away after a rejection or a loss.
    """

    names: tuple[Name, ...] = ()
    phones: tuple[int, ...] = ()
    evicted: int = 0
    discarded: int = 0

    @classmethod
    def of(cls, facts: Mapping[str, Any]) -> "Kept":
        """What a checkpoint holds of it."""
        names = tuple((phone, nth) for phone, nth in facts["names"])
        return cls(names, tuple(facts["phones"]), facts["evicted"], facts["discarded"])


def send(
    codec: Codec, update: Vector, residual: Halves | None, name: Name
) -> tuple[Vector, int, Halves]:
    """Send an update with what earlier payloads left out of theirs.

    Args:
        codec: What it goes through.
        update: The update. Shape [P].
        residual: What the phone kept, in half precision: it is scratch, and half the disk.
        name: The phone, and its own count of payloads before.

    Returns:
        What the server reads (shape [P]), the payload's size, and what is left (shape [P]).
    """
    whole = update if residual is None else update + residual
    received, size = codec.transmit(whole, *name)
    return received, size, halves(whole - received)


class Residuals:
    """The residuals of a run: who has one, and a file of each.

    Args:
        folder: Where they lie; made if it is not there.
        most: Residuals kept; the phone that left its own the longest ago loses it.
        after_rejection: Whether a phone keeps its residual when its payload was not used.
        state: What the learner goes on from.

    Raises:
        RunDirectoryError: One of the state's is missing.
    """

    def __init__(
        self,
        folder: Path,
        most: int,
        after_rejection: AfterRejection = "keep",
        state: Kept | None = None,
    ) -> None:
        state = state or Kept()
        self._folder = folder
        self._most = most
        self._discards = after_rejection == "discard"
        self._live = OrderedDict(state.names)
        self._phones = set(state.phones)
        self._evicted, self._discarded = state.evicted, state.discarded
        self._after: dict[int, Kept] = {}
        self._there = set(state.names)
        self._left_by: dict[Name, int] = dict.fromkeys(state.names, 0)
        self._saved = frozenset(state.names)
        with writing(folder):
            folder.mkdir(parents=True, exist_ok=True)
            files = {path.name for path in folder.iterdir()}
            wanted = {self._path(name).name for name in state.names}
            for stale in files - wanted:
                (folder / stale).unlink()
        if missing := sorted(wanted - files):
            raise RunDirectoryError(
                f"{folder / missing[0]}: missing; it is part of the checkpoint: start a new run"
            )

    def follow(self, cohort: Cohort) -> tuple[Carry, ...]:
        """Settle what a cohort's uploads take and leave; cohorts come in order of versions."""
        uploads = Uploads.of(cohort.uploads)
        columns = (uploads.session, uploads.phone, uploads.nth)
        sent = list(zip(*(column.tolist() for column in columns), strict=True))
        lost = [(d.session, d.phone, None) for d in cohort.dropouts if "+" in d.shape]
        taken: dict[Name, Name | None] = {}
        for _, phone, nth in sorted([*sent, *(lost if self._discards else ())]):
            old = self._live.pop(phone, None)
            if nth is None:
                self._discarded += old is not None
                continue
            taken[phone, nth] = None if old is None else (phone, old)
            if old is not None:
                self._phones.add(phone)
            self._live[phone] = nth
            if len(self._live) > self._most:
                self._live.popitem(last=False)
                self._evicted += 1
        names = tuple(self._live.items())
        phones = tuple(sorted(self._phones))
        self._after[cohort.makes_version] = Kept(names, phones, self._evicted, self._discarded)
        wanted = {*names, *taken.values()}
        left = [(phone, nth) for _, phone, nth in sent if (phone, nth) in wanted]
        self._left_by |= dict.fromkeys(left, cohort.makes_version)
        return tuple(Carry(taken[p, nth], (p, nth) in wanted) for _, p, nth in sent)

    def after(self, version: int) -> Kept:
        """What phones have after a version that is not settled yet."""
        return self._after[version]

    def there(self, names: Iterable[Name]) -> bool:
        """Whether all of some residuals are there to be taken."""
        return self._there.issuperset(names)

    def write(self, name: Name, residual: Halves) -> None:
        """Keep what a payload left. Shape [P]."""
        content = BytesIO()  # numpy itself would not say why a write failed
        np.save(content, residual)
        with aside(self._path(name)) as partial:
            partial.write_bytes(content.getbuffer())
        self._there.add(name)

    def read(self, name: Name) -> Halves:
        """What a payload left. Shape [P]."""
        residual: Halves = np.load(self._path(name))
        return residual

    def saved(self, kept: Kept | None) -> None:
        """Take note of what the newest checkpoint needs."""
        self._saved = frozenset(kept.names if kept else ())

    def settled(self, version: int) -> None:
        """Remove what no later upload takes and no checkpoint needs, once a version is settled."""
        kept = self._after.pop(version, None)
        if kept is None:
            return
        needed = self._saved.union(kept.names)
        for name in [n for n, by in self._left_by.items() if by <= version and n not in needed]:
            del self._left_by[name]
            self._there.discard(name)
            self._path(name).unlink(missing_ok=True)

    def _path(self, name: Name) -> Path:
        return self._folder / f"{name[0]}-{name[1]}.npy"
