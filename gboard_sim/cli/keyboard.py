"""The commands about exported models: `export` writes, `keyboard` measures, `type` tries one."""

import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Literal

import typer

from gboard_sim.cli.screen import print_json, screen
from gboard_sim.errors import GboardSimError


def export(
    run: Annotated[Path, typer.Argument(help="A finished run's directory.")],
    quantize: Annotated[
        Literal["int8", "int4", "fp16"] | None,
        typer.Option(help="Store predict.onnx's weights in fewer bits."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Folder; default RUN/export-<weights>.")] = None,
    web: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a web page that runs it, too.")
    ] = None,
    onnxruntime_web: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="For --web: the unpacked npm package; else npm is asked."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the manifest, alone.")] = False,
) -> None:
    """Write a run's model for a keyboard: ONNX files, tokenizer, loader, manifest; each checked."""
    from gboard_sim import export as join
    from gboard_sim.keyboard_web.page import prepare, write_page

    with screen(quiet=True):
        if web is not None:
            prepare(web, onnxruntime_web)
        tell = partial(print, file=sys.stderr, flush=True)
        found = join.export(run, precision=quantize or "float32", out=out, tell=tell)
        page = None if web is None else write_page(found.folder, web, runtime=onnxruntime_web)
        manifest = found.manifest
        if as_json:
            print_json(manifest)
            return
        for name, facts in manifest["files"].items():
            apart = manifest["apart_from_torch"].get(name)
            note = "" if apart is None else f"   {apart:.1e} from torch"
            print(f"{name:<24} {facts['bytes']:>12,} bytes{note}")
        recalls = [f"{manifest['recall_at_3']:.4f} ({manifest['weights']})"]
        if manifest["weights"] != "float32":
            recalls.append(f"{manifest['recall_at_3_float32']:.4f} (float32)")
        print(f"{'top-3 recall':<24} {', '.join(recalls)}, {manifest['recall_words']:,} words")
        print(f"\n{found.folder}")
        if page is not None:
            print(f"{page}; to open it: python -m http.server --directory {web}")


def keyboard(
    run: Annotated[Path, typer.Argument(help="A finished run's directory.")],
    artefact: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="An export of the run; default the run's artefacts."),
    ] = None,
    messages: Annotated[
        int, typer.Option(min=1, help="Most messages typed of each set of users.")
    ] = 2000,
    people: Annotated[
        int, typer.Option(min=0, help="Test users whose phones adapt the run's model to them.")
    ] = 20,
    triggered: Annotated[
        bool, typer.Option("--trigger", help="Phones learn which suggestions are worth showing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print all figures, alone.")] = False,
) -> None:
    """What a run's model does for people who type; the run's report page shows it from then on."""
    from gboard_sim.report.page import write_page
    from gboard_sim.report.typing_table import lines_of
    from gboard_sim.runlog.directory import RunDirectory
    from gboard_sim.trials.adaptation import adaptation
    from gboard_sim.trials.keyboard import trial
    from gboard_sim.trials.trigger import trigger

    with screen(quiet=True):
        tell = partial(print, file=sys.stderr, flush=True)
        folder = run / "artefacts" if artefact is None else artefact
        found = trial(run, artefact=folder, messages=messages, tell=tell)
        found["adaptation"] = adaptation(run, people, tell) if people else None
        found["trigger"] = trigger(run, folder, tell=tell) if triggered else None
        if as_json:
            print_json(found)
        else:
            print(*lines_of(found), sep="\n", flush=True)
        directory = RunDirectory.open(run)
        directory.write_json("keyboard.json", found)
        page = write_page(directory)
        if not as_json:
            print(f"\n{page}")


def type_in_terminal(
    artefacts: Annotated[
        Path, typer.Argument(help="A folder that export wrote, or a run's artefacts.")
    ],
    blocklist: Annotated[
        Path | None, typer.Option(help="Words that are never shown, one a line.")
    ] = None,
) -> None:
    """Type in the terminal: three words are shown, Tab or 1-3 takes one; keystrokes saved."""
    try:
        from gboard_sim.cli.typing import TypingApp
    except ModuleNotFoundError as error:
        raise GboardSimError(
            f"type needs {error.name}; hint: pip install 'gboard-sim[type]'"
        ) from None

    with screen(quiet=True):
        try:
            blocked = [] if blocklist is None else blocklist.read_text("utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise GboardSimError(f"--blocklist {blocklist}: cannot be read: {error}") from None
        app = TypingApp(artefacts, blocked)
        if not sys.stdin.isatty() or not sys.stdout.isatty():
            raise GboardSimError(
                "type needs a terminal; hint: python ARTEFACTS/keyboard.py TEXT needs none"
            )
        app.run()
