"""Renders the files in templates/: delimiters {{{ }}} and {{% %}}, an undefined name is an error.

The folder stands at the top of the repository and is put into the wheel as
`ao_actions/templates`; an editable install reads it where it stands.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2

_PACKAGED = Path(__file__).with_name("templates")
_BESIDE = Path(__file__).parent.parent / "templates"


def folder() -> Path:
    """Where the templates are."""
    return _PACKAGED if _PACKAGED.is_dir() else _BESIDE


def render(name: str, **values: Any) -> str:
    return _environment().get_template(name).render(**values)


@cache
def _environment() -> jinja2.Environment:
    import jinja2

    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder()),
        undefined=jinja2.StrictUndefined,
        autoescape=False,  # noqa: S701 - YAML and Markdown; what goes in is checked by config
        variable_start_string="{{{",
        variable_end_string="}}}",
        block_start_string="{{%",
        block_end_string="%}}",
        comment_start_string="{{#",
        comment_end_string="#}}",
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
