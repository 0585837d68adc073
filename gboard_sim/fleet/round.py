"""A configured round: every session's price and end, and so the moment at which it closes."""

from dataclasses import dataclass

import numpy as np

from gboard_sim.fleet.phones import Phones
from gboard_sim.fleet.pricing import TRAIN, UPLOAD, shapes
from gboard_sim.fleet.rules import RoundRules, Weights
from gboard_sim.fleet.selection import Selection
from gboard_sim.fleet.session import Batch, SessionDesk
from gboard_sim.fleet.work import Work
from gboard_sim.protocols import Codec, Learner
from gboard_sim.records import Attempt, Dropout, Flags, Floats, Ints, Stint, Upload


@dataclass(frozen=True, slots=True)
class Round:
    """A round whose every session is known from its configuration on.

    Attributes:
        configured_s: When it was configured.
        closes_s: When it closes: the goal-th upload, or the deadline.
        uploads: The uploads that the server uses, in phone order; empty when it is abandoned.
        weights: One per upload.
        dropouts: Attempts that it does not use, in order of their ends.
        abandoned: Whether fewer uploads than the minimum arrived in time.
    """

    configured_s: float
    closes_s: float
    uploads: tuple[Upload, ...]
    weights: tuple[float, ...]
    dropouts: tuple[Dropout, ...]
    abandoned: bool


def close(
    arrived_s: Floats, phone: Ints, configured_s: float, rules: RoundRules
) -> tuple[float, Flags]:
    """When a round closes, and whose uploads it uses.

    Args:
        arrived_s: When each upload arrives, infinite where none does. Shape [n].
        phone: The phones: uploads of one instant are taken in this order. Shape [n].
        configured_s: When the round was configured.
        rules: Goal, minimum and deadline.
    """
    deadline_s = configured_s + rules.deadline_s
    order = np.lexsort((phone, arrived_s))
    in_time = order[arrived_s[order] <= deadline_s]
    used = np.zeros(len(phone), dtype=bool)
    if len(in_time) >= rules.goal:
        used[in_time[: rules.goal]] = True
        return float(arrived_s[in_time[rules.goal - 1]]), used
    if len(in_time) >= rules.minimum:
        used[in_time] = True
    return deadline_s, used


class RoundDesk:
    """Configures rounds: prices the sessions of all phones held, at once."""

    def __init__(
        self,
        *,
        phones: Phones,
        phone_class: Ints,
        desk: SessionDesk,
        work: Work,
        learner: Learner,
        codec: Codec,
        rules: RoundRules,
        parameters: int,
        keeps: bool,
        weights: Weights,
    ) -> None:
        self._phones = phones
        self._class = phone_class
        self._desk = desk
        self._work = work
        self._learner = learner
        self._rules = rules
        self._keeps = keeps
        self._weights = weights
        self._fixed_bytes = codec.payload_bytes(parameters) if codec.size == "fixed" else None

    def configure(
        self, held: Selection, at_s: float, version: int, first_session: int
    ) -> tuple[Round, Batch, Flags]:
        """Hands out the plan of `version` to the phones held, in phone order.

        Args:
            held: The phones, all still eligible.
            at_s: The time of configuration.
            version: The version that is handed out.
            first_session: The number of the first phone's session; the rest follow.

        Returns:
            The round, its sessions, and whose upload is used. The phones have moved on.
        """
        n = len(held.phone)
        start_s = np.full(n, at_s)
        payload = np.full(n, self._fixed_bytes or 0, dtype=np.int64)
        batch = self._open(held, start_s, version, payload)
        attempts = self._attempts(batch, first_session)
        if self._fixed_bytes is None:
            payload = self._measure(batch, attempts)
            batch = self._open(held, start_s, version, payload)
        priced = batch.priced
        arrived_s = np.where(priced.arrived, priced.ended_s, np.inf)
        closes_s, used = close(arrived_s, batch.phone, at_s, self._rules)
        uploads = tuple(
            Upload(
                attempt.session,
                attempt.phone,
                attempt.nth,
                attempt.stints,
                payload_bytes=int(payload[row]),
                sent_s=float(priced.began_s[UPLOAD, row]),
                arrived_s=float(priced.ended_s[row]),
            )
            for row, attempt in enumerate(attempts)
            if used[row]
        )
        shape = shapes(priced, True, used)
        dropouts = sorted(
            (
                Dropout(
                    attempt.session,
                    attempt.phone,
                    attempt.stints,
                    str(shape[row]),
                    float(priced.ended_s[row]),
                )
                for row, attempt in enumerate(attempts)
                if not used[row]
            ),
            key=lambda dropout: (dropout.at_s, dropout.phone),
        )
        self._desk.settle(batch, used, keeps=self._keeps, uploads=True)
        configured = Round(
            configured_s=at_s,
            closes_s=closes_s,
            uploads=uploads,
            weights=tuple(self._weight(upload) for upload in uploads),
            dropouts=tuple(dropouts),
            abandoned=not uploads,
        )
        return configured, batch, used

    def _open(self, held: Selection, start_s: Floats, version: int, payload: Ints) -> Batch:
        return self._desk.open(
            held.phone,
            start_s=start_s,
            window_end_s=held.window_end_s,
            version=version,
            payload_bytes=payload,
        )

    def _attempts(self, batch: Batch, first_session: int) -> list[Attempt]:
        """Each phone's stints, those kept and the new one, if it was completed."""
        phones, priced, plans = self._phones, batch.priced, self._work.plans
        columns = zip(
            batch.phone.tolist(),
            self._class[batch.phone].tolist(),
            phones.payloads[batch.phone].tolist(),
            phones.stints[batch.phone].tolist(),
            batch.base.tolist(),
            priced.trained.tolist(),
            zip(batch.first.tolist(), batch.last.tolist(), strict=True),
            batch.tokens.tolist(),
            priced.began_s[TRAIN].tolist(),
            priced.began_s[UPLOAD].tolist(),
            phones.unsent.some(batch.phone).tolist(),
            strict=True,
        )
        attempts = []
        for row, column in enumerate(columns):
            phone, kind, nth, trained_before, base, trained, rows, tokens, began, ended, kept = (
                column
            )
            stints = phones.unsent.kept(phone, plans, kind) if kept else []
            if trained:
                local = plans[base][kind]
                stints.append(Stint(phone, trained_before, base, local, rows, tokens, began, ended))
            attempts.append(Attempt(first_session + row, phone, nth, tuple(stints)))
        return attempts

    def _measure(self, batch: Batch, attempts: list[Attempt]) -> Ints:
        """The payload of every attempt that gets as far as its upload; 0 for the others."""
        sending = [attempts[row] for row in np.flatnonzero(batch.priced.reached[UPLOAD])]
        self._learner.expect(sending)
        payload = np.zeros(len(attempts), dtype=np.int64)
        first_session = attempts[0].session if attempts else 0
        for attempt in sending:
            size = self._learner.measure(attempt).payload_bytes
            if size is None:
                raise TypeError("learner.measure gave no payload_bytes for a codec that needs them")
            payload[attempt.session - first_session] = size
        return payload

    def _weight(self, upload: Upload) -> float:
        """An upload's weight: 1, or the messages or tokens that its stints went through."""
        if self._weights == "uniform":
            return 1.0
        if self._weights == "tokens":
            return float(sum(stint.tokens for stint in upload.stints))
        return float(sum(_messages(stint) for stint in upload.stints))


def _messages(stint: Stint) -> int:
    """Messages that a stint's steps went through, each as often as it came up."""
    if stint.local.steps is not None:
        return stint.local.steps * stint.local.batch_size
    return (stint.rows[1] - stint.rows[0]) * (stint.local.epochs or 0)
