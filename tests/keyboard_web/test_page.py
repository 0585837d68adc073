import json
import re
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from gboard_sim.errors import ArtefactError, WebPageError
from gboard_sim.keyboard_web.onnxruntime_web import FILES
from gboard_sim.keyboard_web.page import write_page


@pytest.fixture
def runtime(tmp_path):
    """A folder that has the two files of the npm package, in name only."""
    folder = tmp_path / "package" / "dist"
    folder.mkdir(parents=True)
    for name in FILES:
        (folder / name).write_bytes(name.encode())
    return folder.parent


@pytest.fixture
def artefacts(smoke, tmp_path):
    """A copy to damage."""
    return Path(shutil.copytree(smoke.directory / "artefacts", tmp_path / "artefacts"))


def say(artefacts, **said):
    """Have the manifest say something else."""
    path = artefacts / "manifest.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | said))


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def kept(folder):
    """What files.js tells the service worker."""
    return json.loads((folder / "files.js").read_text().removeprefix("self.PAGE = ").rstrip(";\n"))


def test_the_page_has_the_models_own_bytes_and_lists_all_that_it_needs(
    artefacts, runtime, tmp_path
):
    page = write_page(artefacts, tmp_path / "new" / "page", runtime=runtime)
    files = files_of(page.parent)
    for name in ("predict.onnx", "train_step.onnx", "parameters.safetensors", "words.txt"):
        assert files[f"model/{name}"] == (artefacts / name).read_bytes()
    for name in FILES:
        assert files[f"onnxruntime-web/{name}"] == name.encode()
    assert set(kept(page.parent)["files"]) == files.keys() - {"service_worker.js", "files.js"} | {
        "./"
    }
    html = files["index.html"].decode()
    assert "default-src 'none'" in html
    for name in re.findall(r'(?:src|href)="([^"]+)"', html):
        assert name in files
    for name, content in files.items():
        if name.endswith(".js"):
            for module in re.findall(rb'from "\./([^"]+)"', content):
                assert module.decode() in files
            assert b"http" not in content


def test_another_model_has_another_digest_and_the_same_one_the_same(artefacts, runtime, tmp_path):
    pages = [write_page(artefacts, tmp_path / name, runtime=runtime).parent for name in "ab"]
    assert kept(pages[0]) == kept(pages[1])
    say(artefacts, seed=8)
    write_page(artefacts, pages[1], runtime=runtime)
    assert kept(pages[0])["digest"] != kept(pages[1])["digest"]


def test_an_earlier_page_is_replaced_and_nothing_else(artefacts, runtime, tmp_path):
    out = tmp_path / "page"
    write_page(artefacts, out, runtime=runtime)
    (out / "left_over.js").write_text("")
    write_page(artefacts, out, runtime=runtime)
    assert not (out / "left_over.js").exists()
    with pytest.raises(WebPageError, match="exists and is no earlier page"):
        write_page(artefacts, runtime, runtime=runtime)
    assert files_of(runtime).keys() == {f"dist/{name}" for name in FILES}
    assert not list(tmp_path.glob(".*partial"))


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"tokenizer": "bpe"}, r"tokenizer = 'bpe'; allowed: 'word'"),
        ({"weights": "int8"}, r"weights in int8; allowed: float32"),
        ({"training": None}, r"training = None"),
        ({"training": {"learning_rate": 1}}, r"allowed: learning_rate and batch_size"),
    ],
)
def test_a_kind_that_the_page_cannot_read_is_refused(artefacts, runtime, tmp_path, said, told):
    say(artefacts, **said)
    with pytest.raises(WebPageError, match=told):
        write_page(artefacts, tmp_path / "page", runtime=runtime)
    assert not (tmp_path / "page").exists()


@pytest.mark.parametrize("name", ["predict.onnx", "train_step.onnx", "parameters.safetensors"])
def test_damaged_artefacts_are_refused(artefacts, runtime, tmp_path, name):
    path = artefacts / name
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(ArtefactError, match=f"{name}.*sha256"):
        write_page(artefacts, tmp_path / "page", runtime=runtime)
    path.unlink()
    with pytest.raises(ArtefactError, match=name):
        write_page(artefacts, tmp_path / "page", runtime=runtime)
    assert not (tmp_path / "page").exists()


def test_words_that_are_not_the_tokenizers_are_refused(artefacts, runtime, tmp_path):
    path = artefacts / "words.txt"
    words = path.read_text(encoding="utf-8").split("\n")[:-1]
    content = "".join(f"{word}\n" for word in reversed(words)).encode()
    path.write_bytes(content)
    files = json.loads((artefacts / "manifest.json").read_text())["files"]
    digest = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    say(artefacts, files=files | {"words.txt": digest})
    with pytest.raises(ArtefactError, match=r"words\.txt: not the words of tokenizer\.model"):
        write_page(artefacts, tmp_path / "page", runtime=runtime)


def test_a_page_differs_only_by_its_model(artefacts, runtime, tmp_path):
    page = write_page(artefacts, tmp_path / "page", runtime=runtime).parent
    say(artefacts, experiment="<script>alert(1)</script>")
    other = write_page(artefacts, tmp_path / "other", runtime=runtime).parent
    digests = [
        {name: sha256(content).digest() for name, content in files_of(folder).items()}
        for folder in (page, other)
    ]
    changed = {name for name in digests[0] if digests[0][name] != digests[1][name]}
    assert changed == {"model/manifest.json", "files.js"}  # no name of the model is in the markup
