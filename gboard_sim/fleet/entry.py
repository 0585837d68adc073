"""One file of `devices/`, read strictly: every number has its source, and no key is unknown."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from gboard_sim.errors import CatalogueError

Read = Callable[[str, str], dict[str, Any]]
"""Reads an entry: kind (`devices/phones`) and name (`low`) to plain TOML data."""

_SHARE_SUM_TOLERANCE = 1e-6  # shares are written with up to four decimals (assumed)


@dataclass(frozen=True, slots=True)
class Band:
    """A quantity with its uncertainty, `low <= value <= high`, in the unit of its key."""

    low: float
    value: float
    high: float


class Entry:
    """The keys of one file that are not read yet.

    A number is an inline table: `{ value = 30.0, source = "..." }`, or `assumed = true` in place of
    the source; a band has `low` and `high` beside the value. `note` is for the reader.
    """

    def __init__(self, kind: str, name: str, read: Read) -> None:
        self.file = f"{kind}/{name}.toml"
        self.name = name
        self._data = dict(read(kind, name))
        self._known: list[str] = []

    def number(self, key: str, *, least: float = 0.0, most: float = float("inf")) -> float:
        """A sourced number between `least` and `most`.

        Raises:
            CatalogueError: It is missing, out of range, not finite, or has no source.
        """
        return self._sourced(key, self._take(key), least, most, ("value",))["value"]

    def positive(self, key: str) -> float:
        """A sourced number above zero. Raises CatalogueError as `number` does."""
        value = self.number(key)
        if value == 0.0:
            raise CatalogueError(f"{self.file}: {key} = 0 is not allowed: must be above 0")
        return value

    def share(self, key: str) -> float:
        """A sourced number between 0 and 1. Raises CatalogueError as `number` does."""
        return self.number(key, most=1.0)

    def band(self, key: str) -> Band:
        """A sourced number with its low and high value.

        Raises:
            CatalogueError: As `number`, or the three are out of order.
        """
        found = self._sourced(key, self._take(key), 0.0, float("inf"), ("low", "value", "high"))
        if not found["low"] <= found["value"] <= found["high"]:
            raise CatalogueError(
                f"{self.file}: {key} = {found} is not allowed: must have low <= value <= high"
            )
        return Band(**found)

    def shares(self, key: str) -> dict[str, float]:
        """A table of names to sourced shares that sum to 1.

        Raises:
            CatalogueError: It is empty, a share is out of range, or the sum is not 1.
        """
        table = self._take(key)
        if not isinstance(table, Mapping) or not table:
            raise CatalogueError(f"{self.file}: [{key}] must be a table of names to shares")
        found = {
            name: self._sourced(f"{key}.{name}", value, 0.0, 1.0, ("value",))["value"]
            for name, value in table.items()
        }
        self.whole(key, sum(found.values()))
        return found

    def whole(self, key: str, total: float) -> None:
        """Raises CatalogueError unless the shares under `key` sum to 1."""
        if abs(total - 1.0) > _SHARE_SUM_TOLERANCE:
            raise CatalogueError(f"{self.file}: [{key}] shares sum to {total:g}; must be 1")

    def zones(self, key: str) -> dict[str, tuple[float, float]]:
        """Time zones: name to hours east of UTC and share of the phones.

        Raises:
            CatalogueError: As `shares`, or an offset is not between -12 and 14 hours.
        """
        table = self._take(key)
        if not isinstance(table, Mapping) or not table:
            raise CatalogueError(f"{self.file}: [{key}] must be a table of names to zones")
        found = {}
        for name, zone in table.items():
            path = f"{key}.{name}"
            pair = self._sourced(path, zone, -12.0, 14.0, ("utc_offset_h", "share"))
            if not 0.0 <= pair["share"] <= 1.0:
                raise CatalogueError(
                    f"{self.file}: {path}.share = {pair['share']} is not allowed: "
                    "must be between 0 and 1"
                )
            found[name] = (pair["utc_offset_h"], pair["share"])
        self.whole(key, sum(share for _, share in found.values()))
        return found

    def text(self, key: str) -> str:
        """A string that is not empty. Raises CatalogueError otherwise."""
        value = self._take(key)
        if not isinstance(value, str) or not value.strip():
            raise CatalogueError(f"{self.file}: {key} = {value!r} is not allowed: must be text")
        return value

    def finish(self) -> None:
        """Raises CatalogueError when a key is left that nothing read; names the nearest one."""
        for key in self._data:
            close = get_close_matches(key, self._known, n=1, cutoff=0.4)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(self._known)}"
            raise CatalogueError(f"{self.file}: unknown key {key!r}; {hint}")

    def _take(self, key: str) -> Any:
        self._known.append(key)
        if key not in self._data:
            close = get_close_matches(key, self._data, n=1, cutoff=0.8)
            hint = f"; is {close[0]!r} a misspelling of it?" if close else ""
            raise CatalogueError(f"{self.file}: {key} is missing; it has no default{hint}")
        return self._data.pop(key)

    def _sourced(
        self, key: str, table: Any, least: float, most: float, parts: tuple[str, ...]
    ) -> dict[str, float]:
        if not isinstance(table, Mapping):
            raise CatalogueError(
                f"{self.file}: {key} = {table!r} is not allowed: write "
                f'{{ {" = ..., ".join(parts)} = ..., source = "..." }} or assumed = true'
            )
        for part in table:
            if part not in (*parts, "source", "assumed", "note"):
                raise CatalogueError(
                    f"{self.file}: unknown key {key}.{part}; known: "
                    f"{', '.join(parts)}, source, assumed, note"
                )
        source, assumed = table.get("source", ""), table.get("assumed", False)
        sourced = isinstance(source, str) and bool(source.strip())
        if sourced == (assumed is True):
            raise CatalogueError(
                f'{self.file}: {key} needs exactly one of source = "..." and assumed = true'
            )
        found = {}
        for part in parts:
            value: Any = table.get(part)
            fine = isinstance(value, int | float) and not isinstance(value, bool)
            if not fine or not least <= float(value) <= most or value == float("inf"):
                raise CatalogueError(
                    f"{self.file}: {key}.{part} = {value!r} is not allowed: must be a finite "
                    f"number of at least {least:g}" + (f" and at most {most:g}" * (most < 1e300))
                )
            found[part] = float(value)
        return found
