"""What phones are asked to do, before anybody knows what comes of it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gboard_sim.seam.records import Flags, Floats, Ints


@dataclass(frozen=True, slots=True)
class Asked:
    """Sessions of distinct phones; the last axis counts sessions.

    Attributes:
        phone: Phones. Shape [n].
        count: Sessions that each phone had before: keys what goes wrong. Shape [n].
        start_s: When each begins its first phase. Shape [n].
        window_end_s: When each stops being eligible. Shape [n].
        gives_up_s: When the server gives up on each; infinite for never. Shape [n].
        phases: Which of download, training and upload the session has. Shape [3, n].
        download_bytes: Bytes of the whole download. Shape [n].
        upload_bytes: Bytes of the whole payload. Shape [n].
        stint: Gives the tokens of stints that begin now: takes which of these sessions, and a time
            for each, both of shape [m]. Asked at most once of each session, when it begins to
            train. A stint of no tokens crashes at once: there is nothing to train on.
        flop_per_token: Floating-point operations to compute on one token.
    """

    phone: Ints
    count: Ints
    start_s: Floats
    window_end_s: Floats
    gives_up_s: Floats
    phases: Flags
    download_bytes: Ints
    upload_bytes: Ints
    stint: Callable[[Ints, Floats], Ints]
    flop_per_token: float

    def row(self, row: int) -> "Asked":
        """One of the sessions, as a table of its own."""
        one = slice(row, row + 1)
        number = np.array([row])
        return Asked(
            phone=self.phone[one],
            count=self.count[one],
            start_s=self.start_s[one],
            window_end_s=self.window_end_s[one],
            gives_up_s=self.gives_up_s[one],
            phases=self.phases[:, one],
            download_bytes=self.download_bytes[one],
            upload_bytes=self.upload_bytes[one],
            stint=lambda _, at_s: self.stint(number, at_s),
            flop_per_token=self.flop_per_token,
        )
