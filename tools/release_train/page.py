"""A page of the docs with what the last run told, between its marks."""

import re
from collections.abc import Mapping
from typing import Final

_SHOWN: Final = re.compile(r"### |\| |\*\*(PASS|FAIL|INCONCLUSIVE|Why|Waivers)\b")


def refreshed(page: str, blocks: Mapping[str, str], *, mark: str = "train") -> str:
    """The page with each marked block as it is told now."""
    block = re.compile(rf"(<!-- {mark}: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
    return block.sub(lambda found: f"{found[1]}{blocks[found[2]]}\n{found[3]}", page)


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
