import pytest

from gboard_sim.communication.learning_rate import LearningRate
from gboard_sim.communication.local_plan import ClassWork, LocalPlan
from gboard_sim.seam.records import LocalWork


def plan(**changes):
    arguments = {
        "classes": ("fast", "slow"),
        "batch_size": 8,
        "learning_rate": LearningRate(0.5),
        "epochs": 1,
    }
    return LocalPlan(**(arguments | changes))


def test_epochs_by_version_go_two_two_five_and_stay_at_five():
    by_version = plan(epochs=(2, 2, 5))
    assert [by_version.at(version)[0].epochs for version in (0, 1, 2, 3, 99)] == [2, 2, 5, 5, 5]


def test_one_number_holds_for_every_version():
    assert {plan(epochs=None, steps=6).at(version)[1].steps for version in range(5)} == {6}


def test_work_has_one_entry_a_class_in_the_fleets_order():
    work = plan(
        cap=200,
        learning_rate=LearningRate(0.5, kind="step", factor=0.5, every=10),
        overrides={"slow": ClassWork(steps=3, cap=40)},
    ).at(10)
    assert work == (
        LocalWork(epochs=1, steps=None, batch_size=8, learning_rate=0.25, cap=200),
        LocalWork(epochs=None, steps=3, batch_size=8, learning_rate=0.25, cap=40),
    )


def test_an_override_of_the_cap_alone_leaves_the_amount_by_version():
    work = plan(epochs=(2, 7), overrides={"slow": ClassWork(cap=5)}).at(1)
    assert [(w.epochs, w.cap) for w in work] == [(7, None), (7, 5)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": None}, "one of epochs"),
        ({"steps": 3}, "one of epochs"),
        ({"epochs": 0}, r"epochs\(=0\) must be at least 1"),
        ({"epochs": (2, 0)}, r"epochs\(=\(2, 0\)\) must be at least 1"),
        ({"epochs": ()}, r"epochs\(=\(\)\) must be at least 1"),
        ({"batch_size": 0}, r"batch_size\(=0\) must be at least 1"),
        ({"cap": 0}, r"cap\(=0\) must be at least 1"),
        ({"classes": ()}, r"classes\(=\(\)\)"),
        ({"overrides": {"sloow": ClassWork()}}, "override of 'sloow': must be one of fast, slow"),
    ],
)
def test_a_value_out_of_range_is_named_with_its_range(changes, message):
    with pytest.raises(ValueError, match=message):
        plan(**changes)


def test_a_class_cannot_have_both_epochs_and_steps():
    with pytest.raises(ValueError, match=r"at most one of epochs\(=1\) and steps\(=2\)"):
        ClassWork(epochs=1, steps=2)
    with pytest.raises(ValueError, match=r"cap\(=0\)"):
        ClassWork(cap=0)
