"""The words on each page of a PDF: enough of the format for what a browser and weasyprint write."""

from __future__ import annotations

import re
import unicodedata
import zlib
from collections.abc import Mapping

_OBJECT = re.compile(rb"(?:^|\s)(\d+) 0 obj\b(.*?)\bendobj", re.S)
_STREAM = re.compile(rb"stream\r?\n(.*?)\r?\nendstream", re.S)
_SHOWN = re.compile(rb"/(\w[\w-]*) [\d.]+ Tf|(<[0-9A-Fa-f]*>|\[[^\]]*\]) ?T[jJ]|(\bET\b)")


def pages(body: bytes) -> list[str]:
    """The words of every page, in the order of the pages; ligatures undone, runs of blanks one."""
    objects = {int(number): told for number, told in _OBJECT.findall(body)}
    fonts: dict[int, Mapping[int, str]] = {}
    return [
        unicodedata.normalize("NFKC", " ".join(_text(objects, page, fonts).split()))
        for page in objects.values()
        if re.search(rb"/Type ?/Page\b", page)
    ]


def _text(objects: Mapping[int, bytes], page: bytes, fonts: dict[int, Mapping[int, str]]) -> str:
    named = {
        name.decode(): int(number)
        for name, number in re.findall(rb"/([\w-]+) (\d+) 0 R", _resources(objects, page))
    }
    drawn = b"".join(_unpacked(objects[number]) for number in _references(page, b"Contents"))
    found: list[str] = []
    letters: Mapping[int, str] = {}
    for font, shown, ended in _SHOWN.findall(drawn):
        if font:
            number = named[font.decode()]
            letters = fonts.setdefault(number, _letters(objects, number))
        elif ended:
            found.append(" ")
        else:
            codes = b"".join(re.findall(rb"<([0-9A-Fa-f]*)>", shown)).decode()
            found += [
                letters.get(int(codes[at : at + 4], 16), "?") for at in range(0, len(codes), 4)
            ]
    return "".join(found)


def _resources(objects: Mapping[int, bytes], page: bytes) -> bytes:
    """The page's own dictionary, with those it refers to for resources and fonts."""
    found = page
    for key in (b"Resources", b"Font"):
        found += b"".join(objects[number] for number in _references(found, key))
    return found


def _references(told: bytes, key: bytes) -> list[int]:
    found = re.search(rb"/" + key + rb" ?(\[[^\]]*\]|\d+ 0 R)", told)
    return [int(one) for one in re.findall(rb"(\d+) 0 R", found[1])] if found else []


def _unpacked(told: bytes) -> bytes:
    found = _STREAM.search(told)
    assert found is not None
    return zlib.decompress(found[1]) if b"/FlateDecode" in told else found[1]


def _letters(objects: Mapping[int, bytes], font: int) -> Mapping[int, str]:
    """What the codes of a font say."""
    (table,) = _references(objects[font], b"ToUnicode")
    told = _unpacked(objects[table])
    found: dict[int, str] = {}
    for block in re.findall(rb"beginbfchar(.*?)endbfchar", told, re.S):
        for code, letters in re.findall(rb"<([^>]+)>\s*<([^>]+)>", block):
            found[int(code, 16)] = _decoded(letters)
    for block in re.findall(rb"beginbfrange(.*?)endbfrange", told, re.S):
        for first, last, letters in re.findall(rb"<([^>]+)>\s*<([^>]+)>\s*<([^>]+)>", block):
            start = int(letters, 16)
            codes = range(int(first, 16), int(last, 16) + 1)
            found |= {code: chr(start + place) for place, code in enumerate(codes)}
    return found


def _decoded(letters: bytes) -> str:
    return bytes.fromhex(letters.decode()).decode("utf-16-be")
