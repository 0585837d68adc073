"""Published figures of privacy, from an experiment file to the epsilon that is printed."""

import json
import math
import sys

import numpy as np
import pytest
from dp_accounting import rdp

import gboard_sim
from gboard_sim.claims.claims import at_server, claim_of
from gboard_sim.cli import app as cli

FILE = """
name = "published"
[run]
versions = {versions}
[fleet]
phones = {phones}
[protocol]
goal = {goal}
separation_versions = {separation}
{protocol}
[training]
epochs = 1
[server]
weights = "uniform"
[privacy]
clip = 1.0
delta = {delta}
{privacy}
"""


@pytest.fixture
def printed(tmp_path, monkeypatch, capsys):
    """What `gboard-sim epsilon --plan FILE --json` prints of a file."""

    def carry_out(*arguments: str, **keys) -> dict:
        defaults = {"phones": 10**6, "goal": 5000, "separation": 1, "protocol": ""}
        file = tmp_path / "published.toml"
        file.write_text(FILE.format(**(defaults | keys)))
        command = ["gboard-sim", "epsilon", "--plan", str(file), "--json", *arguments]
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    return carry_out


def rho_of(facts: dict, squared: float) -> float:
    """Zero-concentrated privacy of a Gaussian release of a squared sensitivity."""
    return squared / (2.0 * facts["noise_multiplier"] ** 2)


def by_renyi(rho: float, delta: float, orders: np.ndarray) -> float:
    """The epsilon that goes by way of Renyi divergences, which is looser."""
    return rdp.compute_epsilon(orders, orders * rho, delta)[0]


@pytest.mark.parametrize("separation", [313, 314])  # "313 between" or "313 apart": alike here
def test_published_tree_of_2000_rounds(printed, separation):
    """Google's notebook: rho 0.81 and, by Renyi orders, epsilon 8.90; 8.53 without that loss."""
    facts = printed(
        versions=2000, separation=separation, delta=1e-10, protocol="max_participations = 6",
        privacy='mechanism = "tree"\nnoise_multiplier = 7.0',
    )  # fmt: skip
    rho = rho_of(facts, 79.0)
    assert rho == pytest.approx(0.80612, abs=5e-6)
    orders = np.concatenate([1.0 + np.arange(1, 100) / 10.0, np.arange(12, 64)])
    assert by_renyi(rho, 1e-10, orders) == pytest.approx(8.90, abs=0.01)
    assert facts["epsilon_policy"] == pytest.approx(8.53, abs=0.01)


def test_published_400_bands(printed):
    """Google's released matrix: three uses, columns of squared norm 0.2."""
    facts = printed(
        versions=2000, separation=484, delta=1e-10, protocol="max_participations = 3",
        privacy='mechanism = "banded"\nnoise_multiplier = 1.411\nbands = 400\n'
        "column_norm_squared = 0.2",
    )  # fmt: skip
    rho = rho_of(facts, 3 * 0.2)
    assert rho == pytest.approx(0.1506840, abs=1e-6)
    assert facts["epsilon_policy"] == pytest.approx(3.4240, abs=1e-4)
    # By Renyi divergences the same noise would be reported as 3.584.
    assert by_renyi(rho, 1e-10, np.arange(1.1, 64.0, 0.01)) == pytest.approx(3.584, abs=0.01)


@pytest.mark.parametrize("separation", [1132, 1428])
def test_published_1000_bands(printed, separation):
    facts = printed(
        versions=2000, separation=separation, delta=1e-10, protocol="max_participations = 2",
        privacy='mechanism = "banded"\nnoise_multiplier = 8.35\nbands = 1000',
    )  # fmt: skip
    assert rho_of(facts, 2.0) == pytest.approx(0.0143426, abs=1e-7)
    assert facts["epsilon_policy"] == pytest.approx(0.99355, abs=1e-4)


def test_published_split_between_update_and_bit(tmp_path):
    """Andrew et al. 2021: 100 uploads, bits with noise 5, a noise multiplier of 1."""
    file = tmp_path / "split.toml"
    privacy = 'mechanism = "central_gaussian"\nnoise_multiplier = 1.0\nadaptive_clip = {}'
    keys = {"phones": 1000, "goal": 100, "separation": 1, "protocol": ""}
    file.write_text(FILE.format(versions=10, delta=1e-6, privacy=privacy, **keys))
    experiment = gboard_sim.load(file)
    adaptive = at_server(experiment, claim_of(experiment), 1).adaptive
    assert adaptive.bit_noise == 5.0
    assert adaptive.update_noise(1.0) == pytest.approx(1.0 / math.sqrt(1.0 - 0.01), rel=1e-15)
    assert round(adaptive.update_noise(1.0), 5) == 1.00504


SAMPLED = {"versions": 1600, "phones": 342477, "goal": 1000, "protocol": 'kind = "poisson"'}


def test_published_poisson_sampling_of_stackoverflow(printed):
    """The distributed DP paper's setting: 8.479 by Renyi orders, as it and others report it."""
    noise = 'mechanism = "central_gaussian"\nnoise_multiplier = 0.5\n'
    by_rdp = printed(**SAMPLED, delta=1 / 342477, privacy=noise + 'accountant = "rdp"')
    assert by_rdp["epsilon_policy"] == pytest.approx(8.479, abs=0.01)
    by_pld = printed(**SAMPLED, delta=1 / 342477, privacy=noise)
    assert by_pld["epsilon_policy"] < by_rdp["epsilon_policy"]


@pytest.mark.parametrize(("accountant", "noise"), [("rdp", 0.9401), ("pld", 0.8641)])
def test_published_noise_of_a_million_phones(printed, accountant, noise):
    """pfl-research's setting, calibrated to epsilon 2 at delta 1e-6."""
    facts = printed(
        "--target", "2", versions=2000, protocol='kind = "poisson"', delta=1e-6,
        privacy=f'mechanism = "central_gaussian"\nepsilon = 1.0\naccountant = "{accountant}"',
    )  # fmt: skip
    assert facts["noise_multiplier"] == pytest.approx(noise, abs=0.001)
    assert facts["epsilon_policy"] <= 2.0
