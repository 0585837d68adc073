"""The sessions of a run, read column by column: a long run has millions of rows."""

from collections.abc import Sequence

import pyarrow as pa

from gboard_sim.runlog.directory import RunDirectory


class SessionLog:
    """The table `sessions`; what is asked for is read then, and kept by nobody.

    Attributes:
        num_rows: Sessions.
    """

    def __init__(self, directory: RunDirectory) -> None:
        self._directory = directory
        self.num_rows: int = self["phone"].length()

    def __getitem__(self, column: str) -> pa.ChunkedArray:
        return self.select([column])[column]

    def select(self, columns: Sequence[str]) -> pa.Table:
        """Some columns."""
        return self._directory.table("sessions", columns)
