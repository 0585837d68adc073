"""The terms on which phones take part, whatever the protocol."""

from dataclasses import dataclass, field

from gboard_sim.fleet.admission import AdmissionRules
from gboard_sim.fleet.allowance import AllowanceRules
from gboard_sim.fleet.capacity import Capacity
from gboard_sim.fleet.choice import ChoiceRules
from gboard_sim.fleet.continuous_sync import SyncRules
from gboard_sim.fleet.federated_evaluation import EvaluationRules
from gboard_sim.fleet.pacing import PaceRules
from gboard_sim.units import DAY_S


@dataclass(frozen=True, slots=True)
class Terms:
    """What the server goes by beside its rounds or its buffer.

    Attributes:
        admission: Bounds on how often a phone takes part.
        allowance: What a phone may spend on a day and in a month.
        pace: When phones that were turned away come back.
        choice: Which of the phones that are held are configured; rounds only.
        evaluation: How versions are judged on phones; None judges none.
        sync: When phones that nobody selected install the newest version; None is never.
        again_s: A phone takes part once in a window; one that lasts longer counts as another every
            so many seconds. A day is Gboard's rule (its policy in Google's federated-learning
            research notebooks: a client takes part at most once in 24 hours).
        session_timeout_s: Seconds from its configuration after which the server gives a phone up.
        capacity: Links that phones share.
        corruption: Probability that a payload which arrived fails its checksum.
        pauses: Whether a session that outlives its window goes on in the phone's next.
    """

    admission: AdmissionRules = field(default_factory=AdmissionRules)
    allowance: AllowanceRules = field(default_factory=AllowanceRules)
    pace: PaceRules = field(default_factory=PaceRules)
    choice: ChoiceRules = field(default_factory=ChoiceRules)
    evaluation: EvaluationRules | None = None
    sync: SyncRules | None = None
    again_s: float = DAY_S
    session_timeout_s: float = float("inf")
    capacity: Capacity = field(default_factory=Capacity)
    corruption: float = 0.0
    pauses: bool = False
