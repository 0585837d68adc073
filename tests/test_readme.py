"""README says what is there: the tree with one line per file, the commands, the picture."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def sentence(path: Path) -> str:
    """The first sentence of a module's docstring."""
    text = " ".join((ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split())
    return re.split(r"(?<=[.?]) ", text + " ")[0].rstrip(".: ")


def tree() -> str:
    """The package's tree as README has it."""
    lines = []
    for path in sorted((ROOT / "gboard_sim").rglob("*.py"), key=lambda p: (p.parent, p.name)):
        name = path.relative_to(ROOT)
        indent = "  " * (len(name.parts) - 1)
        if path.name == "__init__.py":
            lines.append(f"{'  ' * (len(name.parts) - 2)}{path.parent.name}/  {sentence(path)}")
        else:
            lines.append(f"{indent}{path.name}  {sentence(path)}")
    return "\n".join(lines)


def test_the_tree_is_the_real_one():
    assert tree() in README


@pytest.mark.parametrize("name", re.findall(r"\]\(([^)#:]+)\)", README))
def test_every_link_leads_somewhere(name):
    assert (ROOT / name).exists()


def test_ci_runs_the_two_commands_as_printed():
    script = (ROOT / ".ci/run").read_text(encoding="utf-8")
    for command in ("pip install . && gboard-sim run", "pip install '.[test]' && pytest"):
        assert f"\n{command}\n" in README
        assert f"\n{command}\n" in script


def test_the_transcript_has_the_lines_that_a_run_prints(smoke_path):
    command = [sys.executable, "-m", "gboard_sim", "report", str(smoke_path)]
    assert subprocess.run(command, check=True, capture_output=True).stdout
    # The transcript is one that a run really printed; here its labels are held to the code.
    labels = re.findall(r'yield "([^"]+)"', (ROOT / "gboard_sim/cli/app.py").read_text())
    for label in labels:
        assert (f"\n{label} " in README) == (not label.startswith("epsilon")), label


def test_nothing_but_what_was_asked_for_lies_at_the_top():
    allowed = {
        "pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "gboard_sim",
        "devices", "models", "tests", "notebooks",
    }  # fmt: skip
    build = {"runs", "build", "dist"}
    names = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert names - build <= allowed


def test_versions_agree():
    version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert f"## {version}" in (ROOT / "CHANGELOG.md").read_text()
