"""How much uploads carry in a run whose phones send the rows of the words that they typed."""

import numpy as np
import pyarrow.compute as pc

from gboard_sim.learning.text.prepared import PreparedText
from gboard_sim.learning.typed_rows import TypedSizes
from gboard_sim.learning.workshop import Workshop
from gboard_sim.runlog.directory import RunDirectory
from gboard_sim.world.world import World


def typed_sizes(made: World, text: PreparedText, workshop: Workshop) -> TypedSizes | None:
    """What tells how much phones send; None where that does not follow from their text."""
    if made.parts.word_rows != "typed":
        return None
    return TypedSizes(text.store.fleet.token_store(), workshop.wire, made.codec)


def numbers_sent(
    typed: TypedSizes | None, workshop: Workshop, directory: RunDirectory
) -> float | None:
    """Numbers in an upload; where text tells, the mean of those used, None where none was."""
    if typed is None:
        return workshop.wire.parameters
    cohorts = directory.table("cohorts", ("task", "stints"))
    used = cohorts.filter(pc.equal(cohorts["task"], "train"))["stints"].to_pylist()
    counts = [typed.count([tuple(stint["rows"]) for stint in stints]) for stints in used]
    return float(np.mean(counts)) if counts else None
