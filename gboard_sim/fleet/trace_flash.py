r"""FLASH's state traces: `{"messages": "2020-01-31 08:00:00\tscreen_lock\n..."}` for each user.

A message is a local time, a tab and a state (Yang et al., WWW 2021; other keys of a user are not
read). A phone is idle from `screen_lock` to `screen_unlock`, charging from `battery_charged_on` to
`battery_charged_off`, unmetered from `wifi` to the next of `2g`, `3g`, `4g`, `5g` and `unknown`;
`phone_off` ends all three. `screen_on`, `screen_off`, `battery_okay`, `battery_low`, `phone_on` and
levels such as `83.0%` change nothing here. A signal does not hold before the first message about
it, and one that holds at the user's last message ends there. Time 0 is midnight before the earliest
message of the file; copies of a message and states that hold already change nothing.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from typing import Any

_TIME = "%Y-%m-%d %H:%M:%S"
_STARTS = {"screen_lock": "idle", "battery_charged_on": "charging", "wifi": "unmetered"}
_ENDS = {
    "screen_unlock": ("idle",),
    "battery_charged_off": ("charging",),
    **dict.fromkeys(("2g", "3g", "4g", "5g", "unknown"), ("unmetered",)),
    "phone_off": ("idle", "charging", "unmetered"),
}
_NOTHING = ("screen_on", "screen_off", "battery_okay", "battery_low", "phone_on")


def reader(records: Mapping[str, Any]) -> Callable[[Any], list[tuple[str, float, float]]]:
    """How to read one user of a file. It raises ValueError, TypeError or KeyError."""
    earliest: datetime | None = None
    for record in records.values():
        try:
            first = min((when for when, _ in _messages(record)), default=None)
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # a bad user is judged where it is read
        if first is not None:
            earliest = first if earliest is None else min(earliest, first)
    midnight = (earliest or datetime.min).replace(hour=0, minute=0, second=0)
    return lambda record: _spells(record, midnight)


def _spells(record: Any, midnight: datetime) -> list[tuple[str, float, float]]:
    """When each signal holds, in seconds since midnight."""
    since: dict[str, float] = {}
    found = []
    at_s = 0.0
    for when, state in _messages(record):
        before_s, at_s = at_s, (when - midnight).total_seconds()
        if at_s < before_s:
            raise ValueError(f"message {when:{_TIME}} {state!r} is out of order")
        if state in _STARTS:
            since.setdefault(_STARTS[state], at_s)
        elif state in _ENDS:
            found += [(name, since.pop(name), at_s) for name in _ENDS[state] if name in since]
        elif state not in _NOTHING and not _is_level(state):
            known = ", ".join((*_STARTS, *_ENDS, *_NOTHING))
            raise ValueError(f"unknown state {state!r}; allowed: {known}, or a level such as 83.0%")
    found += [(name, start_s, at_s) for name, start_s in since.items()]
    return [spell for spell in found if spell[1] < spell[2]]


def _messages(record: Any) -> Iterator[tuple[datetime, str]]:
    """Times and states of a user."""
    messages = record["messages"]
    text = "\n".join(messages) if isinstance(messages, list) else messages
    for line in text.splitlines():
        if line.strip():
            when, tab, state = line.strip().partition("\t")
            if not tab:
                raise ValueError(f"message {line!r}; allowed: a time, a tab and a state")
            yield datetime.strptime(when.strip(), _TIME), state.strip().lower()


def _is_level(state: str) -> bool:
    return state.endswith("%") and state[:-1].replace(".", "", 1).isdigit()
