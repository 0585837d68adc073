"""What phones do once they are at work: from windows and plans to priced sessions."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from gboard_sim import seeds
from gboard_sim.fleet.phones import NONE, Phones
from gboard_sim.fleet.population import Population
from gboard_sim.fleet.pricing import DOWNLOAD, TRAIN, UPLOAD, Draws, Priced, price, shapes
from gboard_sim.fleet.work import Work
from gboard_sim.protocols import Learner
from gboard_sim.records import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class Batch:
    """Sessions of distinct phones that begin their first phase together with their inputs.

    Attributes:
        phone: Phones. Shape [n].
        base: Version that each works from. Shape [n].
        first: First row of the stint. Shape [n].
        last: Last-plus-one row. Shape [n].
        tokens: Tokens of the whole stint, 0 where there is none. Shape [n].
        priced: What the sessions come to.
    """

    phone: Ints
    base: Ints
    first: Ints
    last: Ints
    tokens: Ints
    priced: Priced


class SessionDesk:
    """Prices the sessions of a fleet."""

    def __init__(
        self,
        population: Population,
        phones: Phones,
        work: Work,
        learner: Learner,
        *,
        flop_per_token: float,
        seed: int,
    ) -> None:
        self._population = population
        self._phones = phones
        self._work = work
        self._learner = learner
        self._flop_per_token = flop_per_token
        self._seed = seed

    def open(
        self,
        phone: Ints,
        *,
        start_s: Floats,
        window_end_s: Floats,
        version: int,
        payload_bytes: Ints | None,
    ) -> Batch:
        """Prices sessions in which each phone downloads and trains what its cycle still needs.

        Args:
            phone: Distinct phones. Shape [n].
            start_s: When each may begin its first phase. Shape [n].
            window_end_s: When each stops being eligible. Shape [n].
            version: The version that phones without a cycle download.
            payload_bytes: What each uploads at the end, or None when nobody uploads. Shape [n].
        """
        population, phones = self._population, self._phones
        downloads = phones.base[phone] == NONE
        base = np.where(downloads, version, phones.base[phone]).astype(np.int64)
        trains = ~phones.complete[phone]
        wanted = np.zeros(len(phone), dtype=np.int64)
        held = np.full(int(downloads.sum()), -1, dtype=np.int64)
        wanted[downloads] = self._learner.download_bytes(held, version)
        download_s = wanted / population.down_bytes_per_s[phone]
        first, last, tokens = self._work.stint(phone, base, start_s + download_s)
        tokens = np.where(trains, tokens, 0)
        sends = np.full(len(phone), payload_bytes is not None)
        payload = np.zeros(len(phone), dtype=np.int64) if payload_bytes is None else payload_bytes
        priced = price(
            start_s=start_s,
            window_end_s=window_end_s,
            phases=np.stack([downloads, trains, sends]),
            duration_s=np.stack(
                [
                    download_s,
                    tokens * self._flop_per_token / population.flop_per_s[phone],
                    payload / population.up_bytes_per_s[phone],
                ]
            ),
            download_bytes=wanted,
            tokens=tokens,
            upload_bytes=payload,
            power_w=population.power_w[:, :, phone],
            draws=self._draws(phone, trains & (last == first)),
        )
        return Batch(phone, base, first, last, tokens, priced)

    def _draws(self, phone: Ints, empty: Flags) -> Draws:
        """What goes wrong, by the phone's own count of sessions.

        Training crashes at once on a cache that has become `empty` since the phone checked in.
        """
        count = self._phones.sessions[phone]
        odds = np.stack(
            [
                self._population.failure_share[phone],
                self._population.crash_share[phone],
                self._population.failure_share[phone],
            ]
        )
        phase = np.arange(3)[:, None]
        breaks = seeds.uniforms(self._seed, "failure", phone, count, phase) < odds
        fraction = seeds.uniforms(self._seed, "failure/when", phone, count, phase)
        breaks[TRAIN] |= empty
        fraction[TRAIN] = np.where(empty, 0.0, fraction[TRAIN])
        return Draws(breaks, fraction)

    def settle(self, batch: Batch, used: Flags, *, keeps: bool, uploads: bool) -> None:
        """Moves phones on by what came of their sessions.

        Args:
            batch: The sessions.
            used: Whose upload the server used. Shape [n].
            keeps: Whether a phone whose upload was not used keeps what it has.
            uploads: Whether the windows were upload windows.
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
            phones.complete[phone[kept]] = True
            phones.retrying[phone] = True
        phones.reset(phone[~holds])
        phones.used[phone] += used
        phones.sessions[phone] += 1
        phones.stints[phone] += priced.trained
        phones.payloads[phone] += priced.upload_bytes > 0

    def columns(
        self,
        batch: Batch,
        *,
        began_s: Floats,
        version: Ints,
        checked_in: bool,
        used: Flags,
        used_in: int,
    ) -> dict[str, Any]:
        """The sessions as columns of `records.Sessions`, but for their numbers."""
        priced = batch.priced
        return {
            "phone": batch.phone,
            "phone_class": self._population.phone_class[batch.phone],
            "task": np.full(len(batch.phone), "train"),
            "shape": shapes(priced, checked_in, used),
            "version": version,
            "base": batch.base,
            "began_s": began_s,
            "ended_s": priced.ended_s,
            "wait_s": priced.began_s[DOWNLOAD] - began_s,
            "download_s": priced.spent_s[DOWNLOAD],
            "train_s": priced.spent_s[TRAIN],
            "upload_s": priced.spent_s[UPLOAD],
            "download_bytes": priced.download_bytes,
            "upload_bytes": priced.upload_bytes,
            "tokens": priced.tokens,
            "energy_low_j": priced.energy_j[0],
            "energy_j": priced.energy_j[1],
            "energy_high_j": priced.energy_j[2],
            "left_phone": priced.upload_bytes > 0,
            "used_in": np.where(used, used_in, -1),
        }
