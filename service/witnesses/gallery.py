"""What a page shows of the witnesses: read from the files that are handed out beside it."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from analyzers.contract import Depth, Json
from service.report.gallery import EXAMPLES, GalleryImages, distances, spread
from service.report.reading import mapping, text
from service.witnesses.exhibits import Exhibit, Place, exhibit, kept_beside
from service.witnesses.index import DataCard, Entry, Index


class _Near(NamedTuple):
    """A witness with its distance; its picture is read again when it is shown."""

    entry: Entry
    depth: Depth
    far: float


def galleries(place: Place, index: Index, names: Sequence[str]) -> dict[str, GalleryImages]:
    """The nearest witnesses of every threat, spread over the classes, by the threat's key.

    Files that were changed or are missing show nothing.
    """
    found: dict[str, list[_Near]] = {}
    for entry in index.witnesses:
        depth = _depth(entry)
        held = _sound(place, index.data, entry, depth)
        if held is not None:
            far = distances(held.clean[None], held.picture[None], entry.norm)[0]
            found.setdefault(entry.threat, []).append(_Near(entry, depth, far))
    counted = {one.threat: one.broken for one in index.counted}
    return {
        threat: _gallery(place, index.data, near, names, counted.get(threat, 0))
        for threat, near in found.items()
    }


def of_evidence(index: bytes, evidence: Mapping[str, Json]) -> bool:
    """Whether an index is of the witnesses that this evidence speaks of."""
    told = text(mapping(evidence, "run", "witnesses"), "index")
    return hashlib.sha256(index).hexdigest() == told


def _depth(entry: Entry) -> Depth:
    """The picture that a file can hold, where there is one."""
    return "8-bit" if "8-bit" in entry.became and "8-bit" in entry.files else "float32"


def _sound(place: Place, data: DataCard, entry: Entry, depth: Depth) -> Exhibit | None:
    if depth not in entry.became or depth not in entry.files:
        return None
    found = exhibit(place, data, entry, depth, kept_beside(place, data))
    return None if found.doubts else found


def _gallery(
    place: Place, data: DataCard, near: Sequence[_Near], names: Sequence[str], counted: int
) -> GalleryImages:
    order = spread([one.far for one in near], [one.entry.label for one in near])
    chosen = [near[at] for at in order[:EXAMPLES]]
    shown = [exhibit(place, data, one.entry, one.depth, kept_beside(place, data)) for one in chosen]
    entries = [one.entry for one in chosen]
    return GalleryImages(
        clean=np.stack([one.clean for one in shown]),
        adversarial=np.stack([one.seen for one in shown]),
        labels=[one.label for one in entries],
        predicted=[one.entry.became[one.depth] for one in chosen],
        eps=entries[0].eps,
        names=names,
        norm=entries[0].norm,
        rows=[one.row for one in entries],
        stages=[one.stage for one in entries],
        files=[one.entry.files[one.depth].name for one in chosen],
        counted=counted,
    )
