"""The page in headless Chromium, against onnxruntime in Python on the same files."""

import json
import shutil
from functools import partial

import numpy as np
import onnxruntime
import pytest
from safetensors.numpy import load_file

from gboard_sim.keyboard import Keyboard
from gboard_sim.keyboard.tokenizer import BEGIN, Tokenizer
from gboard_sim.keyboard.words import words
from gboard_sim.keyboard_web.page import write_page
from gboard_sim.learning.text.packing import pack

LOADS_AND_PREDICTS_MS = 2000
KEPT = "document.body.dataset.kept !== undefined"
STALLS = 10  # as slow as the shared machines of a test may be against an idle one
FOREIGN = ["zyzzyva", "naïve", "日本語", "don't", "hi🙂there", "\u212bngstr\u00f6m", "x" * 300]


@pytest.fixture
def page(browser, server):
    """The page, loaded and kept for use without the server."""
    browser.open(server.address)
    browser.wait(KEPT)
    return browser


@pytest.fixture(scope="module")
def asked_server(serve, page_folder):
    """Serves the page that is only asked."""
    with serve(page_folder) as running:
        yield running


@pytest.fixture
def asked(chromium, asked_server):
    """A page that no test changes: it is loaded once for tests that follow each other."""
    chromium.faults.clear()
    if chromium.run("location.href") != asked_server.address:
        chromium.open(asked_server.address)
        chromium.wait(KEPT)
    yield chromium
    assert not chromium.faults


def ask(browser, what, given=None):
    """What the page's phone answers."""
    call = f"phone.ask({json.dumps(what)}, {json.dumps(given)})"
    return browser.run(f"import('./page.js').then(({{ phone }}) => {call})")


def parameters(browser):
    """The parameters that the page predicts with now."""
    flat = browser.run(
        "import('./page.js').then(({ phone }) => phone.ask('parameters')).then((tensors) =>"
        "Object.fromEntries([...tensors].map(([name, { values }]) => [name, [...values]])))"
    )
    return {name: np.array(values, np.float32) for name, values in flat.items()}


def shown(browser):
    """The words of the strip, best first."""
    return browser.run(
        "[...document.querySelectorAll('.strip button')]"
        ".sort((a, b) => a.dataset.rank - b.dataset.rank).map((b) => b.textContent)"
    )


def written(browser):
    """The message being written."""
    return browser.run("document.querySelector('.draft').textContent")


def settle(browser):
    """Wait until the strip answers the last key."""
    ask(browser, "suggest", written(browser))
    browser.run("new Promise((done) => setTimeout(done, 30))")


def type_on_keys(browser, text):
    """Tap the drawn keys."""
    for character in text:
        key = {" ": "space"}.get(character, character)
        browser.tap(f'.keys [data-key="{key}"]')
    settle(browser)


class Reference:
    """The same files in Python."""

    def __init__(self, folder):
        run = partial(onnxruntime.InferenceSession, providers=["CPUExecutionProvider"])
        self.keyboard = Keyboard.load(folder)
        self.predict = run(folder / "predict.onnx")
        self.train_step = run(folder / "train_step.onnx")
        self.score = run(folder / "score.onnx")
        self.outputs = [each.name for each in self.train_step.get_outputs()]
        self.parameters = load_file(folder / "parameters.safetensors")
        self.tokenizer = Tokenizer((folder / "tokenizer.model").read_bytes())
        self.words = (folder / "words.txt").read_text(encoding="utf-8").split()
        self.lane = self.train_step.get_inputs()[len(self.parameters)].shape[1]

    def log_probabilities(self, text):
        """The log-probability of every token after a text, by predict.onnx."""
        shapes = {each.name: each.shape for each in self.predict.get_inputs()}
        out, state = (np.zeros((1, shapes[name][1]), np.float32) for name in ("out", "state"))
        wanted = ["log_probabilities", "new_out", "new_state"]
        for token in [BEGIN, *self.tokenizer.encode(words(text))]:
            typed = {"token": np.array([token], np.int32), "out": out, "state": state}
            scores, out, state = self.predict.run(wanted, typed)
        return scores[0]

    def batch(self, messages):
        """What the training graph reads, as the simulator packs it."""
        rows = [self.tokenizer.encode(words(text)) for text in messages]
        packed = pack(np.concatenate(rows), np.array([len(row) for row in rows]), self.lane)
        names = ("inputs", "targets", "reset", "weight")
        return {name: getattr(packed, name) for name in names}

    def step(self, given, messages, rate):
        """The parameters after one step, and the loss before it."""
        everything = np.ones((1, 1, 1), np.float32)
        kept = {"kept_embedded": everything, "kept_features": everything}
        more = self.batch(messages) | kept | {"learning_rate": np.array(rate, np.float32)}
        made = dict(zip(self.outputs, self.train_step.run(None, given | more), strict=True))
        return {name: made[f"new_{name}"] for name in given}, float(made["loss"])

    def learned_log_probabilities(self, parameters, text):
        """The same by score.onnx, which takes the parameters: every token is a target in turn."""
        tokens = [BEGIN, *self.tokenizer.encode(words(text))]
        assert len(tokens) <= self.lane
        vocabulary = np.arange(self.tokenizer.size, dtype=np.int32)
        inputs = np.full((len(vocabulary), self.lane), BEGIN, np.int32)
        inputs[:, : len(tokens)] = tokens
        targets = np.full_like(inputs, BEGIN)
        targets[:, len(tokens) - 1] = vocabulary
        reset = np.zeros(inputs.shape, np.float32)
        reset[:, 0] = 1
        given = {"inputs": inputs, "targets": targets, "reset": reset}
        return self.score.run(None, parameters | given)[0][:, len(tokens) - 1]


@pytest.fixture(scope="session")
def reference(smoke):
    return Reference(smoke.directory / "artefacts")


def contexts(reference, count):
    """Texts of up to twelve words, some of which the model does not know."""
    draw = np.random.default_rng(7)
    known = [*reference.words, *FOREIGN * 10]
    texts = [" ".join(draw.choice(known, draw.integers(0, 13))) for _ in range(count)]
    return [f"{text.title()}, " if n % 3 == 0 else text for n, text in enumerate(texts)]


def test_predictions_equal_pythons_in_100_contexts(asked, reference):
    texts = contexts(reference, 100)
    assert len(set(texts)) > 90
    answers = asked.run(
        f"import('./page.js').then(async ({{ phone }}) => {{ const all = [];"
        f"for (const text of {json.dumps(texts)}) {{"
        "const chances = await phone.ask('logProbabilities', text);"
        "const { words } = await phone.ask('suggest', text + ' ');"
        "all.push([[...chances], words]); } return all; })"
    )
    for text, (chances, suggested) in zip(texts, answers, strict=True):
        expected = reference.log_probabilities(text)
        np.testing.assert_allclose(chances, expected, atol=1e-4, err_msg=text)
        best = [reference.words[token - 2] for token in np.argsort(-expected) if token > BEGIN]
        assert suggested == best[:3] == reference.keyboard.suggest(text + " "), text


def test_unfinished_words_are_completed_as_by_the_loader(asked, reference):
    first = reference.words[0]
    for before in ("", "I think ", "what\nis the "):
        for typed in ("t", "Th", "(wh", "a", first[:2], first, "don'", "the.", "qqqq", "5", "🙂"):
            found = ask(asked, "suggest", before + typed)
            assert found["words"] == reference.keyboard.suggest(before + typed), before + typed


def test_a_long_line_reaches_as_far_back_as_in_the_loader(asked, reference):
    draw = np.random.default_rng(3)
    for count in (63, 64, 128, 129, 200):
        line = " ".join(draw.choice(reference.words, count)) + " "
        assert ask(asked, "suggest", line)["words"] == reference.keyboard.suggest(line)


def test_a_training_step_equals_pythons(page, reference):
    messages = ["What is the " + " ".join(reference.words[:30]), "The zyzzyva", "it's 5 o'clock!"]
    plan = {"messages": messages, "learningRate": 0.7, "batchSize": 8, "passes": 1}
    learned = ask(page, "learn", plan)
    expected, loss = reference.step(reference.parameters, messages, 0.7)
    _, loss_after = reference.step(expected, messages, 0.0)
    assert learned["before"] == pytest.approx(loss, abs=1e-4)
    assert learned["after"] == pytest.approx(loss_after, abs=1e-4)
    assert learned["after"] < learned["before"]
    assert learned["steps"] == 1
    assert learned["tokens"] == sum(len(words(text)) for text in messages)
    found = parameters(page)
    update = {name: expected[name] - reference.parameters[name] for name in expected}
    assert max(np.abs(change).max() for change in update.values()) > 1e-3
    for name, values in expected.items():
        np.testing.assert_allclose(found[name], values.ravel(), atol=1e-4, err_msg=name)
    chances = page.run(
        "import('./page.js').then(({ phone }) => phone.ask('logProbabilities', 'what is'))"
        ".then((chances) => [...chances])"
    )
    by_score = reference.learned_log_probabilities(expected, "what is")
    assert np.abs(by_score - reference.log_probabilities("what is")).max() > 0.1
    np.testing.assert_allclose(chances, by_score, atol=1e-4)
    whole = np.concatenate([change.ravel() for change in update.values()])
    assert learned["update"]["bytes"] == whole.nbytes
    assert learned["update"]["norm"] == pytest.approx(np.linalg.norm(whole), rel=1e-4)
    assert 0 < learned["update"]["gzipBytes"] < whole.nbytes * 1.01


def test_passes_and_batches_are_as_many_steps_and_forgetting_undoes_them(page, reference):
    messages = [" ".join(reference.words[n : n + 3]) for n in range(5)]
    plan = {"messages": messages, "learningRate": 0.5, "batchSize": 2, "passes": 2}
    assert ask(page, "learn", plan)["steps"] == 6
    expected = reference.parameters
    for first in (0, 2, 4, 0, 2, 4):
        expected, _ = reference.step(expected, messages[first : first + 2], 0.5)
    for name, values in parameters(page).items():
        np.testing.assert_allclose(values, expected[name].ravel(), atol=1e-4, err_msg=name)
    ask(page, "forget")
    for name, values in parameters(page).items():
        assert np.array_equal(values, reference.parameters[name].ravel()), name


def test_typing_accepting_and_learning_on_the_drawn_page(page, reference):
    first = [word.capitalize() for word in reference.keyboard.suggest("")]
    assert shown(page) == first
    page.tap('.strip [data-rank="1"]')
    settle(page)
    assert written(page) == f"{first[1]} "
    type_on_keys(page, "th")
    [best, *_] = shown(page)
    assert best.startswith("th")
    page.tap('.strip [data-rank="0"]')
    type_on_keys(page, ".")  # takes the space back
    assert written(page) == f"{first[1]} {best}. "
    settle(page)
    page.press("Tab")
    settle(page)
    page.press("a", "a")
    page.press("Backspace")
    settle(page)
    assert written(page) == f"{first[1]} {best}. {first[0]} "
    keys, characters = page.run(
        "[...document.querySelectorAll('.facts dd')].at(-1).textContent.match(/\\d+/g)"
    )[:2]
    assert (int(keys), int(characters)) == (8, len(written(page)))
    page.press("Enter")
    settle(page)
    assert written(page) == ""
    page.run("document.forms[0].elements.learningRate.value = 0.5")
    page.tap("form [type=submit]")
    page.wait("document.querySelector('.learned').textContent.includes('sent')")
    said = page.run("document.querySelector('.learned').textContent")
    before, after = map(float, said.split("word")[1].split("learned")[0].split("→"))
    assert after < before
    assert "291.5 kB as float32" in said
    page.tap("form [type=reset]")
    page.wait("document.querySelector('.learned').textContent.includes('installed')")


@pytest.mark.parametrize(("width", "height"), [(320, 568), (390, 844), (1280, 800)])
def test_the_whole_keyboard_is_on_the_screen_and_wide_enough_for_thumbs(asked, width, height):
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}
    asked("Emulation.setDeviceMetricsOverride", size)
    boxes = asked.run(
        "[...document.querySelectorAll('.keys button, .strip button, .composer')].map((each) => {"
        "const { left, top, right, bottom } = each.getBoundingClientRect();"
        "return [left, top, right, bottom]; })"
    )
    sideways = asked.run("document.documentElement.scrollWidth - innerWidth")
    asked("Emulation.clearDeviceMetricsOverride")
    left, top, right, bottom = np.array(boxes).T
    assert len(boxes) == 10 + 9 + 9 + 5 + 3 + 1
    assert left.min() >= 0
    assert right.max() <= width
    assert top.min() >= 0
    assert bottom.max() <= height
    assert (right - left).min() >= 24  # px: the least target size of WCAG 2.2, 2.5.8
    assert (bottom - top).min() >= 24
    assert sideways == 0


def test_steps_that_diverge_are_said_to_and_forgotten(page, reference):
    for key in ("a", " ", "b", "Enter"):
        page.press(key, key if key != "Enter" else "")
    page.run("Object.assign(document.forms[0].elements.passes, { value: 9 })")
    page.run("Object.assign(document.forms[0].elements.learningRate, { max: '', value: 1e30 })")
    page.tap("form [type=submit]")
    page.wait("document.querySelector('.learned').textContent.includes('diverged')")
    page.tap("form [type=reset]")
    page.wait("document.querySelector('.learned').textContent.includes('installed')")
    settle(page)
    assert shown(page) == [word.capitalize() for word in reference.keyboard.suggest("")]


def test_what_is_typed_is_text_and_never_markup(page):
    for character in "<b>x</b>":
        page.press(character, character)
    page.press("Enter")
    settle(page)
    assert page.run("document.querySelector('.thread').innerText").strip() == "<b>x</b>"
    assert page.run("document.querySelectorAll('.thread b').length") == 0


@pytest.mark.parametrize("text", ["\ud83d", "\x00\x07", "x" * 10_000, "é" * 10_000, "!" * 10_000])
def test_odd_text_gets_a_prediction_or_nothing(asked, text):
    found = asked.run(
        f"import('./page.js').then(({{ phone }}) => phone.ask('suggest', {json.dumps(text)}))"
    )
    assert len(found["words"]) <= 3


def test_it_loads_and_predicts_in_time(page):
    took = int(page.run("document.body.dataset.readyMs"))
    assert took < LOADS_AND_PREDICTS_MS * STALLS


def test_no_request_leaves_the_server_and_none_follows_the_load(page, server, page_folder):
    files = {str(path.relative_to(page_folder)) for path in page_folder.rglob("*")}
    loaded = list(page.requests)
    assert {address.removeprefix(server.address) for address in loaded} <= files | {""}
    workers = {"phone_worker.js", "model/predict.onnx", "service_worker.js"}
    assert {server.address + name for name in workers} <= set(loaded)  # they are watched too
    assert {path.removeprefix("/") for path in server.asked} <= files | {""}
    assert len(server.asked) > 20
    asked = len(server.asked)
    type_on_keys(page, "the")
    page.tap('.strip [data-rank="0"]')
    page.press("Enter")
    page.tap("form [type=submit]")
    page.wait("document.querySelector('.learned').textContent.includes('sent')")
    assert page.requests == loaded
    assert len(server.asked) == asked


def test_requests_are_seen_and_one_elsewhere_is_refused_by_the_page(page, server):
    assert page.run("fetch('style.css?late').then((answer) => answer.ok)")
    assert f"{server.address}style.css?late" in page.requests
    elsewhere = "fetch('http://127.0.0.1:9/x').then(() => 'sent', () => 'refused')"
    assert page.run(elsewhere) == "refused"
    assert page.faults
    assert all("Content Security Policy" in fault for fault in page.faults)
    page.faults.clear()


def test_once_loaded_it_opens_without_the_server(browser, serve, page_folder, reference):
    with serve(page_folder) as server:
        browser.open(server.address)
        browser.wait(KEPT)
        address = server.address
    browser.open(address)
    assert shown(browser) == [word.capitalize() for word in reference.keyboard.suggest("")]


def test_a_page_that_was_kept_gives_way_to_a_newer_one(
    browser, serve, page_folder, smoke, tmp_path
):
    shutil.copytree(page_folder, tmp_path / "page")
    shutil.copytree(smoke.directory / "artefacts", tmp_path / "artefacts")
    manifest = tmp_path / "artefacts" / "manifest.json"
    with serve(tmp_path / "page") as server:
        browser.open(server.address)
        browser.wait(KEPT)
        manifest.write_text(json.dumps(json.loads(manifest.read_text()) | {"version": 77}))
        write_page(tmp_path / "artefacts", tmp_path / "page")
        browser.open(server.address)
        assert "version 77" not in browser.run("document.querySelector('.facts').innerText")
        browser.run(
            "navigator.serviceWorker.getRegistration().then(async (kept) => { await kept.update();"
            "while (kept.installing || kept.waiting) await new Promise((go) => setTimeout(go, 20));"
            "})"
        )
        browser.open(server.address)
        assert "version 77" in browser.run("document.querySelector('.facts').innerText")
        assert len(browser.run("caches.keys()")) == 1


def test_a_page_without_its_model_says_so(browser, serve, page_folder, tmp_path):
    shutil.copytree(page_folder, tmp_path / "page")
    (tmp_path / "page" / "model" / "words.txt").unlink()
    with serve(tmp_path / "page") as server:
        browser("Page.navigate", {"url": server.address})
        browser.wait("document.body?.dataset.fault")
        assert "model/words.txt: 404" in browser.run("document.querySelector('.strip').innerText")
    browser.faults.clear()
