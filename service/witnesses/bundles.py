"""What an audit hands out of its breaks, packed once: a repeated audit breaks the same images."""

import hashlib
import io
import json
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from analyzers.contract import Digest, Json
from service.audit_case import AuditCase, Shelf
from service.report.gallery import GalleryImages
from service.witnesses.archive import archived, data_card, model_card
from service.witnesses.counted import Counted, counted
from service.witnesses.gallery import galleries
from service.witnesses.index import INDEX, read_index

KEPT: Final = 4
LARGEST: Final = 16 << 20
"""Bytes of a bundle that is still kept: a small archive may hold large pictures."""


@dataclass(frozen=True)
class Bundle:
    """The archive of an audit, and what its page shows of it."""

    archive: bytes = b""
    """Empty when nothing was broken."""
    index: Digest = ""
    """Of the index in the archive."""
    shown: Mapping[str, GalleryImages] = field(default_factory=dict[str, GalleryImages])

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        shown = (one.clean.nbytes + one.adversarial.nbytes for one in self.shown.values())
        return len(self.archive) + sum(shown)

    def as_json(self) -> dict[str, Json]:
        """How the evidence names it."""
        digest = hashlib.sha256(self.archive).hexdigest()
        return {"digest": digest, "size": len(self.archive), "index": self.index}


class Bundles:
    """The bundles of the last audits, by all that they were made of."""

    def __init__(self, most: int = KEPT) -> None:
        """Keep so many."""
        self._most = most
        self._kept: OrderedDict[Digest, Bundle] = OrderedDict()
        self._lock = threading.Lock()  # audits end in threads of their own

    def of(self, case: AuditCase, shelf: Shelf) -> Bundle:
        """The bundle of an audit that has ended; an empty one where pictures are withheld."""
        if case.data.withheld:
            return Bundle()
        key = _made_of(case)
        with self._lock:
            known = self._kept.pop(key, None)
        found = known or _packed(case, shelf)
        if found.size <= LARGEST:
            with self._lock:
                self._kept[key] = found
                while len(self._kept) > self._most:
                    self._kept.popitem(last=False)
        return found


def _packed(case: AuditCase, shelf: Shelf) -> Bundle:
    archive = archived(case, _counted(case, shelf))
    if not archive:
        return Bundle()
    place = zipfile.Path(zipfile.ZipFile(io.BytesIO(archive)))
    raw = (place / INDEX).read_bytes()
    names = [str(one) for one in case.data_facts().get("class_names", ())]
    shown = galleries(place, read_index(raw), names)
    return Bundle(archive, hashlib.sha256(raw).hexdigest(), shown)


def _counted(case: AuditCase, shelf: Shelf) -> list[list[Counted]]:
    """What each attack broke."""
    course, order, shape = case.course, case.order, case.material.shape[1:]
    return [
        counted(one, course.done(one), order, shelf=shelf, shape=shape) for one in course.instances
    ]


def _made_of(case: AuditCase) -> Digest:
    """Whatever decides what is in a bundle: pictures, tables, order, images, and every name."""
    breaks = [
        [one.key, dict(one.config), done.unit.rows, dict(done.samples), dict(done.blobs)]
        for one in case.course.instances
        for done in case.course.done(one)
        if any(name.startswith("witness") for name in done.blobs)
    ]
    told = [
        breaks,
        list(case.order),
        list(case.material.ids),
        [case.material.images, case.material.labels, case.material.dtype],
        model_card(case).model_dump(mode="json"),
        data_card(case).model_dump(mode="json"),
        case.data_facts().get("class_names"),
    ]
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
