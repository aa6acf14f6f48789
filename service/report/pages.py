"""Templates and their rules: everything is escaped, bounded and printable; nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from itertools import count
from pathlib import Path
from typing import NamedTuple

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from service.report.wording import plain

_FOLDER = Path(__file__).parent / "templates"


class _Dress(NamedTuple):
    """Style and script of a page, and the content policy that admits these two alone."""

    style: Markup
    script: Markup
    policy: str


def page(template: str, *, sheet: str = "", **words: object) -> bytes:
    """A page from its template, which stands by itself; ``sheet`` adds a style of its own."""
    return _rendered(template, _plain(sheet), words)


def live_page(template: str, *, again: int = 0, **words: object) -> bytes:
    """A page of a running service, with the script that keeps it up to date.

    Where no script runs, ``again`` makes the browser ask again after so many seconds.
    """
    return _rendered(template, _live(), {"again": again, **words})


def live_policy() -> str:
    """The content policy of such pages, for their header: it says more than one in a page may."""
    return f"{_live().policy}; frame-ancestors 'none'"


def _rendered(template: str, dress: _Dress, words: dict[str, object]) -> bytes:
    body = _templates().get_template(template)
    figures = {"number": count(1).__next__}
    return body.render({**figures, **dress._asdict(), **words}).encode()


def linked_page(template: str, **words: object) -> bytes:
    """A page whose style and pictures lie beside it; it allows nothing that stands inside it."""
    policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    policy += "form-action 'none'"
    return _rendered(template, _Dress(Markup(""), Markup(""), policy), words)


def style_sheet() -> bytes:
    """The style of all pages, as a file."""
    return _file("style.css").encode()


@cache
def _templates() -> Environment:
    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        auto_reload=False,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_bounded,
    )


def _bounded(value: object) -> object:
    """Escaping stops markup; this stops control characters and endless text."""
    return value if isinstance(value, Markup) else plain(value, 2000)


@cache
def _plain(sheet: str) -> _Dress:
    css = _file("style.css") + (_file(sheet) if sheet else "")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_known(css)}; "
        "base-uri 'none'; form-action 'none'"
    )
    return _Dress(Markup(css), Markup(""), policy)  # noqa: S704 - our own file


@cache
def _live() -> _Dress:
    css, script = _file("style.css") + _file("live.css"), _file("live.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src {_known(css)}; script-src {_known(script)}; "
        "connect-src 'self'; base-uri 'none'; form-action 'self'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    )
    return _Dress(Markup(css), Markup(script), policy)  # noqa: S704 - our own files


def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _known(text: str) -> str:
    """A style sheet or a script by what it says."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
