"""The templates of the pages, which lie beside this file."""

from importlib.resources import files
from typing import Any

from jinja2 import Environment, FunctionLoader, StrictUndefined


def render(template: str, /, **values: Any) -> str:
    """A page, from a template and all that it names."""
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,  # of what is included
    )
    return environment.get_template(template).render(**values).removesuffix("\n")


def _read(name: str) -> str:
    return files("gboard_sim.report").joinpath(name).read_text(encoding="utf-8")
