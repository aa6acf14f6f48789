"""Markdown of our own pages as text for a terminal: headings, paragraphs, lists and code."""

import re
import textwrap
from collections.abc import Iterator

_INDENT = "  "
_HEADING = re.compile(r"#+ ")
_ITEM = re.compile(r"(?:-|\d+\.) ")
_NEXT_ITEM = re.compile(rf"\n(?={_ITEM.pattern})")
_LINK = re.compile(r"\[([^\]]+)\]\([^)]+\)")
_BOLD = re.compile(r"\*\*(.+?)\*\*")


def readable(markdown: str, width: int, *, styled: bool = False) -> str:
    """The text within ``width`` columns; styled, headings are set in bold."""
    blocks = re.split(r"\n{2,}", markdown.strip("\n"))
    return "\n\n".join("\n".join(_block(block, width, styled=styled)) for block in blocks)


def _block(block: str, width: int, *, styled: bool) -> Iterator[str]:
    if block.startswith("    "):
        yield from (f"{_INDENT}{line}".rstrip() for line in block.splitlines())
    elif _HEADING.match(block):
        heading = _filled(_HEADING.sub("", block, count=1), width)
        yield from (f"\033[1m{line}\033[0m" if styled else line for line in heading)
    else:
        for part in _NEXT_ITEM.split(block):
            mark = _ITEM.match(part)
            hanging = _INDENT + " " * (mark.end() if mark else 0)
            yield from _filled(part, width, first=_INDENT, rest=hanging)


def _filled(text: str, width: int, *, first: str = "", rest: str = "") -> list[str]:
    plain = " ".join(_BOLD.sub(r"\1", _LINK.sub(r"\1", text)).split())
    return textwrap.wrap(
        plain,
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_long_words=False,
        break_on_hyphens=False,
    )
