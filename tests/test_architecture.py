"""The import direction that README draws, enforced over every import, function-level ones too."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1] / "gboard_sim"
GROUND = {
    "answers", "catalogue", "checkpoint", "errors", "experiment", "experiment_communication",
    "experiment_errors", "experiment_file", "experiment_fleet", "experiment_keys",
    "experiment_network", "experiment_overrides", "experiment_privacy", "experiment_sweep",
    "experiment_text", "experiment_training", "experiment_values", "halves", "inequality",
    "journal", "ledger_file", "machine", "mechanism_table", "privacy_event", "privacy_protocols",
    "progress", "protocols", "provenance", "purposes", "ranges", "recorded_fleet", "records",
    "rotation", "round_times", "runlog", "seeds", "served", "summary_lines", "tables", "trace_file",
    "typing_record", "units", "uploads",
}  # fmt: skip
JOINS = {
    "adaptation_trial", "artefacts", "audit", "channel", "claims", "compose_trial",
    "distributed_claims", "downloads", "engine", "epsilon", "export", "fleet_facts",
    "fleet_figures", "fleet_half", "fleet_rules", "held_back", "keyboard_trial",
    "learning_half", "local_claims", "model_spec", "registry", "relearning", "run_course",
    "run_files", "run_text", "simulate", "summary", "sweep", "sweep_course", "sweep_crew",
    "sweep_point", "sweep_table", "trigger_trial", "typed_uploads", "world",
}  # fmt: skip
FACES = {
    "__init__", "__main__", "cli", "cli_bench", "cli_corpus", "cli_epsilon", "cli_keyboard",
    "cli_list", "cli_sweep", "cli_trace", "cli_type", "screen",
}  # fmt: skip
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
    "answers": {"pyarrow"},
    "checkpoint": {"safetensors"},
    "halves": {"pyarrow"},
    "journal": {"pyarrow"},
    "recorded_fleet": {"pyarrow"},
    "runlog": {"pyarrow"},
    "served": {"pyarrow"},
    "tables": {"pyarrow"},
    "trace_file": {"pyarrow"},
}
BENCH_HEAVY = {  # what is timed by itself; the rest of bench trains through the learning half
    "own_products": {"onnx"},
    "peak": {"onnx", "onnxruntime", "torch"},
}
PEERS = ROOT / "bench" / "peers"  # programs of other environments: nothing of ours, nothing shared
JOIN_HEAVY = {
    "artefacts": {"safetensors"},
    "claims": {"pyarrow"},
    "export": {"safetensors"},
    "fleet_facts": {"pyarrow"},
    "fleet_figures": {"pyarrow"},
    "learning_half": {"pyarrow"},
    "relearning": {"pyarrow"},
    "simulate": {"pyarrow"},
    "summary": {"pyarrow"},
    "sweep_course": {"pyarrow"},
    "sweep_table": {"pyarrow"},
    "typed_uploads": {"pyarrow"},
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


@pytest.mark.parametrize("package", sorted(path.name for path in ROOT.iterdir() if path.is_dir()))
def test_a_package_imports_only_itself_and_what_lies_below(package):
    if package in {"experiments", "__pycache__"}:
        assert package == "__pycache__" or not list((ROOT / package).rglob("*.py"))
        return
    packages, heavy = MAY_IMPORT[package]
    for path in (ROOT / package).rglob("*.py"):
        if path.parent == PEERS:
            continue
        own = heavy | (BENCH_HEAVY.get(path.stem, set()) if package == "bench" else set())
        for name in imported(path):
            assert ours(name) in packages | GROUND | {""}, f"{path} imports {name}"
            assert name.split(".")[0] not in HEAVY - own, f"{path} imports {name}"


def test_programs_for_peers_import_nothing_of_ours_and_nobody_imports_them():
    for path in ROOT.rglob("*.py"):
        for name in imported(path):
            if path.parent == PEERS:
                assert name.split(".")[0] != "gboard_sim", f"{path} imports {name}"
            assert not name.startswith("gboard_sim.bench.peers"), f"{path} imports {name}"


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.py")), ids=lambda path: path.stem)
def test_modules_above_and_below_the_packages_keep_their_floor(path):
    stem = path.stem
    for name in imported(path):
        top = name.split(".")[0]
        if stem in GROUND:
            assert ours(name) in GROUND | {""}, f"{path} imports {name}"
            assert top not in HEAVY - GROUND_HEAVY.get(stem, set()), f"{path} imports {name}"
        elif stem in JOINS:
            assert ours(name) in PACKAGES - {"bench", "report"} | GROUND | JOINS | {""}
            assert top not in HEAVY - JOIN_HEAVY.get(stem, set()), f"{path} imports {name}"
        else:
            assert stem in FACES, f"{stem} has no floor"


@pytest.mark.parametrize("folder", ["devices", "models"])
def test_data_folders_hold_no_python(folder):
    found = list((ROOT.parent / folder).rglob("*.toml"))
    assert found
    assert not list((ROOT.parent / folder).rglob("*.py"))
