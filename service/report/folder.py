"""The report as a folder: for viewers that forbid style and pictures inside a page."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from typing import Final

from analyzers.contract import Json
from service.report.gallery import GalleryImages
from service.report.html import words_of
from service.report.pages import linked_page, style_sheet
from service.report.reading import mapping

INDEX: Final = "index.html"
STYLE: Final = "style.css"
PICTURES: Final = "pictures"
_INSIDE: Final = re.compile(r'\b(src|href)="data:image/png;base64,([A-Za-z0-9+/=]+)"')
"""Only ours: what others wrote has its quotes escaped."""


def render_folder(
    evidence: Mapping[str, Json],
    verdict: Mapping[str, Json] | None,
    gallery: Mapping[str, GalleryImages] | None = None,
) -> dict[str, bytes]:
    """The same report as files, by their paths inside the folder; pictures by their content."""
    words = words_of(evidence, mapping(verdict), gallery or {})
    page = linked_page("report.html.j2", **words).decode()
    files: dict[str, bytes] = {}

    def outside(found: re.Match[str]) -> str:
        body = base64.b64decode(found[2])
        path = f"{PICTURES}/{hashlib.sha256(body).hexdigest()[:20]}.png"
        files[path] = body
        return f'{found[1]}="{path}"'

    moved = _INSIDE.sub(outside, page)
    return {INDEX: moved.encode(), STYLE: style_sheet(), **dict(sorted(files.items()))}
