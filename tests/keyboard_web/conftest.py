"""Headless Chromium over its DevTools pipe, a file server, and a page to open."""

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from queue import Queue
from typing import Any

import pytest

from gboard_sim.errors import WebPageError
from gboard_sim.keyboard_web import onnxruntime_web
from gboard_sim.keyboard_web.page import write_page

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = """--headless --no-sandbox --disable-gpu --disable-quic --no-first-run
--disable-background-networking --disable-component-update --disable-sync --hide-scrollbars
--disable-dev-shm-usage --remote-debugging-pipe"""
# The browser reads commands from its file 3 and answers into its file 4.
AS_THREE_AND_FOUR = """
import fcntl, os, sys
moved = [fcntl.fcntl(int(number), fcntl.F_DUPFD, 10) for number in sys.argv[1:3]]
for number, to in zip(moved, (3, 4)):
    os.dup2(number, to)
os.execv(sys.argv[3], sys.argv[3:])
"""
PATIENCE_S = 60  # shared machines stall


class Chromium:
    """A browser, driven over a pipe by the DevTools protocol; it watches every request.

    Attributes:
        requests: The address of every request since the start, workers' ones too.
        faults: Exceptions that nobody caught, and errors on the console.
    """

    def __init__(self, profile: Path) -> None:
        self.requests: list[str] = []
        self.faults: list[str] = []
        self._answers: dict[int, Queue[dict[str, Any]]] = {}
        self._asked = 0
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        pipes = (theirs_in, theirs_out)
        chromium = [CHROMIUM, *FLAGS.split(), f"--user-data-dir={profile}", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", AS_THREE_AND_FOUR, *map(str, pipes), *chromium],
            pass_fds=pipes,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self._watch(None)
        target = self("Target.createTarget", {"url": "about:blank"}, session=None)["targetId"]
        attached = self(
            "Target.attachToTarget", {"targetId": target, "flatten": True}, session=None
        )
        self.session = attached["sessionId"]
        for domain in ("Page", "Runtime"):
            self(f"{domain}.enable")

    def __call__(self, method: str, given: dict[str, Any] | None = None, **more: Any) -> Any:
        """Carry out a command of the protocol in the page, or in another `session`."""
        number, answers = self._send(method, given or {}, more.get("session", "page"))
        answer = answers.get(timeout=PATIENCE_S)
        del self._answers[number]
        assert "error" not in answer, f"{method}: {answer['error']}"
        return answer["result"]

    def open(self, address: str, ready: str = "document.body?.dataset.readyMs") -> None:
        """Open a page and wait until an expression in it is true, or the page has failed."""
        self("Page.navigate", {"url": address})
        self.wait(f"{ready} || document.body?.dataset.fault")
        assert not self.run("document.body.dataset.fault")

    def wait(self, expression: str) -> None:
        """Wait until an expression in the page is true."""
        self.run(
            f"new Promise((done) => {{ const look = () => ({expression}) ? done() : "
            "setTimeout(look, 5); look(); })",
            fresh=True,
        )

    def run(self, expression: str, *, fresh: bool = False) -> Any:
        """The value of an expression in the page, awaited; `fresh` outlives a navigation."""
        given = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        for attempt in range(50):
            try:
                answer = self("Runtime.evaluate", given)
                break
            except AssertionError:
                if not fresh or attempt == 49:
                    raise
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def tap(self, selector: str) -> None:
        """A finger on an element."""
        x, y = self.run(
            f"((e) => {{ e.scrollIntoView({{ block: 'nearest', behavior: 'instant' }});"
            "const { x, y, width, height } = e.getBoundingClientRect();"
            f"return [x + width / 2, y + height / 2]; }})"
            f"(document.querySelector({json.dumps(selector)}))"
        )
        for kind in ("mousePressed", "mouseReleased"):
            at = {"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}
            self("Input.dispatchMouseEvent", at)

    def press(self, key: str, text: str = "") -> None:
        """A key of a real keyboard."""
        for kind in ("keyDown", "keyUp"):
            typed = {"text": text} if text and kind == "keyDown" else {}
            self("Input.dispatchKeyEvent", {"type": kind, "key": key, **typed})

    def close(self) -> None:
        """End the browser."""
        with contextlib.suppress(OSError):
            self._send("Browser.close", {}, None)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join(20)
        os.close(self._out)
        os.close(self._in)

    def _send(
        self, method: str, given: dict[str, Any], session: str | None
    ) -> tuple[int, Queue[dict[str, Any]]]:
        self._asked += 1
        message = {"id": self._asked, "method": method, "params": given}
        if session is not None:
            message["sessionId"] = self.session if session == "page" else session
        answers: Queue[dict[str, Any]] = Queue()
        self._answers[self._asked] = answers
        os.write(self._out, json.dumps(message).encode() + b"\0")
        return message["id"], answers

    def _watch(self, session: str | None) -> None:
        """Pause whatever starts from a target until its requests are watched too."""
        follow = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}
        self._send("Target.setAutoAttach", follow, session)

    def _read(self) -> None:
        """Hand answers to those who wait, and take note of events."""
        rest = b""
        while chunk := os.read(self._in, 1 << 20):
            *messages, rest = (rest + chunk).split(b"\0")
            for message in map(json.loads, messages):
                if "id" in message:
                    if message["id"] in self._answers:
                        self._answers[message["id"]].put(message)
                else:
                    self._note(message["method"], message["params"])

    def _note(self, event: str, said: dict[str, Any]) -> None:
        if event == "Target.attachedToTarget":
            session = said["sessionId"]
            self._send("Network.enable", {}, session)
            self._send("Runtime.enable", {}, session)
            self._send("Log.enable", {}, session)
            self._watch(session)
            self._send("Runtime.runIfWaitingForDebugger", {}, session)
        elif event in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            address = said.get("request", said)["url"]
            if not address.startswith(("chrome:", "data:")):  # the browser's own windows
                self.requests.append(address)
        elif event == "Runtime.exceptionThrown":
            self.faults.append(json.dumps(said["exceptionDetails"]))
        elif event == "Log.entryAdded" and said["entry"]["level"] in ("error", "warning"):
            self.faults.append(said["entry"]["text"])
        elif event == "Runtime.consoleAPICalled" and said["type"] in ("error", "warning"):
            self.faults.append(json.dumps(said["args"]))


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chromium]:
    """One browser with an empty profile for all tests."""
    if CHROMIUM is None:
        pytest.skip("Chromium is not installed")
    running = Chromium(tmp_path_factory.mktemp("chromium"))
    yield running
    running.close()


@pytest.fixture
def browser(chromium: Chromium) -> Iterator[Chromium]:
    """That browser without a page; what went wrong in pages meanwhile fails the test.

    Every server has a port of its own, so a page meets nothing that an earlier one has kept.
    """
    chromium.requests.clear()
    chromium.faults.clear()
    yield chromium
    chromium("Page.navigate", {"url": "about:blank"})
    assert not chromium.faults


class Server(ThreadingHTTPServer):
    """A file server that remembers what it was asked for."""

    def __init__(self, folder: Path) -> None:
        self.asked: list[str] = []
        super().__init__(("127.0.0.1", 0), partial(Handler, directory=str(folder)))

    def handle_error(self, *_: Any) -> None:
        """A browser may leave before it was served; what it then lacks shows in the page."""

    @property
    def address(self) -> str:
        """Where the page is."""
        return f"http://127.0.0.1:{self.server_port}/"


class Handler(SimpleHTTPRequestHandler):
    """Files, in silence."""

    def log_message(self, *said: Any) -> None:
        self.server.asked.append(self.path)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[Server]:
    """A folder on a port of this machine."""
    with Server(folder) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture(scope="session")
def page_folder(smoke, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The keyboard page of the experiment `smoke`."""
    try:
        onnxruntime_web.find()
    except WebPageError as error:  # no npm, or no network and nothing kept; CI exports a page
        pytest.skip(str(error))
    out = tmp_path_factory.mktemp("web") / "page"
    return write_page(smoke.directory / "artefacts", out).parent


@pytest.fixture(scope="session")
def serve() -> Callable[[Path], contextlib.AbstractContextManager[Server]]:
    """Serves a folder for as long as a `with` lasts."""
    return served


@pytest.fixture
def server(page_folder: Path) -> Iterator[Server]:
    """That page, served."""
    with served(page_folder) as running:
        yield running
