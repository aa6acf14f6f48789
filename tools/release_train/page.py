"""A page of the docs with what the last train told, between its marks."""

import re
from collections.abc import Mapping
from typing import Final

_BLOCK: Final = re.compile(r"(<!-- train: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
_SHOWN: Final = re.compile(r"### |\| |\*\*(PASS|FAIL|INCONCLUSIVE|Why|Waivers)\b")


def refreshed(page: str, blocks: Mapping[str, str]) -> str:
    """The page with each marked block as it is told now."""
    return _BLOCK.sub(lambda found: f"{found[1]}{blocks[found[2]]}\n{found[3]}", page)


def quoted(comment: str) -> str:
    """A comment's verdict, table, reasons and waivers as a quotation; the rest is left out."""
    kept: list[str] = []
    shown = False
    for part in comment.strip().split("\n\n"):
        text = part.split("-->\n")[-1]
        if not text.startswith("- "):  # a list goes with the line above it
            shown = _SHOWN.match(text) is not None
        if shown:
            kept.append(text)
    return "\n".join(f"> {line}".rstrip() for line in "\n\n".join(kept).splitlines())
