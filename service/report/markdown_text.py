"""Words inside Markdown: whatever they hold, they stay words on one line and call nobody.

Special characters become numeric entities, which no Markdown reader takes for markup, not even
where it cuts a table into cells. Forges look for names, links and references in the page that is
already made, where an entity is its character again; only a break of no width stops those.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from itertools import islice

from service.report.wording import plain

_BREAK = "\u200b"
_ENTITIES = {char: f"&#{ord(char)};" for char in f"\\`*_[]{{}}<>#!|~&$@^{_BREAK}"}
_LIVE = re.compile(
    r"[@#!$%~&^:](?=[\w\"+/-])"  # names, issues, labels, emoji, addresses of pages
    r"|(?i:\bwww(?=\.)|\bgh-(?=\d))"
)
_TAME = re.compile(r"[A-Za-z0-9 ._/:=,+'()-]+")
_WORD = re.compile(r"[A-Za-z0-9._/][A-Za-z0-9._/:=,+-]*")
_BLOCK = re.compile(r"(?P<count>\d{1,9})(?P<stop>[.)])|(?P<mark>[-+=])")
_ADDRESS = re.compile(r"https?://[A-Za-z0-9._~:/?=&%#+,;-]{1,500}")
_COUNTED = 10**15
_STACKED = 3
"""Marks upon one letter; more of them climb over the lines above."""


def escaped(value: object, room: int = 200) -> str:
    """Any value as literal text of at most ``room`` bytes of Markdown."""
    told = "".join(_unstacked(plain(value, room)))
    live = _LIVE.sub(lambda found: found[0] + _BREAK, told)
    return _fitting((_ENTITIES.get(char, char) for char in live), room)


def code(value: object, room: int = 200) -> str:
    """A name to copy, in the type of code; as literal text when it holds anything unusual."""
    told = plain(value, room)
    return f"`{told}`" if _TAME.fullmatch(told) else escaped(told, room)


def is_word(value: str) -> bool:
    """Whether a name can stand in a command that people copy, as one word and as no option."""
    return bool(_WORD.fullmatch(value))


def item(line: str) -> str:
    """A line of a list; what it begins with begins no other list in it."""
    found = _BLOCK.match(line)
    if found is None:
        return f"- {line}"
    mark = found["stop"] or found["mark"]
    return f"- {found['count'] or ''}&#{ord(mark)};{line[found.end() :]}"


def link(words: str, address: str) -> str:
    """A link where the address is a plain one of the web, else the address as a name."""
    if not is_address(address):
        return code(address) if address else ""
    return f"[{words}]({address.replace('&', '&amp;')})"


def is_address(place: str) -> bool:
    """Whether a place is a plain address of the web."""
    return bool(_ADDRESS.fullmatch(place))


def count(number: int) -> str:
    """A count for people; one that nothing could have counted is at least short."""
    return f"{number:,}" if abs(number) < _COUNTED else f"{number:.3g}"


def capped(lines: Iterable[str], total: int, *, most: int, room: int, rest: str) -> list[str]:
    """The first lines, in so many bytes; ``rest`` says how many of all were left out."""
    taken: list[str] = []
    for line in islice(lines, most):
        room -= len(line.encode()) + 1
        if room < 0:
            break
        taken.append(line)
    left = total - len(taken)
    return [*taken, rest.format(f"{left:,}")] if left else taken


def _fitting(pieces: Iterable[str], room: int) -> str:
    """As many whole pieces as fit; one that was cut would be another character."""
    written: list[str] = []
    for piece in pieces:
        room -= len(piece.encode())
        written.append(piece)
        if room < 0:
            return _shortened(written, -room)
    return "".join(written)


def _shortened(written: list[str], over: int) -> str:
    over += len("…".encode())
    while over > 0 and written:
        over -= len(written.pop().encode())
    return "".join(written).rstrip() + "…"


def _unstacked(text: str) -> Iterator[str]:
    marks = 0
    for char in text:
        marks = marks + 1 if unicodedata.category(char) in {"Mn", "Me"} else 0
        if marks <= _STACKED:
            yield char
