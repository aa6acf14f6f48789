"""Parts of a page as plain data, so that a script can bring an open page up to date.

The template stays the only place that says what a page looks like; the script builds elements from
names, attributes and text, and never reads markup.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from html.parser import HTMLParser

from analyzers.contract import Json

Node = str | tuple[str, dict[str, str], list["Node"]]

_VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "wbr"})
_CASED = {"viewbox": "viewBox", "preserveaspectratio": "preserveAspectRatio"}
"""What the parser spells small and SVG does not."""


@dataclass(frozen=True)
class Parts:
    """What of a page may change while it is open."""

    title: str
    parts: dict[str, Node]
    """Elements marked ``data-live``, and the children of those marked ``data-live="list"``."""
    lists: dict[str, list[str]]
    """Ids of such children, in order."""
    over: str = ""
    """Set when nothing will change any more: ``end``, or ``report`` where one takes its place."""


def parts_of(page: bytes) -> Parts:
    """The parts of one of our own pages."""
    reader = _Reader()
    reader.feed(page.decode())
    reader.close()
    return Parts("".join(reader.title), reader.parts, reader.lists, reader.over)


def as_json(node: Node) -> Json:
    """A part for the wire."""
    if isinstance(node, str):
        return node
    tag, attributes, children = node
    return [tag, attributes, [as_json(one) for one in children]]


@dataclass
class _Open:
    tag: str
    attributes: dict[str, str]
    children: list[Node] = field(default_factory=list[Node])


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.title: list[str] = []
        self.parts: dict[str, Node] = {}
        self.lists: dict[str, list[str]] = {}
        self.over = ""
        self._path: list[_Open] = []

    def handle_starttag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        found = {_CASED.get(name, name): value or "" for name, value in attrs}
        self.over = found.get("data-over", self.over)
        self._path.append(_Open(tag, found))
        if tag in _VOID:
            self.handle_endtag(tag)

    def handle_startendtag(self, tag: str, attrs: Sequence[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in _VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        while self._path:
            one = self._path.pop()
            self._shut(one)
            if one.tag == tag:
                return

    def handle_data(self, data: str) -> None:
        if not self._path:
            return
        if self._path[-1].tag == "title" and len(self._path) <= 3:  # noqa: PLR2004 - html, head, title
            self.title.append(data)
        told = " ".join(data.split())
        if told:
            before, after = data[:1].isspace(), data[-1:].isspace()
            self._path[-1].children.append(f"{' ' * before}{told}{' ' * after}")
        elif "\n" not in data:
            self._path[-1].children.append(" ")

    def _shut(self, one: _Open) -> None:
        node: Node = (one.tag, one.attributes, one.children)
        if self._path:
            self._path[-1].children.append(node)
        name, live = one.attributes.get("id", ""), one.attributes.get("data-live")
        if live == "list":
            rows = [child for child in one.children if not isinstance(child, str)]
            self.lists[name] = [child[1]["id"] for child in rows]
            self.parts.update({child[1]["id"]: child for child in rows})
        elif live is not None:
            self.parts[name] = node
