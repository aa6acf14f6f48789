"""The report on paper: the same page, laid out by WeasyPrint without network and without files."""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Mapping
from importlib import import_module
from types import ModuleType
from typing import Final

from analyzers.contract import Json
from service.errors import AssayError, Code
from service.report.gallery import GalleryImages
from service.report.html import render_html
from service.report.pages import style_sheet

_DRAWING: Final = re.compile(r"(<svg [^>]*>)")
_RULE: Final = re.compile(r"svg [^{}]+\{[^{}]*\}")
_PALETTE: Final = re.compile(r"--([a-z]+):(#[0-9a-f]{3,6})")
_VARIABLE: Final = re.compile(r"var\(--([a-z]+)\)")
_PAPER: Final = (
    "*{break-inside:auto!important}tr{break-inside:avoid!important}"
    ".verdict h1,.verdict .sentence,.holding,.strips li,.strip{display:block!important}"
    ".verdict h1 .icon{width:24pt;height:24pt}.state .icon{width:9pt;height:9pt}"
)
"""WeasyPrint 70 gives up where a part of a grid wants to stay whole and does not fit its page."""
_ICON: Final = (
    ".icon path{fill:none;stroke:#fff;stroke-width:1.9;stroke-linecap:round;stroke-linejoin:round}"
)
_TONES: Final = ("good", "bad", "open", "broken", "plain")


def render_pdf(
    evidence: Mapping[str, Json],
    verdict: Mapping[str, Json] | None,
    gallery: Mapping[str, GalleryImages] | None = None,
) -> bytes:
    """The report as PDF. The same evidence gives the same bytes, given the same fonts."""
    body = render_html(evidence, verdict, gallery)
    library = _weasyprint()
    # Opens what stands in the page, and neither files nor the network.
    fetcher = library.urls.URLFetcher(allowed_protocols=["data"], allow_redirects=False)
    document = library.HTML(string=_dressed(body.decode()), url_fetcher=fetcher)
    name = hashlib.sha256(body).hexdigest()[:32].encode()
    return document.write_pdf(pdf_identifier=name, pdf_tags=True)


def _weasyprint() -> ModuleType:
    try:
        library = import_module("weasyprint")  # an extra, and slow to load
    except (ImportError, OSError) as error:  # OSError: it is there and its libraries are not
        raise AssayError(
            Code.REPORT_EXTRA_MISSING,
            "A PDF needs WeasyPrint, and it cannot be loaded here.",
            "Install it (pip install 'assay[pdf]') with its library Pango (on Debian: apt install "
            "libpango-1.0-0 libpangoft2-1.0-0), or print the page from a browser: --format html.",
        ) from error
    logging.getLogger("weasyprint").setLevel(logging.CRITICAL)  # it tells of style it leaves out
    return library


def _dressed(page: str) -> str:
    """The page with the style of drawings inside each: there WeasyPrint does not look outside."""
    style = f"<style>{_drawing_style(style_sheet().decode())}</style>"
    drawn = _DRAWING.sub(lambda found: found[1] + style, page)
    return drawn.replace("</head>", f"<style>{_PAPER}</style></head>", 1)


def _drawing_style(css: str) -> str:
    """The rules for drawings, in the colours of paper."""
    colours = dict(_PALETTE.findall(css.rpartition("@media print{")[2]))
    top_level = css.partition("@media screen")[0]
    rules = " ".join(_RULE.findall(top_level))
    named = _VARIABLE.sub(lambda found: colours.get(found[1], "#000"), rules)
    drawn = named.replace("currentColor", colours.get("ink", "#000"))
    return f"{drawn}svg .on-stood{{stroke:none}}{_ICON}{_icon_style(colours)}"


def _icon_style(colours: Mapping[str, str]) -> str:
    """The colour of each state: icons inherit it from a variable that does not reach inside."""
    tones = {tone: colours.get("soft" if tone == "plain" else tone, "#000") for tone in _TONES}
    return "".join(
        f".{tone}.icon circle,.{tone}.icon .solid{{fill:{colour};stroke:none}}"
        f".{tone}.icon .hollow{{fill:none;stroke:{colour};stroke-width:2}}"
        for tone, colour in tones.items()
    )
