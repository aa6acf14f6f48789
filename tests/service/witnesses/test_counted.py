"""From committed units to witnesses: which pictures belong to which row, and how many are kept."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from analyzers.catalog import ALL
from analyzers.contract import Array, Done, Unit
from service.core.driver import Instance
from service.witnesses.archive import MOST_BYTES, handed_out
from service.witnesses.counted import Counted, counted
from service.witnesses.index import MOST

SHAPE = (1, 2, 2)
ORDER = [30, 10, 20, 0, 40]
INSTANCE = Instance("attacks.linf@Linf:8/255:white", ALL[0], {"norm": "Linf", "eps": "8/255"})


class Folder:
    """Blobs as files of a folder."""

    def __init__(self, root: Path) -> None:
        """Keep them in ``root``."""
        self._root = root

    def local_path(self, digest: str) -> Path:
        """The file of a blob."""
        return self._root / digest

    def keep(self, name: str, values: Array) -> str:
        """Write a blob."""
        (self._root / name).write_bytes(values.tobytes())
        return name


def pictures(*values: int, dtype: str) -> Array:
    """A picture for each value, all of whose pixels are that value."""
    return np.stack([np.full(SHAPE, value, dtype) for value in values])


def unit(samples: Mapping[str, Sequence[Any]], **blobs: str) -> Done:
    """A committed unit."""
    return Done(Unit((0, 5), {}, {}), "measured", {}, samples, blobs, {})


def found(folder: Folder, *done: Done) -> list[Counted]:
    """What the units counted."""
    return counted(INSTANCE, done, ORDER, shelf=folder, shape=SHAPE)


def test_a_pending_claim_has_a_picture_and_is_not_counted(tmp_path: Path) -> None:
    """Pictures follow the claims in row order: those after a refuted one stay with their row."""
    folder = Folder(tmp_path)
    floats = folder.keep("floats", pictures(1, 2, 3, dtype="<f4"))
    one = unit(
        {
            "row": [0, 1, 2, 3],
            "state": ["broken", "standing", "pending", "broken"],
            "became": [4, None, None, 6],
            "stage": ["margin", "", "margin", "dlr"],
        },
        witness=floats,
    )
    first, last = found(folder, one)
    assert (first.row, first.image, first.stage, first.became) == (0, 30, "margin", {"float32": 4})
    assert (last.row, last.image, last.stage, last.became) == (3, 0, "dlr", {"float32": 6})
    assert [one.pictures["float32"].max() for one in (first, last)] == [1, 3]


def test_depths_come_together_and_the_first_of_each_counts(tmp_path: Path) -> None:
    """Float32 in one unit and 8 bits in a later one make one witness; later pictures add none."""
    folder = Folder(tmp_path)
    before = unit(
        {"row": [1], "state": ["broken"], "became": [4], "stage": ["margin"], "state8": ["pending"]}
        | {"became8": [None]},
        witness=folder.keep("f", pictures(1, dtype="<f4")),
        witness8=folder.keep("c", pictures(9, dtype="u1")),
    )
    after = unit(
        {"row": [1], "state": ["broken"], "became": [7], "stage": ["dlr"], "state8": ["broken"]}
        | {"became8": [8]},
        witness=folder.keep("g", pictures(2, dtype="<f4")),
        witness8=folder.keep("d", pictures(5, dtype="u1")),
    )
    [one] = found(folder, before, after)
    assert (one.stage, one.became) == ("margin", {"float32": 4, "8-bit": 8})
    assert (one.pictures["float32"].max(), one.pictures["8-bit"].max()) == (1, 5)
    assert one.pictures["8-bit"].dtype == np.uint8


def test_units_without_pictures_count_nothing(tmp_path: Path) -> None:
    """What only looked at clean images has no witnesses."""
    assert found(Folder(tmp_path), unit({"row": [0], "state": ["wrong"]})) == []


def broken(count: int, size: int = 1) -> list[Counted]:
    """So many breaks with pictures of so many bytes."""
    held = np.zeros((1, 1, size), np.uint8)
    return [Counted(INSTANCE, row, row, "", {"8-bit": 1}, {"8-bit": held}) for row in range(count)]


def test_no_attack_crowds_the_others_out() -> None:
    """Beyond the limit every attack gives its first ones, in turn."""
    first, second = broken(3 * MOST), broken(5)
    chosen = handed_out([first, [], second])
    assert len(chosen) == MOST
    assert chosen[:4] == [first[0], second[0], first[1], second[1]]
    assert sum(any(one is each for each in second) for one in chosen) == 5


def test_large_pictures_are_bounded_by_their_bytes() -> None:
    """A witness and its clean picture take their share; what does not fit is left out."""
    assert len(handed_out([broken(10, MOST_BYTES // 8)])) == 4
