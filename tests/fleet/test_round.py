"""When a round closes, and whose uploads it uses."""

import numpy as np
import pytest

from gboard_sim.fleet.rounds import close
from gboard_sim.fleet.rules import RoundRules

PHONE = np.array([7, 3, 5, 1])
RULES = RoundRules(goal=2, deadline_s=60.0, minimum=1)


@pytest.mark.parametrize(
    ("arrived_s", "rules", "closes_s", "used"),
    [
        ([110.0, 130.0, 120.0, np.inf], RULES, 120.0, [7, 5]),  # the goal-th arrival
        ([120.0, 120.0, 120.0, 110.0], RULES, 120.0, [1, 3]),  # a tie goes to the lower number
        ([110.0, 160.001, np.inf, np.inf], RULES, 160.0, [7]),  # the deadline, with the minimum
        ([110.0, 160.0, np.inf, np.inf], RULES, 160.0, [7, 3]),  # the deadline itself is in time
        ([161.0, np.inf, np.inf, np.inf], RULES, 160.0, []),  # abandoned
    ],
)
def test_a_round_closes_at_its_goal_or_its_deadline(arrived_s, rules, closes_s, used):
    found_s, flags = close(np.array(arrived_s), PHONE, 100.0, rules)
    assert found_s == closes_s
    assert sorted(PHONE[flags].tolist()) == sorted(used)


def test_a_selection_holds_the_ceiling_of_goal_times_over_selection():
    assert RoundRules(goal=10, over_selection=1.3).selected == 13
    assert RoundRules(goal=7, over_selection=1.3).selected == 10
    assert RoundRules(goal=100, over_selection=1.1).selected == 110
