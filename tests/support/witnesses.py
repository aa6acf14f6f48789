"""Entries, exhibits and folders of witnesses, made by hand."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from analyzers.contract import Array, Case, Depth, Done, InputSpec
from analyzers.pictures import sample_id
from service.core.driver import Course, instances_for
from service.core.policy import parse_policy
from service.witnesses.exhibits import Exhibit
from service.witnesses.index import DataCard, Entry, File, Index, ModelCard, Threat
from service.witnesses.pictures import packed, pixels_digest
from support.running import policy
from support.toys import ATTACK, CATALOGUE

SHAPE = (3, 4, 5)


def picture(seed: int = 0, shape: tuple[int, int, int] = SHAPE) -> Array:
    """A picture of 8 bits."""
    return np.random.default_rng(seed).integers(20, 236, shape, np.uint8)


def sha(text: str) -> str:
    """Some digest."""
    return hashlib.sha256(text.encode()).hexdigest()


def data_card(dtype: str = "uint8", shape: tuple[int, int, int] = SHAPE) -> DataCard:
    """An evaluation set of pictures of one shape."""
    body = {
        "digest": sha("set"),
        "name": "set.npz",
        "slice": "",
        "reading": {"layout": "auto", "channels": "rgb", "pixels": "auto"},
        "dtype": dtype,
        "shape": list(shape),
    }
    return DataCard.model_validate(body)


def model_card(spec: InputSpec | None = None) -> ModelCard:
    """A model that nobody has."""
    told = (spec or InputSpec()).as_json()
    return ModelCard(
        name="m.onnx",
        file=sha("file"),
        canonical=sha("canonical"),
        subject=sha("subject"),
        format="onnx",
        architecture="",
        output="",
        declared=told,
        input_spec=told,
    )


def index_of(*entries: Entry) -> Index:
    """An index with these entries."""
    return Index(
        note="",
        model=model_card(),
        data=data_card(),
        counted=[Threat(threat="attacks.linf@Linf:8/255:white", broken=9, here=len(entries))],
        witnesses=list(entries),
    )


def entry_of(
    clean: Array, moved: Array, *, depth: Depth = "8-bit", row: int = 7, label: int = 1
) -> Entry:
    """A witness of the class 1 that became a 2."""
    stem = f"row{row:05d}-{sample_id(clean, label)[:8]}-{label}-to-2-linf"
    names = [f"{stem}{part}" for part in ("-clean", "-8bit" if depth == "8-bit" else "")]
    kept, changed = (
        File(name=f"{name}{packed(one)[0]}", pixels=pixels_digest(one))
        for name, one in zip(names, (clean, moved), strict=True)
    )
    return Entry(
        row=row,
        image=3,
        sample=sample_id(clean, label),
        label=label,
        became={depth: 2},
        threat="attacks.linf@Linf:8/255:white",
        norm="Linf",
        eps="8/255",
        stage="margin",
        clean=kept,
        files={depth: changed},
    )


def exhibit_of(clean: Array, moved: Array, *, depth: Depth = "8-bit") -> Exhibit:
    """A witness whose files are in order."""
    return Exhibit(entry_of(clean, moved, depth=depth), depth, clean, moved)


def written(folder: Path, clean: Array, moved: Array, *, depth: Depth = "8-bit") -> Entry:
    """The files of a witness in a folder, and what an index says of them."""
    entry = entry_of(clean, moved, depth=depth)
    (folder / entry.clean.name).write_bytes(packed(clean)[1])
    (folder / entry.files[depth].name).write_bytes(packed(moved)[1])
    return entry


class _Ended(Course):
    """A course of which some units are done."""

    def __init__(self, case: Case, done: Sequence[Done]) -> None:
        """Of the attack; nothing else ran."""
        rules = parse_policy(policy(), CATALOGUE)
        super().__init__(case, instances_for(CATALOGUE, rules), seed=0, engine="e", stops={})
        (attack,) = [one for one in self.instances if one.analyzer is ATTACK]
        self._done[attack.key] = list(done)


def ended(case: Case, *done: Done) -> Course:
    """A course of the toy attack with these units done."""
    return _Ended(case, done)
