"""Templates and their rules: everything is escaped, bounded and printable; nothing is fetched."""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from service.report.wording import plain

_FOLDER = Path(__file__).parent / "templates"


def page(template: str, *, again: int = 0, **words: object) -> bytes:
    """A page from its template; ``again`` makes the browser ask again after so many seconds."""
    style, policy = _style()
    body = _templates().get_template(template)
    return body.render(style=style, policy=policy, again=again, **words).encode()


def linked_page(template: str, **words: object) -> bytes:
    """A page whose style and pictures lie beside it; it allows nothing that stands inside it."""
    policy = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; "
    policy += "form-action 'none'"
    body = _templates().get_template(template)
    return body.render(style="", policy=policy, again=0, **words).encode()


def style_sheet() -> bytes:
    """The style of all pages, as a file."""
    return (_FOLDER / "style.css").read_bytes()


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
def _style() -> tuple[Markup, str]:
    """The style sheet and a content policy that admits this style sheet alone."""
    css = style_sheet().decode()
    known = base64.b64encode(hashlib.sha256(css.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; img-src data:; style-src 'sha256-{known}'; "
        "base-uri 'none'; form-action 'none'"
    )
    return Markup(css), policy  # noqa: S704 - our own file
