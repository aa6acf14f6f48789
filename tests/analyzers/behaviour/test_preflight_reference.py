"""Third-party colour nets fed in blue, green, red: the flag is named, and never without need."""

from pathlib import Path

import numpy as np
import pytest

from analyzers.behaviour.preflight import TRIED_ROWS, measure, merge, plan
from analyzers.contract import Batch, Case, DataFacts, Done, InputSpec
from support.graphs import subject_of
from support.reference import picture_set, rows_of, spec_of
from support.subjects import committed, shard_of, silent

pytestmark = [pytest.mark.deep, pytest.mark.reference]

FLIP = "--channels bgr (rgb if you gave bgr)"
NETS = ("cifar_small_sgd_oval.onnx", "cifar_marabou_large_nat.onnx", "cifar_wide_kw_oval.onnx")


def better(folder: Path, net: str, *, flipped: bool, spec: InputSpec | None = None) -> str:
    """What preflight names for a net, on its own pictures."""
    [row] = [one for one in rows_of(folder) if one["onnx"] == net]
    images, labels = picture_set(folder, row, TRIED_ROWS)
    images = np.ascontiguousarray(images[:, ::-1]) if flipped else images
    subject = subject_of((folder / net).read_bytes(), spec or spec_of(row))
    case, done = Case(subject.facts, DataFacts("d" * 64, len(images), 10, True)), list[Done]()
    while units := plan(case, {}, done, ()):
        cut = slice(*units[0].rows)
        rows = list(range(*units[0].rows))
        batch = Batch(rows, images[cut], labels[cut], ["0" * 64] * len(rows))
        shard = shard_of(units[0], "behaviour.preflight")
        done.append(committed(units[0], measure(shard, subject, batch, {}, silent)))
    return merge(case, {}, done)[1].scope.get("better", "")


@pytest.mark.parametrize("net", NETS)
def test_reversed_colours_of_real_pictures_are_named(reference_models: Path, net: str) -> None:
    """Alone, and beside a normalisation that was left out; in the usual order nothing is."""
    assert better(reference_models, net, flipped=True) == FLIP
    assert better(reference_models, net, flipped=False) == ""
    bare = better(reference_models, net, flipped=True, spec=InputSpec())
    assert bare.endswith(FLIP)
    assert ("--normalize" in bare) == ("marabou" not in net)
