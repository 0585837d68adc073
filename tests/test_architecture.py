"""The import direction that README draws, enforced over every import, function-level ones too."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "gboard_sim"
GROUND = {
    "catalogue", "errors", "experiment", "halves", "inequality", "machine", "progress", "ranges",
    "rotation", "runlog", "seam", "seeds", "trace_file", "units",
}  # fmt: skip
JOINS = {
    "artefacts", "claims", "course", "epsilon", "export", "model_spec", "registry", "simulate",
    "sweep", "trials", "world",
}  # fmt: skip
FACES = {"__init__", "__main__", "cli"}
PACKAGES = {
    "bench", "communication", "fleet", "keyboard", "keyboard_web", "learning", "privacy", "report",
}  # fmt: skip
MAY_IMPORT = {  # package: (our packages, heavy third parties); the ground floor is open to all
    "fleet": ({"fleet"}, {"simpy"}),
    "learning": (
        {"learning", "keyboard"},
        {
            "torch",
            "onnx",
            "onnxruntime",
            "onnxscript",
            "sentencepiece",
            "pyarrow",
            "ray",
            "symspellpy",
        },
    ),
    "communication": ({"communication"}, {"pyarrow", "safetensors"}),
    "privacy": ({"privacy"}, {"dp_accounting", "scipy", "cryptography"}),
    "keyboard": ({"keyboard"}, {"onnxruntime", "sentencepiece"}),
    "keyboard_web": ({"keyboard_web", "keyboard"}, set()),
    "report": ({"report"}, {"matplotlib", "jinja2", "pyarrow"}),
    "bench": (PACKAGES - {"report"} | {"artefacts"}, set()),  # it times what a run leaves
}
HEAVY = {
    "simpy", "torch", "onnx", "onnxruntime", "onnxscript", "sentencepiece", "ray", "dp_accounting",
    "scipy", "cryptography", "matplotlib", "jinja2", "pyarrow", "safetensors", "symspellpy",
    "textual", "typer", "rich",
}  # fmt: skip
GROUND_HEAVY = {
    "halves": {"pyarrow"},
    "runlog/answers": {"pyarrow"},
    "runlog/checkpoint": {"safetensors"},
    "runlog/directory": {"pyarrow"},
    "runlog/journal": {"pyarrow"},
    "runlog/recorded_fleet": {"pyarrow"},
    "runlog/served": {"pyarrow"},
    "runlog/tables": {"pyarrow"},
    "trace_file": {"pyarrow"},
}
BENCH_HEAVY = {  # what is timed by itself; the rest of bench trains through the learning half
    "own_products": {"onnx"},
    "peak": {"onnx", "onnxruntime", "torch"},
}
PEERS = ROOT / "bench" / "peers"  # programs of other environments: nothing of ours, nothing shared
JOIN_HEAVY = {
    "artefacts": {"safetensors"},
    "claims/claims": {"pyarrow"},
    "course/fleet_facts": {"pyarrow"},
    "course/fleet_figures": {"pyarrow"},
    "course/learning_half": {"pyarrow"},
    "course/relearning": {"pyarrow"},
    "course/summary": {"pyarrow"},
    "export": {"safetensors"},
    "simulate": {"pyarrow"},
    "sweep/course": {"pyarrow"},
    "sweep/table": {"pyarrow"},
    "world/typed_uploads": {"pyarrow"},
}  # what a directory holds


def imported(path: Path) -> set[str]:
    """Dotted names of every import in a file."""
    nodes = list(ast.walk(ast.parse(path.read_text())))
    plain = {a.name for n in nodes if isinstance(n, ast.Import) for a in n.names}
    for node in nodes:
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            plain |= {f"{node.module}.{a.name}" for a in node.names}
    return plain


def ours(name: str) -> str:
    """The package or module of ours that an import reaches, or nothing."""
    parts = name.split(".")
    return parts[1] if parts[0] == "gboard_sim" and len(parts) > 1 else ""


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_a_package_imports_only_itself_and_what_lies_below(package):
    packages, heavy = MAY_IMPORT[package]
    for path in (ROOT / package).rglob("*.py"):
        if path.parent == PEERS:
            continue
        own = heavy | (BENCH_HEAVY.get(path.stem, set()) if package == "bench" else set())
        for name in imported(path):
            assert ours(name) in packages | GROUND | {""}, f"{path} imports {name}"
            assert name.split(".")[0] not in HEAVY - own, f"{path} imports {name}"


def test_experiment_files_are_data():
    assert not list((ROOT / "experiments").rglob("*.py"))


def test_programs_for_peers_import_nothing_of_ours_and_nobody_imports_them():
    for path in ROOT.rglob("*.py"):
        for name in imported(path):
            if path.parent == PEERS:
                assert name.split(".")[0] != "gboard_sim", f"{path} imports {name}"
            assert not name.startswith("gboard_sim.bench.peers"), f"{path} imports {name}"


def above_and_below() -> list[Path]:
    """Every module that is in none of the packages of one concern."""
    return sorted(
        path for path in ROOT.rglob("*.py") if path.relative_to(ROOT).parts[0] not in PACKAGES
    )


@pytest.mark.parametrize("path", above_and_below(), ids=lambda path: str(path.relative_to(ROOT)))
def test_modules_above_and_below_the_packages_keep_their_floor(path):
    module = path.relative_to(ROOT).with_suffix("").as_posix()
    floor = module.partition("/")[0]
    for name in imported(path):
        top = name.split(".")[0]
        if floor in GROUND:
            assert ours(name) in GROUND | {""}, f"{path} imports {name}"
            assert top not in HEAVY - GROUND_HEAVY.get(module, set()), f"{path} imports {name}"
        elif floor in JOINS:
            assert ours(name) in PACKAGES - {"bench", "report"} | GROUND | JOINS | {""}
            assert top not in HEAVY - JOIN_HEAVY.get(module, set()), f"{path} imports {name}"
        else:
            assert floor in FACES, f"{floor} has no floor"


@pytest.mark.parametrize("folder", ["devices", "models"])
def test_data_folders_hold_no_python(folder):
    found = list((ROOT.parent / folder).rglob("*.toml"))
    assert found
    assert not list((ROOT.parent / folder).rglob("*.py"))
