"""The loader: what it shows, what it does not, and what it refuses."""

import json
import shutil
import subprocess
import sys
from hashlib import sha256

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sentencepiece import sentencepiece_model_pb2

from gboard_sim.errors import ArtefactError
from gboard_sim.keyboard import Keyboard
from gboard_sim.keyboard.artefact import FILES, FORMAT
from gboard_sim.keyboard.line import REACH
from gboard_sim.keyboard.tokenizer import Tokenizer
from gboard_sim.learning.evaluation.word_ranking import grow, rank
from gboard_sim.learning.model.numpy_model import NumpyModel
from gboard_sim.learning.trainers.trainer import empty_carry

KINDS = ["word", "unigram", "bpe"]


def log_probabilities(installed, tokens):
    """What the plain numpy model expects after <s> and some tokens."""
    workshop = installed.workshop
    model = NumpyModel(workshop.spec, workshop.tokens, installed.parameters)
    carry = empty_carry(workshop.spec, 1)
    for token in [1, *tokens]:
        carry = model.advance(carry, np.array([token]))
    return model.log_probabilities(carry)[0]


def best_words(installed, before, k):
    """The best words by the reference ranking over the numpy model."""
    tokenizer = Tokenizer(installed.workshop.vocabulary.model)
    words = installed.workshop.vocabulary.words
    head = tokenizer.encode(before).tolist()

    def after(_, prefixes):
        return np.array([log_probabilities(installed, [*head, *prefix]) for prefix in prefixes])

    found = rank(grow(tokenizer, words), 1, after, k)
    return [words[place] for place in found.words[0]], found.logprob[0]


def context(installed, size):
    return list(installed.workshop.vocabulary.words[3 : 3 + size])


@pytest.mark.parametrize("size", [0, 1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_the_words_shown_are_those_of_the_reference_ranking(install, kind, size):
    installed = install(kind)
    before = context(installed, size)
    words, logprob = best_words(installed, before, 3)
    found = Keyboard.load(installed.folder).ranked(before)
    assert [word for word, _ in found] == words
    assert [score for _, score in found] == pytest.approx(
        logprob if kind != "word" else logprob + boundary(installed, before), abs=1e-4
    )


def boundary(installed, before):
    """The chance that a word comes next and not <unk> or <s>: whole words are not divided by it."""
    head = Tokenizer(installed.workshop.vocabulary.model).encode(before).tolist()
    return np.logaddexp.reduce(log_probabilities(installed, head)[2:])


@pytest.mark.parametrize("kind", KINDS)
def test_completions_are_the_best_words_that_begin_so(install, kind):
    installed = install(kind)
    before = context(installed, 2)
    letter = installed.workshop.vocabulary.words[0][0]
    every, _ = best_words(installed, before, len(installed.workshop.vocabulary.words))
    wanted = [word for word in every if word.startswith(letter) and word != letter][:3]
    assert len(wanted) == 3
    assert Keyboard.load(installed.folder).suggest(" ".join([*before, letter])) == wanted


def test_typing_on_is_the_same_as_reading_from_the_start_and_runs_the_model_once(install):
    installed = install()
    text = " ".join(context(installed, 6)) + " "
    typing = Keyboard.load(installed.folder)
    runs = []
    read = typing._line.read
    typing._line.read = lambda *given: runs.append(given[0]) or read(*given)
    shown = [typing.suggest(text[:end]) for end in range(len(text) + 1)]
    assert len(runs) == 6
    cold = [Keyboard.load(installed.folder).suggest(text[:end]) for end in range(len(text) + 1)]
    assert shown == cold
    assert typing.suggest(text[:3]) == shown[3]  # and back again
    assert len(runs) == 6


def test_a_long_line_is_read_from_a_boundary_so_that_it_depends_on_the_text_alone(install):
    installed = install()
    keyboard = Keyboard.load(installed.folder)
    line = context(installed, 7) * 40
    ends = (REACH - 1, REACH, 2 * REACH - 1, 2 * REACH, 3 * REACH + 5)
    for end in ends:
        kept = line[max(0, end // REACH - 1) * REACH : end]
        assert len(kept) < 2 * REACH
        assert keyboard.ranked(line[:end]) == Keyboard.load(installed.folder).ranked(kept)


def test_special_tokens_and_blocked_words_are_never_shown(install):
    installed = install()
    words = installed.workshop.vocabulary.words
    first = Keyboard.load(installed.folder).suggest("", k=len(words))
    assert sorted(first) == sorted(words)
    blocked = [first[0].upper() + "!", first[2]]
    keyboard = Keyboard.load(installed.folder, blocklist=blocked)
    assert keyboard.suggest("", k=3) == [first[1], *first[3:5]]
    assert first[0] not in keyboard.suggest(first[0][0], k=len(words))
    assert (
        keyboard.suggest(f"{first[0]} ")
        == [
            word
            for word in Keyboard.load(installed.folder).suggest(f"{first[0]} ", k=5)
            if word not in {first[0], first[2]}
        ][:3]
    )


def test_what_is_being_typed_and_what_is_finished(install):
    keyboard = Keyboard.load(install().folder)
    a, b = install().workshop.vocabulary.words[:2]
    assert keyboard.suggest(f"{a},") == keyboard.suggest(f"{a}, ") == keyboard.suggest(f"({a} ")
    assert keyboard.suggest(f"zzz\n{a} ") == keyboard.suggest(f"{a} ")
    assert keyboard.suggest(f"{a} \N{GRINNING FACE}") == keyboard.suggest(f"{a} ")
    assert keyboard.suggest("zzzz") == []
    assert a not in keyboard.suggest(a, k=1000)
    assert keyboard.suggest(f"{a} {b[0]}") == keyboard.suggest(f"{a.upper()} “{b[0].upper()}")
    assert keyboard.suggest("", k=0) == []


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        ("", "WORD "),
        ("see ", "see WORD "),
        ("see,", "see, WORD "),
        ("see\n", "see\nWORD "),
        ("See (T", "See (WORD "),
        ("\ufb01rst \ufb01", "\ufb01rst WORD "),  # a ligature, which the word rule takes apart
        ("see \N{GRINNING FACE}", "see \N{GRINNING FACE} WORD "),
    ],
)
def test_a_word_taken_replaces_the_letters_that_were_being_typed(install, text, taken):
    keyboard = Keyboard.load(install().folder)
    word = "tomorrow"
    assert keyboard.accepted(text, word) == taken.replace("WORD", word)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "text",
    ["x" * 10_000, "the " * 2_500, "\x00\x1b[2J \ud800\u2581\u2585", "日本語 हिन्दी عربى ",
     "👩‍👩‍👧" * 500, "\u0301\u200d", "a\u0301" * 5_000 + " ", "\r\n\t", "ﷺ" * 500, "'", "-- "],
    ids=range(11),
)  # fmt: skip
def test_strange_text_is_answered_with_words_of_the_list_or_none(install, kind, text):
    keyboard = Keyboard.load(install(kind).folder)
    words = set(install(kind).workshop.vocabulary.words)
    for end in (text, text + " ", text + "t"):
        shown = keyboard.suggest(end)
        assert len(shown) <= 3
        assert set(shown) <= words
    assert len(keyboard.suggest(text + " ")) == 3


@given(text=st.text(max_size=40))
def test_any_text_gives_distinct_words_of_the_list(loaded, text):
    keyboard, words = loaded
    shown = keyboard.suggest(text)
    assert len(set(shown)) == len(shown) <= 3
    assert set(shown) <= words
    taken = keyboard.accepted(text, "word")
    assert taken.endswith("word ")
    assert taken.startswith(text[: -len(text.split()[-1])] if text.split() else text)


@pytest.fixture(scope="module")
def loaded(install):
    return Keyboard.load(install().folder), set(install().workshop.vocabulary.words)


@pytest.fixture
def copy(install, tmp_path):
    shutil.copytree(install().folder, tmp_path / "copy")
    return tmp_path / "copy"


def renamed_in_manifest(folder, name):
    """A file that the manifest names as it is, whatever it is."""
    manifest = json.loads((folder / "manifest.json").read_text())
    content = (folder / name).read_bytes()
    manifest["files"][name] = {"bytes": len(content), "sha256": sha256(content).hexdigest()}
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize("name", FILES)
def test_missing_truncated_and_foreign_files_are_refused_by_name(copy, install, name):
    (copy / name).write_bytes((copy / name).read_bytes()[:-7])
    with pytest.raises(ArtefactError, match=f"{name}: .*manifest.json names .*hint: "):
        Keyboard.load(copy)
    foreign = bytearray((install().folder / name).read_bytes())
    foreign[len(foreign) // 2] ^= 1
    (copy / name).write_bytes(foreign)
    with pytest.raises(ArtefactError, match=f"{name}: .*sha256"):
        Keyboard.load(copy)
    (copy / name).unlink()
    with pytest.raises(ArtefactError, match=f"{name}: cannot be read: No such file"):
        Keyboard.load(copy)


@pytest.mark.parametrize("name", ["predict.onnx", "tokenizer.model"])
def test_a_file_that_is_no_graph_or_tokenizer_is_refused(copy, name):
    (copy / name).write_bytes(b"something else")
    renamed_in_manifest(copy, name)
    with pytest.raises(ArtefactError, match=r"cannot be loaded: .*hint: "):
        Keyboard.load(copy)


def test_a_tokenizer_of_another_model_is_refused(copy, install):
    shutil.copy(install("bpe").folder / "tokenizer.model", copy)
    with pytest.raises(ArtefactError, match=r"tokenizer\.model: .*sha256"):
        Keyboard.load(copy)
    shutil.copy(install().folder / "tokenizer.model", copy)
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["tokens"] += 1
    (copy / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ArtefactError, match=r"predict\.onnx has \d+ tokens, .*the same number"):
        Keyboard.load(copy)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda words: words[:-1], r"\d+ words; allowed: the \d+ that manifest\.json counts"),
        (lambda words: [*words[:-1], words[0]], "a word stands in it twice"),
        (lambda words: [*words[:-1], "\u65e5\u672c\u8a9e"], r"tokenizer\.model"),
        (lambda words: [*words[:-1], ""], r"tokenizer\.model"),
    ],
)
def test_words_that_are_not_the_tokenizers_are_refused(install, tmp_path, kind, spoil, said):
    """The manifest names the file as it is: somebody has exchanged both."""
    shutil.copytree(install(kind).folder, tmp_path / "copy")
    path = tmp_path / "copy" / "words.txt"
    words = path.read_text(encoding="utf-8").split("\n")[:-1]
    path.write_text("".join(f"{word}\n" for word in spoil(words)), encoding="utf-8")
    renamed_in_manifest(tmp_path / "copy", "words.txt")
    with pytest.raises(ArtefactError, match=rf"words\.txt: .*{said}.*hint: "):
        Keyboard.load(tmp_path / "copy")


def test_whole_words_in_another_order_are_refused(copy):
    """Each would be shown in the place of another."""
    words = (copy / "words.txt").read_text(encoding="utf-8").split("\n")[:-1]
    (copy / "words.txt").write_text("".join(f"{word}\n" for word in reversed(words)))
    renamed_in_manifest(copy, "words.txt")
    with pytest.raises(ArtefactError, match=r"not the words of tokenizer\.model"):
        Keyboard.load(copy)


def test_words_that_are_no_text_are_refused(copy):
    (copy / "words.txt").write_bytes(b"\xff\xfe\n")
    renamed_in_manifest(copy, "words.txt")
    with pytest.raises(ArtefactError, match=r"cannot be loaded: .*utf-8"):
        Keyboard.load(copy)


def test_a_tokenizer_with_other_special_ids_is_refused(copy):
    """As many pieces, and the same words, two places on."""
    foreign = sentencepiece_model_pb2.ModelProto()
    foreign.ParseFromString((copy / "tokenizer.model").read_bytes())
    foreign.pieces[0].piece, foreign.pieces[1].piece = "<s>", "<unk>"
    kinds = foreign.pieces[0].type, foreign.pieces[1].type
    foreign.pieces[1].type, foreign.pieces[0].type = kinds
    foreign.trainer_spec.unk_id, foreign.trainer_spec.bos_id = 1, 0
    (copy / "tokenizer.model").write_bytes(foreign.SerializeToString())
    renamed_in_manifest(copy, "tokenizer.model")
    with pytest.raises(ArtefactError, match=r"tokenizer\.model: .*<unk>"):
        Keyboard.load(copy)


@pytest.mark.parametrize("spoil", ["without weights", "other inputs"])
def test_a_graph_with_another_signature_is_refused(copy, install, spoil):
    graph = onnx.load(copy / "predict.onnx")
    if spoil == "without weights":
        graph = onnx.load(install().workshop.graphs.predict)
    else:
        graph.graph.input[0].name = graph.graph.node[0].input[1] = "another"
    onnx.save(graph, copy / "predict.onnx")
    renamed_in_manifest(copy, "predict.onnx")
    with pytest.raises(ArtefactError, match="cannot be loaded"):
        Keyboard.load(copy)


def manifest_naming(files):
    """A manifest with what comes before its files."""
    return (
        f'{{"format": "{FORMAT}", "tokens": 9, "words": 7, "tokenizer": "word", "files": {files}}}'
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read"),
        ("[]", "format = None"),
        ('{"format": "another 3"}', "format = 'another 3'; allowed: "),
        (f'{{"format": "{FORMAT}"}}', "tokens = None is unusable"),
        (f'{{"format": "{FORMAT}", "tokens": 9}}', "words = None is unusable"),
        (manifest_naming('{"a": 1}'), "does not name predict"),
        (manifest_naming('{"predict.onnx": 1}'), "does not name predict"),
        (manifest_naming("3"), "files = 3 is unusable"),
    ],
)
def test_a_manifest_that_is_none_is_refused(copy, text, said):
    (copy / "manifest.json").write_text(text)
    with pytest.raises(ArtefactError, match=said):
        Keyboard.load(copy)


def test_a_folder_without_a_manifest_is_refused(tmp_path):
    for folder in (tmp_path, tmp_path / "none"):
        with pytest.raises(ArtefactError, match=r"has no manifest\.json; hint: "):
            Keyboard.load(folder)


ALONE = """
import sys

class Only:
    def find_spec(self, name, path=None, target=None):
        libraries = {"keyboard", "loader", "numpy", "onnxruntime", "sentencepiece"}
        if name.partition(".")[0] not in libraries | sys.stdlib_module_names:
            raise ModuleNotFoundError(f"{name} is not installed here", name=name)

sys.meta_path.insert(0, Only())
sys.path.insert(0, sys.argv[1])
import keyboard

loaded = keyboard.Keyboard.load(sys.argv[1])
print(loaded.suggest(sys.argv[2]), loaded.compose(sys.argv[2], 0.001))
"""  # what is installed here beside the three libraries cannot be imported


def test_the_loader_beside_the_artefact_needs_three_libraries_alone(install):
    installed = install()
    text = " ".join(context(installed, 3)) + " "
    keyboard = Keyboard.load(installed.folder)
    wanted, offered = keyboard.suggest(text), keyboard.compose(text, 0.001)
    assert offered
    assert run("-I", "-c", ALONE, installed.folder, text) == f"{wanted} {offered}\n"
    assert run(installed.folder / "keyboard.py", text, "-k", "2").split() == wanted[:2]


def run(*arguments):
    """What a new process prints; nothing on stderr."""
    command = [sys.executable, *arguments]
    ended = subprocess.run(command, capture_output=True, text=True, check=True, cwd="/")
    assert ended.stderr == ""
    return ended.stdout


def test_the_loader_beside_a_damaged_artefact_says_so(copy):
    (copy / "words.txt").write_text("other\n")
    command = [sys.executable, copy / "keyboard.py", "the "]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith(f"{copy / 'words.txt'}: 6 bytes with sha256 ")
    assert "Traceback" not in ended.stderr
