"""The names that experiment files may use."""

from gboard_sim import catalogue
from gboard_sim.communication import compatibility
from gboard_sim.communication.codecs import CODECS
from gboard_sim.communication.schedules import SCHEDULES
from gboard_sim.learning.server_optimizers import OPTIMIZERS
from gboard_sim.privacy.mechanisms import MECHANISMS


def names() -> dict[str, list[str]]:
    """Every catalogue, by what `gboard-sim list` calls it."""
    devices = ("phones", "networks", "availability", "fleets")
    return {
        "experiments": sorted(path.stem for path in catalogue.experiments().glob("*.toml")),
        **{kind: catalogue.names(f"devices/{kind}") for kind in devices},
        "models": catalogue.names("models"),
        "server_optimizers": list(OPTIMIZERS),
        "schedules": list(SCHEDULES),
        "codecs": list(CODECS),
        "mechanisms": list(MECHANISMS),
    }


def compositions() -> list[str]:
    """The table of what composes, one line for each schedule, codec and mechanism.

    Then the mechanisms with which phones may send the rows of typed words alone, and those with
    which they may keep what a codec left out.
    """
    beside = {
        "word_rows typed": (compatibility.TYPED_ROWS, compatibility.TYPED_ROWS_REASON),
        "error feedback": (compatibility.ERROR_FEEDBACK, compatibility.ERROR_FEEDBACK_REASON),
    }
    return [
        f"{cell.schedule} x {cell.codec} x {cell.mechanism}: "
        + (", ".join(cell.weights) or "refused")
        + (f" ({cell.reason})" if cell.reason else "")
        for cell in compatibility.table()
    ] + [
        f"{choice} x {mechanism}: " + ("composes" if mechanism in able else f"refused ({reason})")
        for choice, (able, reason) in beside.items()
        for mechanism in MECHANISMS
    ]
