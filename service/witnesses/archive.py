"""All witnesses of an audit in one file: a zip with pictures and ``index.json``."""

import io
import zipfile
from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Final

import numpy as np

from analyzers.contract import Array, Depth, Json
from service.audit_case import AuditCase
from service.intake.reading import Reading
from service.witnesses.counted import Counted, stored
from service.witnesses.index import (
    INDEX,
    MOST,
    DataCard,
    Entry,
    File,
    Index,
    ModelCard,
    Threat,
    stem,
)
from service.witnesses.pictures import packed, pixels_digest

MOST_BYTES: Final = 64 << 20
"""Numbers of pictures in one archive, before they are packed."""
_OLDEST: Final = (1980, 1, 1, 0, 0, 0)
"""One time for all members: the same witnesses make the same archive."""
_DEPTHS: Final[Sequence[Depth]] = ("float32", "8-bit")


def archived(case: AuditCase, found: Sequence[Sequence[Counted]]) -> bytes:
    """The archive of what each attack broke; empty when nothing was."""
    handed = handed_out(found)
    if not handed:
        return b""
    images, labels = stored(case)
    files: dict[str, bytes] = {}
    entries = [
        _entry(case, one, np.asarray(images[one.image]), int(labels[one.image]), into=files)
        for one in handed
    ]
    index = _index(case, found, handed, entries)
    return _zipped({INDEX: index.as_file(), **files})


def handed_out(found: Sequence[Sequence[Counted]]) -> list[Counted]:
    """As many as an archive may hold: the first of each attack, then the second of each.

    So no attack crowds the others out.
    """
    chosen, left = list[Counted](), MOST_BYTES
    for one in (one for tier in zip_longest(*found) for one in tier if one is not None):
        left -= 2 * sum(picture.nbytes for picture in one.pictures.values())
        if len(chosen) == MOST or left < 0:
            break
        chosen.append(one)
    return chosen


def _entry(
    case: AuditCase, one: Counted, clean: Array, label: int, *, into: dict[str, bytes]
) -> Entry:
    """One witness; its files are added to ``into``."""
    config, key = one.instance.config, one.instance.key
    sample = str(case.material.ids[one.image])
    became: dict[Depth, int] = {
        depth: one.became[depth] for depth in _DEPTHS if depth in one.became
    }
    first = next(iter(became.values()))
    name = stem(one.row, sample, label=label, became=first, threat=key)
    return Entry(
        row=one.row,
        image=one.image,
        sample=sample,
        label=label,
        became=became,
        threat=key,
        norm=str(config.get("norm", "")),
        eps=str(config.get("eps", "")),
        stage=one.stage,
        clean=_file(f"{name}-clean", clean, into),
        files={
            depth: _file(_named(name, depth), np.asarray(one.pictures[depth]), into)
            for depth in became
        },
    )


def _named(name: str, depth: Depth) -> str:
    return f"{name}-8bit" if depth == "8-bit" else name


def _file(name: str, picture: Array, into: dict[str, bytes]) -> File:
    ending, raw = packed(picture)
    into[f"{name}{ending}"] = raw
    return File(name=f"{name}{ending}", pixels=pixels_digest(picture))


def _index(
    case: AuditCase,
    found: Sequence[Sequence[Counted]],
    handed: Sequence[Counted],
    entries: list[Entry],
) -> Index:
    counts = [
        Threat(
            threat=one[0].instance.key,
            broken=len(one),
            here=sum(each.instance.key == one[0].instance.key for each in handed),
        )
        for one in found
        if one
    ]
    return Index(
        note=f"The first broken images in the audit's order, at most {MOST} and at most "
        f"{MOST_BYTES >> 20} MiB of numbers; `counted` says of how many. `row` counts in the "
        "audit's order, `image` in the evaluation set.",
        model=model_card(case),
        data=data_card(case),
        counted=counts,
        witnesses=entries,
    )


def model_card(case: AuditCase) -> ModelCard:
    """The model, as an index names it."""
    model = case.model
    return ModelCard(
        name=case.subject_name,
        file=model.file_digest,
        canonical=model.canonical_digest,
        subject=case.course.case.subject.digest,
        format=model.format,
        architecture=model.architecture,
        output=model.output,
        declared=dict(model.input_spec),
        input_spec=case.material.input_spec.as_json(),
    )


def data_card(case: AuditCase) -> DataCard:
    """The evaluation set, as an index names it."""
    told: Mapping[str, Json] = case.data_facts()
    return DataCard(
        digest=str(told["digest"]),
        name=case.data.display_name,
        slice=case.data.slice,
        reading=Reading.from_json(case.data.reading).as_json(),
        dtype="uint8" if np.dtype(case.material.dtype) == np.uint8 else "float32",
        shape=[int(side) for side in case.material.shape[1:]],
    )


def _zipped(files: Mapping[str, bytes]) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, raw in files.items():
            member = zipfile.ZipInfo(name, _OLDEST)
            stays = name.endswith(".png")
            member.compress_type = zipfile.ZIP_STORED if stays else zipfile.ZIP_DEFLATED
            archive.writestr(member, raw)
    return whole.getvalue()
