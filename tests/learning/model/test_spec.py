from dataclasses import replace

import pytest

from gboard_sim import catalogue
from gboard_sim.errors import CatalogueError
from gboard_sim.learning.model.spec import flop_per_token, layout, load_spec, parameter_count

PUBLISHED = {
    "gboard-cifg": 1_412_250,
    "stackoverflow-lstm": 4_050_748,
    "mcmahan-lstm": 1_346_144,
}


@pytest.mark.parametrize(("name", "count"), PUBLISHED.items())
def test_published_models_have_their_exact_parameter_counts(name: str, count: int) -> None:
    spec = load_spec(name)
    assert spec.parameters == count
    assert parameter_count(spec, spec.vocabulary) == count


def test_every_model_of_the_catalogue_loads() -> None:
    names = [name for name in catalogue.names("models") if name != "tokenizers"]
    assert {"tiny", *PUBLISHED} <= set(names)


def test_training_flops_are_the_published_figures() -> None:
    # facts: 8.47 MFLOP per token of the Gboard CIFG, 18.5 of the StackOverflow LSTM
    gboard, stackoverflow = load_spec("gboard-cifg"), load_spec("stackoverflow-lstm")
    assert round(flop_per_token(gboard, gboard.vocabulary) / 1e6, 2) == 8.47
    assert round(flop_per_token(stackoverflow, stackoverflow.vocabulary) / 1e6, 1) == 18.5


@pytest.mark.parametrize("name", ["tiny", *PUBLISHED])
def test_layout_covers_the_flat_vector_once(name: str) -> None:
    spec = load_spec(name)
    covered = [0] * parameter_count(spec, 50)
    for tensor in layout(spec, 50):
        for index in range(tensor.offset, tensor.offset + tensor.size):
            covered[index] += 1
    assert set(covered) == {1}


def test_a_tied_model_needs_the_embedding_width_before_the_logits() -> None:
    with pytest.raises(CatalogueError, match="tied = true"):
        replace(load_spec("tiny"), projection=0)


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("units = 128", "unit = 128", "unit is not a key"),
        ("units = 128", 'units = "many"', "wrong type"),
        ("units = 128", "units = 127", "sizes make"),
        ('cell = "cifg"', 'cell = "gru"', "not one of"),
        ("lane = 12", "lane = 0", "at least 1"),
    ],
)
def test_a_malformed_entry_is_named(tmp_path, monkeypatch, old, new, complaint) -> None:
    text = (catalogue.locate("models", "tiny") / "spec.toml").read_text()
    assert old in text
    folder = tmp_path / "models" / "mine"
    folder.mkdir(parents=True)
    (folder / "spec.toml").write_text(text.replace(old, new))
    monkeypatch.setenv(catalogue.USER_PATH_VARIABLE, str(tmp_path))
    with pytest.raises(CatalogueError, match=complaint):
        load_spec("mine")
