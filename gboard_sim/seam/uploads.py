"""Attempts as columns: a cohort of hundreds crosses the seam as a few arrays.

One becomes an object of `records` when somebody asks for it, and is not kept.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import overload

import numpy as np
import numpy.typing as npt

from gboard_sim import ranges
from gboard_sim.seam.records import Dropout, Floats, Ints, LocalWork, Stint, Upload


@dataclass(frozen=True, slots=True, eq=False)
class StintRows:
    """The stints of n attempts, one after another, oldest first within each.

    Attributes:
        first: Attempt `i` has the stints `first[i]:first[i + 1]`. Shape [n + 1].
        phone: Of each stint. Shape [m], as all below.
        nth: The phone's own count of stints before it.
        version: The version that it trained on from.
        row_first: First row of `Typing` in its cache.
        row_last: Last-plus-one row.
        tokens: Tokens trained on.
        began_s: Start of training.
        ended_s: End of training.
        work: What was done, as a place in `works`.
        works: Different local works.
    """

    first: Ints
    phone: Ints
    nth: Ints
    version: Ints
    row_first: Ints
    row_last: Ints
    tokens: Ints
    began_s: Floats
    ended_s: Floats
    work: Ints
    works: tuple[LocalWork, ...]

    def __len__(self) -> int:
        return len(self.first) - 1

    @classmethod
    def of(cls, attempts: Iterable[Sequence[Stint]]) -> "StintRows":
        """Columns of stints that are objects."""
        lists = list(attempts)
        stints = [stint for each in lists for stint in each]
        works = tuple(dict.fromkeys(stint.local for stint in stints))
        place = {work: at for at, work in enumerate(works)}

        def ints(values: Iterable[int]) -> Ints:
            return np.fromiter(values, dtype=np.int64)

        return cls(
            first=np.concatenate([[0], np.cumsum([len(each) for each in lists])]).astype(np.int64),
            phone=ints(s.phone for s in stints),
            nth=ints(s.nth for s in stints),
            version=ints(s.version for s in stints),
            row_first=ints(s.rows[0] for s in stints),
            row_last=ints(s.rows[1] for s in stints),
            tokens=ints(s.tokens for s in stints),
            began_s=np.array([s.began_s for s in stints], dtype=np.float64),
            ended_s=np.array([s.ended_s for s in stints], dtype=np.float64),
            work=ints(place[s.local] for s in stints),
            works=works,
        )

    @classmethod
    def joined(cls, parts: Sequence["StintRows"]) -> "StintRows":
        """The attempts of several parts, one part after another."""
        works = tuple(dict.fromkeys(work for part in parts for work in part.works))
        place = {work: at for at, work in enumerate(works)}
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _COLUMNS}
        columns["work"] = np.concatenate(
            [np.array([place[w] for w in part.works], dtype=np.int64)[part.work] for part in parts]
        )
        count = np.concatenate([np.diff(part.first) for part in parts])
        first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        return cls(first=first, works=works, **columns)

    def attempt(self, place: int) -> tuple[Stint, ...]:
        """The stints of one attempt."""
        return tuple(
            Stint(
                phone=int(self.phone[row]),
                nth=int(self.nth[row]),
                version=int(self.version[row]),
                local=self.works[self.work[row]],
                rows=(int(self.row_first[row]), int(self.row_last[row])),
                tokens=int(self.tokens[row]),
                began_s=float(self.began_s[row]),
                ended_s=float(self.ended_s[row]),
            )
            for row in range(self.first[place], self.first[place + 1])
        )

    def take(self, attempts: Ints) -> "StintRows":
        """The stints of some attempts, in their order. Shape [k]."""
        count = np.diff(self.first)[attempts]
        first = np.concatenate([[0], np.cumsum(count)]).astype(np.int64)
        rows = ranges.owned(self.first, attempts)
        columns = {name: getattr(self, name)[rows] for name in _COLUMNS}
        return StintRows(first=first, works=self.works, **columns)

    def totals(self, values: npt.NDArray[np.generic]) -> Ints:
        """Sums of integers over the stints of each attempt. Shape [m] to shape [n]."""
        until = np.concatenate([[0], np.cumsum(values)]).astype(np.int64)
        summed: Ints = until[self.first[1:]] - until[self.first[:-1]]
        return summed


Sizes = Callable[[StintRows], Ints]
"""The payload's size of attempts, as their text tells. Shape [n]."""

_COLUMNS = (
    "phone",
    "nth",
    "version",
    "row_first",
    "row_last",
    "tokens",
    "began_s",
    "ended_s",
    "work",
)
_UPLOADS = ("session", "phone", "nth", "payload_bytes", "sent_s", "arrived_s")


@dataclass(frozen=True, slots=True, eq=False)
class Uploads(Sequence[Upload]):
    """Uploads that the server accepted. Shape [n] each.

    Attributes:
        session: Numbers of their sessions.
        phone: The phones, ascending.
        nth: Each phone's own count of payloads before.
        stints: All training since each phone's last accepted upload.
        payload_bytes: Sizes of the encoded updates.
        sent_s: When each phone began to send.
        arrived_s: When the last byte reached the server.
    """

    session: Ints
    phone: Ints
    nth: Ints
    stints: StintRows
    payload_bytes: Ints
    sent_s: Floats
    arrived_s: Floats

    @classmethod
    def of(cls, uploads: Sequence[Upload]) -> "Uploads":
        """Columns of uploads that are objects; columns stay as they are."""
        if isinstance(uploads, cls):
            return uploads
        return cls(
            session=np.array([u.session for u in uploads], dtype=np.int64),
            phone=np.array([u.phone for u in uploads], dtype=np.int64),
            nth=np.array([u.nth for u in uploads], dtype=np.int64),
            stints=StintRows.of(u.stints for u in uploads),
            payload_bytes=np.array([u.payload_bytes for u in uploads], dtype=np.int64),
            sent_s=np.array([u.sent_s for u in uploads], dtype=np.float64),
            arrived_s=np.array([u.arrived_s for u in uploads], dtype=np.float64),
        )

    def __len__(self) -> int:
        return len(self.phone)

    @overload
    def __getitem__(self, place: int) -> Upload: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Upload, ...]: ...
    def __getitem__(self, place: int | slice) -> Upload | tuple[Upload, ...]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(*place.indices(len(self))))
        at = range(len(self))[place]
        return Upload(
            session=int(self.session[at]),
            phone=int(self.phone[at]),
            nth=int(self.nth[at]),
            stints=self.stints.attempt(at),
            payload_bytes=int(self.payload_bytes[at]),
            sent_s=float(self.sent_s[at]),
            arrived_s=float(self.arrived_s[at]),
        )

    def __iter__(self) -> Iterator[Upload]:
        return (self[at] for at in range(len(self)))

    @classmethod
    def joined(cls, parts: Sequence["Uploads"]) -> "Uploads":
        """Those of several flights, in phone order."""
        columns = {name: np.concatenate([getattr(p, name) for p in parts]) for name in _UPLOADS}
        whole = cls(stints=StintRows.joined([part.stints for part in parts]), **columns)
        return whole.take(np.argsort(whole.phone, kind="stable"))

    def take(self, rows: Ints) -> "Uploads":
        """Some of them, in the order of `rows`."""
        columns = {name: getattr(self, name)[rows] for name in _UPLOADS}
        return Uploads(stints=self.stints.take(rows), **columns)

    @property
    def base(self) -> Ints:
        """The version that each update is measured from."""
        return self.stints.version[self.stints.first[1:] - 1]


@dataclass(frozen=True, slots=True, eq=False)
class Dropouts(Sequence[Dropout]):
    """Attempts whose work the server will not use, in order of their ends. Shape [n] each.

    Attributes:
        session: Numbers of their sessions.
        phone: The phones.
        stints: The training that was lost, or kept for a retry.
        shape: How each session went.
        at_s: When it ended.
    """

    session: Ints
    phone: Ints
    stints: StintRows
    shape: npt.NDArray[np.str_]
    at_s: Floats

    @classmethod
    def of(cls, dropouts: Sequence[Dropout]) -> "Dropouts":
        """Columns of dropouts that are objects; columns stay as they are."""
        if isinstance(dropouts, cls):
            return dropouts
        return cls(
            session=np.array([d.session for d in dropouts], dtype=np.int64),
            phone=np.array([d.phone for d in dropouts], dtype=np.int64),
            stints=StintRows.of(d.stints for d in dropouts),
            shape=np.array([d.shape for d in dropouts], dtype="<U8"),
            at_s=np.array([d.at_s for d in dropouts], dtype=np.float64),
        )

    @classmethod
    def none(cls) -> "Dropouts":
        """No attempt at all."""
        nothing = np.zeros(0, dtype=np.int64)
        return cls(nothing, nothing, StintRows.of([]), np.zeros(0, dtype="<U8"), np.zeros(0))

    @classmethod
    def joined(cls, parts: Sequence["Dropouts"]) -> "Dropouts":
        """Those of several flights, in order of their ends."""
        whole = cls(
            session=np.concatenate([part.session for part in parts]),
            phone=np.concatenate([part.phone for part in parts]),
            stints=StintRows.joined([part.stints for part in parts]),
            shape=np.concatenate([part.shape for part in parts]),
            at_s=np.concatenate([part.at_s for part in parts]),
        )
        return whole.take(np.lexsort((whole.phone, whole.at_s)))

    def take(self, rows: Ints) -> "Dropouts":
        """Some of them, in the order of `rows`."""
        return Dropouts(
            self.session[rows],
            self.phone[rows],
            self.stints.take(rows),
            self.shape[rows],
            self.at_s[rows],
        )

    def __len__(self) -> int:
        return len(self.phone)

    @overload
    def __getitem__(self, place: int) -> Dropout: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Dropout, ...]: ...
    def __getitem__(self, place: int | slice) -> Dropout | tuple[Dropout, ...]:
        if isinstance(place, slice):
            return tuple(self[at] for at in range(*place.indices(len(self))))
        at = range(len(self))[place]
        return Dropout(
            session=int(self.session[at]),
            phone=int(self.phone[at]),
            stints=self.stints.attempt(at),
            shape=str(self.shape[at]),
            at_s=float(self.at_s[at]),
        )
