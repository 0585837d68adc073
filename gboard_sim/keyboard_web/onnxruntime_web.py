"""Finds onnxruntime-web: a folder that the user names, or npm's, fetched once and kept.

The page never fetches it from anywhere: its two files are copied beside it. Which version, and what
its archive must hash to, stands in `page/package-lock.json`, which names no address: npm asks
whichever registry it is set to.
"""

import json
import os
import shutil
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from gboard_sim.errors import WebPageError
from gboard_sim.runlog.directory import writing

FILES = ("ort.wasm.bundle.min.mjs", "ort-wasm-simd-threaded.wasm")
"""The build for processors alone: the least of the package's that has all operators, 14 MB."""

_SOURCES = Path(__file__).with_name("page")
_SECONDS = 300.0  # assumed: the packages are 150 MB unpacked


def find(given: Path | None = None) -> dict[str, bytes]:
    """The files of onnxruntime-web by name.

    Args:
        given: The unpacked npm package, or its folder `dist`; without one, what an earlier call
            has kept, or what npm installs now.

    Raises:
        WebPageError: The folder lacks a file, or npm is not there, or it failed.
    """
    if given is None:
        folder = _kept()
        if not _whole(folder):
            _install(folder)
    else:
        folder = given / "dist" if (given / "dist").is_dir() else given
        for name in FILES:
            if not (folder / name).is_file():
                raise WebPageError(
                    f"--onnxruntime-web {given}: it has no {name}; allowed: the unpacked npm "
                    f"package onnxruntime-web {version()}; hint: npm pack fetches it"
                )
    return {name: (folder / name).read_bytes() for name in FILES}


def version() -> str:
    """The version that the page is tested with."""
    package = json.loads((_SOURCES / "package.json").read_text(encoding="utf-8"))
    return str(package["dependencies"]["onnxruntime-web"])


def _kept() -> Path:
    """Where the files are kept between exports: the XDG cache folder."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(cache) if Path(cache).is_absolute() else Path.home() / ".cache"
    return base / "gboard_sim" / f"onnxruntime-web-{version()}"


def _whole(folder: Path) -> bool:
    """Whether a folder has every file."""
    return all((folder / name).is_file() for name in FILES)


def _install(folder: Path) -> None:
    """Have npm install the locked version aside, and keep its two files.

    Raises:
        WebPageError: npm is not there, or it failed.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise WebPageError(
            "--web needs onnxruntime-web, and there is no npm to install it with; hint: install "
            "npm (Debian: apt-get install npm), or name an unpacked npm package onnxruntime-web "
            f"{version()} with --onnxruntime-web DIR"
        )
    with writing(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder.parent) as scratch:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(_SOURCES / name, scratch)
            # No package's own scripts: nothing of them is needed for two files.
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            try:
                ended = subprocess.run(
                    command,
                    check=False,
                    cwd=scratch,
                    capture_output=True,
                    text=True,
                    timeout=_SECONDS,
                )
            except subprocess.TimeoutExpired:
                raise WebPageError(
                    f"--web: npm ci did not end within {_SECONDS:.0f} s; hint: look at npm's "
                    "registry and network, or use --onnxruntime-web DIR"
                ) from None
            if ended.returncode:
                said = [line for line in ended.stderr.splitlines() if line.startswith("npm err")]
                raise WebPageError(
                    f"--web: npm ci failed: {'; '.join(said[:3]) or ended.stderr.strip()}; hint: "
                    "look at npm's registry and network, or use --onnxruntime-web DIR"
                )
            installed = Path(scratch) / "node_modules" / "onnxruntime-web" / "dist"
            folder.mkdir(exist_ok=True)
            for name in FILES:
                (installed / name).replace(folder / name)
