"""What phones do once they are at work: from windows and plans to priced sessions."""

from typing import Any

import numpy as np

from gboard_sim.fleet.asked import Asked
from gboard_sim.fleet.conditions import DOWNLOAD, TRAIN, UPLOAD
from gboard_sim.fleet.opened import Batch, Opened
from gboard_sim.fleet.phones import NONE, Phones
from gboard_sim.fleet.population import Population
from gboard_sim.fleet.pricing import shapes
from gboard_sim.fleet.work import Work
from gboard_sim.seam.protocols import Learner
from gboard_sim.seam.records import Flags, Floats, Ints, Task
from gboard_sim.seam.uploads import StintRows

FORWARD_SHARE = 1.0 / 3.0
"""Of the operations of training on a token, those of the forward pass: the backward pass has two
products for each of its (Kaplan et al., 2020, section 2.1)."""


class SessionDesk:
    """What phones are asked in sessions, and what their cycles come to.

    Args:
        population: The phones.
        phones: What they are doing.
        work: How much they train.
        learner: The learning half.
        flop_per_token: Floating-point operations to train on one token.
        timeout_s: Seconds after which the server gives up on a session.
        rebases: Whether phones that train download the newest version in every window.
    """

    def __init__(
        self,
        population: Population,
        phones: Phones,
        work: Work,
        learner: Learner,
        *,
        flop_per_token: float,
        timeout_s: float,
        keeps_versions: bool,
        rebases: bool,
        answer_bytes: int = 0,
    ) -> None:
        self._population = population
        self._phones = phones
        self._work = work
        self._learner = learner
        self._flop_per_token = flop_per_token
        self._timeout_s = timeout_s
        self._keeps_versions = keeps_versions
        self._rebases = rebases
        self._answer_bytes = answer_bytes

    def ask(
        self,
        phone: Ints,
        *,
        start_s: Floats,
        window_end_s: Floats,
        version: int,
        payload_bytes: Ints | None,
        task: Task = "train",
        sends: Flags | None = None,
    ) -> Opened:
        """Opens sessions in which each phone downloads and trains what its cycle still needs.

        With `evaluate` a phone downloads the version whatever it has, and scores its held-out text
        at the price of a forward pass.

        Args:
            phone: Distinct phones. Shape [n].
            start_s: When each may begin its first phase. Shape [n].
            window_end_s: When each stops being eligible. Shape [n].
            version: The version that phones without a cycle download, and with a schedule that
                rebases all that train.
            payload_bytes: What each uploads at the end, or None when nobody uploads. Shape [n].
            task: What they are asked.
            sends: Who uploads, where not everybody does. Shape [n].
        """
        phones, judges = self._phones, task == "evaluate"
        held, trains = phones.base[phone], ~phones.complete[phone] | judges
        downloads = (held == NONE) | judges
        if self._rebases:
            downloads |= trains & (held != version)
        base = np.where(downloads, version, held).astype(np.int64)
        wanted = np.zeros(len(phone), dtype=np.int64)
        has = phones.holds[phone[downloads]].astype(np.int64)
        if not self._keeps_versions:
            has[:] = -1
        wanted[downloads] = self._learner.download_bytes(has, version)
        uploads = payload_bytes is not None
        if sends is None:
            sends = np.full(len(phone), uploads)
        answered = sends & bool(self._answer_bytes and not judges)
        wanted[answered] += self._answer_bytes
        first, last, tokens = (np.zeros(len(phone), dtype=np.int64) for _ in range(3))

        def stint(rows: Ints, at_s: Floats) -> Ints:
            # Text that has left the cache since the check-in leaves a stint of no tokens.
            if judges:
                found = self._work.judged(phone[rows])
            else:
                found = self._work.stint(phone[rows], base[rows], at_s)
            first[rows], last[rows], tokens[rows] = found
            return tokens[rows]

        asked = Asked(
            phone=phone,
            count=phones.sessions[phone].astype(np.int64),
            start_s=start_s,
            window_end_s=window_end_s,
            gives_up_s=start_s + self._timeout_s if uploads else np.full(len(phone), np.inf),
            phases=np.stack([downloads | answered, trains, sends]),
            download_bytes=wanted,
            upload_bytes=np.zeros_like(wanted) if payload_bytes is None else payload_bytes,
            stint=stint,
            flop_per_token=self._flop_per_token * (FORWARD_SHARE if judges else 1.0),
        )
        return Opened(task, asked, base, first, last, tokens)

    def settle(
        self, batch: Batch, used: Flags, *, keeps: bool, uploads: bool, silent: Flags | None = None
    ) -> None:
        """Moves the cycles of phones on by what came of their sessions.

        Args:
            batch: The sessions.
            used: Whose upload the server used. Shape [n].
            keeps: Whether a phone whose upload was not used keeps what it has.
            uploads: Whether the windows were upload windows.
            silent: Who decided not to send, and trains on in the next window. Shape [n].
        """
        phones, priced, phone = self._phones, batch.priced, batch.phone
        holds = ~used if keeps or not uploads else np.zeros(len(phone), dtype=bool)
        based = holds & priced.downloaded
        phones.base[phone[based]] = batch.base[based]
        kept = holds & priced.trained
        phones.keep(
            phone[kept],
            base=batch.base[kept],
            first=batch.first[kept],
            last=batch.last[kept],
            tokens=batch.tokens[kept],
            began_s=priced.began_s[TRAIN, kept],
            ended_s=priced.began_s[UPLOAD, kept],
        )
        if uploads:
            phones.complete[phone[kept if silent is None else kept & ~silent]] = True
            phones.retrying[phone] = True
        phones.reset(phone[~holds])
        phones.sessions[phone] += 1
        phones.stints[phone] += priced.trained

    def stints(self, batch: Batch) -> StintRows:
        """What each phone of sessions that are not settled trained: what it kept, and now."""
        phone, priced = batch.phone, batch.priced
        judges = batch.task == "evaluate"
        kept = self._phones.unsent.kept(phone[:0] if judges else phone)
        new = np.flatnonzero(priced.trained)
        owner = np.concatenate([kept["owner"], new])
        order = np.argsort(owner, kind="stable")
        added = {
            "phone": phone,
            "nth": self._phones.stints[phone],
            "version": batch.base,
            "first": batch.first,
            "last": batch.last,
            "tokens": batch.tokens,
            "began_s": priced.began_s[TRAIN],
            "ended_s": priced.began_s[UPLOAD],
        }
        column = {
            name: np.concatenate([kept[name], values[new]])[order] for name, values in added.items()
        }
        count = np.bincount(owner, minlength=len(phone))
        work, works = self._work.places(column["phone"], column["version"])
        return StintRows(
            first=np.concatenate([[0], np.cumsum(count)]).astype(np.int64),
            phone=column["phone"],
            nth=column["nth"],
            version=column["version"],
            row_first=column["first"],
            row_last=column["last"],
            tokens=column["tokens"],
            began_s=column["began_s"],
            ended_s=column["ended_s"],
            work=work,
            works=works,
        )

    def columns(
        self,
        batch: Batch,
        *,
        began_s: Floats,
        version: Ints,
        checked_in: bool,
        used_in: Ints | int = -1,
    ) -> dict[str, Any]:
        """The sessions as columns of `records.Sessions`, but for their numbers.

        Args:
            batch: The sessions.
            began_s: When each checked in, or began without a check-in. Shape [n].
            version: The server's version then. Shape [n].
            checked_in: Whether they checked in.
            used_in: The version that used each upload or report, or -1. Shape [n].
        """
        priced, n = batch.priced, len(batch.phone)
        used_in = np.broadcast_to(np.asarray(used_in, dtype=np.int64), n)
        trains = batch.task == "train"
        return {
            "phone": batch.phone,
            "phone_class": self._population.phone_class[batch.phone],
            "task": np.full(n, batch.task),
            "shape": shapes(priced, checked_in, used_in >= 0),
            "version": version,
            "base": batch.base,
            "began_s": began_s,
            "ended_s": priced.ended_s,
            "wait_s": priced.began_s[DOWNLOAD] - began_s,
            "download_s": priced.spent_s[DOWNLOAD],
            "train_s": priced.spent_s[TRAIN],
            "upload_s": priced.spent_s[UPLOAD],
            "paused_s": priced.paused_s,
            "download_bytes": priced.download_bytes,
            "upload_bytes": priced.upload_bytes,
            "tokens": priced.tokens,
            "download_j": priced.phase_j[DOWNLOAD],
            "train_j": priced.phase_j[TRAIN],
            "upload_j": priced.phase_j[UPLOAD],
            "energy_low_j": priced.energy_j[0],
            "energy_j": priced.energy_j[1],
            "energy_high_j": priced.energy_j[2],
            "left_phone": (priced.upload_bytes > 0) & trains,
            "used_in": used_in if trains else np.full(n, -1),
        }
