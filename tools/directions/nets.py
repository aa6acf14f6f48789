"""The nets that are compared, each with its pictures and with what it is fed."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_NORMAL: Final = "cifar_small_sgd_oval"
_ADVERSARIAL: Final = ("cifar_small_adv_abcrown", "cifar_small_adv4_abcrown")
"""One architecture, trained by several people; the fourth of the family was trained for proofs."""


@dataclass(frozen=True)
class Net:
    """A model file and how an audit is told to feed it."""

    name: str
    """Of the folder that its evidence goes to."""
    model: Path
    data: Path
    options: Sequence[str] = ()


@dataclass(frozen=True)
class Pair:
    """Two nets of one architecture."""

    name: str
    normal: Net
    adversarial: Net


def family(folder: Path) -> list[Pair]:
    """Each adversarially trained net of the reference family beside the one trained without."""
    told = {row["name"]: row for row in json.loads((folder / "manifest.json").read_text("utf-8"))}
    nets = {
        name: Net(
            name,
            folder / told[name]["onnx"],
            folder / told[name]["dataset"],
            ("--normalize", _normalize(**told[name]["normalize"])),
        )
        for name in (_NORMAL, *_ADVERSARIAL)
    }
    return [Pair(name.split("_")[2], nets[_NORMAL], nets[name]) for name in _ADVERSARIAL]


def _normalize(mean: Sequence[float], std: Sequence[float]) -> str:
    return "/".join(",".join(map(str, values)) for values in (mean, std))
