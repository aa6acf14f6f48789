"""The bench judges honestly: medians, kinks, missed aims, and children that answer."""

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from support.graphs import small_net
from tools import zoo
from tools.bench import engines, mixed_child, rows
from tools.bench.native import Gap, gap, word_of


def test_a_row_shows_the_median_and_the_middle_half() -> None:
    """Known values; a missed aim is said to be missed."""
    row = rows.Row("name", [1.0, 2.0, 3.0, 4.0, 100.0], "x", "5x", reached=False)
    assert row.text().split() == ["name", "3.00", "x", "2.00", "to", "4.00", "5x", "MISSED"]


def test_ratios_say_how_many_times_as_fast_ours_is() -> None:
    """A side that does the work of the other many times over takes longer, whoever begins."""
    grain = np.random.default_rng(0).random((200, 200))

    def ours() -> object:
        return grain @ grain

    def peer() -> object:
        return [ours() for _ in range(20)]

    found = rows.ratios(ours, peer, turns=6, calls=3, warm_up=1)
    assert len(found) == 6
    assert np.median(found) > 3


def test_gap_of_known_slopes() -> None:
    """One picture is right, one is off by half of its length with one sign of four turned."""
    right = np.array([[[[1.0, 1.0]]], [[[4.0, 3.0]]]])
    found = np.array([[[[1.0, 1.0]]], [[[4.0, -3.0]]]])
    assert gap(found, right) == Gap(6 / 5, 3 / 5, 0.75)


def test_no_picture_is_no_agreement() -> None:
    """An empty comparison never passes for a good one."""
    empty = np.zeros((0, 3, 2, 2))
    assert gap(empty, empty) == Gap(np.inf, np.inf, 0.0)


class _OnTheEdge(nn.Module):
    """Feeds a ReLU the red channel less a half, and a max pool after it."""

    def __init__(self) -> None:
        super().__init__()
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        third = values[:, :1] / 3  # so that float32 rounds
        return self.pool(self.relu(third - 1 / 6)).flatten(1)


def test_pictures_at_a_kink_are_not_clear() -> None:
    """A ReLU fed with zero is a kink, and so is a tie of a pool; a plain picture has none."""
    plain = np.tile(np.array([[0.1, 0.6], [0.7, 0.9]], np.float32), (2, 2))
    zero, tie = plain.copy(), plain.copy()
    zero[0, 0] = 0.5
    tie[1, 0] = 0.9
    shown = np.stack([np.stack([one] * 3) for one in (plain, zero, tie)])
    assert word_of(_OnTheEdge(), shown).clear.tolist() == [True, False, False]


def entry(**changed: object) -> engines.Entry:
    """A line with one good file."""
    parity = engines.Parity(11, 1e-7, 1.0, Gap(1e-6, 1e-7, 1.0), 0)
    line = engines.Entry("lenet", "older", [parity], forward=[5.0, 5.0], step=[1.5, 1.5])
    for name, value in changed.items():
        setattr(line, name, value)
    return line


def test_a_good_line_misses_nothing() -> None:
    """All aims reached: no mark."""
    assert "MISSED" not in entry().text()


@pytest.mark.parametrize(
    "changed",
    [
        {"forward": [3.9]},
        {"step": [0.9]},
        {"parities": [engines.Parity(11, 0, 1, Gap(1, 2e-5, 1.0), 1)]},
        {"parities": [engines.Parity(11, 0, 1, Gap(1, 1e-7, 0.9998), 1)]},
    ],
)
def test_each_missed_aim_is_marked(changed: dict[str, object]) -> None:
    """Forward ratio, step ratio, slope error and signs are judged each for itself."""
    assert entry(**changed).text().count("MISSED") == 1


def test_the_worst_opset_speaks_for_the_line() -> None:
    """Parity of a line is that of its worst file."""
    good, bad = (engines.Parity(at, 10.0**-at, 1, Gap(1, 10.0**-at, 1), 0) for at in (11, 4))
    text = entry(parities=[good, bad]).text()
    assert "1.0e-04 MISSED" in text
    assert "1.0e-11" not in text


def test_what_did_not_load_is_told() -> None:
    """Failures and files without slopes stand below the line."""
    flat = engines.Parity(12, 0, 1, None, 0, "no slopes: op X")
    line = entry(parities=[flat], failures={13: "refused"})
    assert [one.strip() for one in line.notes()] == [
        "opset 13: refused",
        "opset 12: no slopes: op X",
    ]
    assert "no slopes" in line.text()


def test_opsets_are_shown_as_ranges() -> None:
    """Gaps are seen."""
    assert engines.opset_ranges([11, 12, 13, 17, 19, 20]) == "11-13, 17, 19-20"
    assert engines.opset_ranges([]) == "none"


def test_two_thirds_of_the_lines_are_counted() -> None:
    """Two of three lines reach the aim together, one of three does not; untimed counts as slow."""
    fast, slow = entry(), entry(step=[0.5])
    assert "MISSED" not in engines.summary([fast, fast, slow])
    assert "MISSED" in engines.summary([fast, slow, entry(step=[])])


@pytest.mark.parametrize("order", [["torch", "onnxruntime"], ["onnxruntime"]])
def test_a_child_answers_for_its_sides(
    order: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Ready first, then positive seconds for each side and line, until the lines end."""
    (tmp_path / "model.onnx").write_bytes(small_net(shape=(3, 32, 32)))
    np.save(tmp_path / "images.npy", zoo.pictures(4, seed=0))
    monkeypatch.setattr(sys, "stdin", io.StringIO("go\ngo\n"))
    assert mixed_child.main([str(tmp_path), "1", "0.001", *order]) == 0
    ready, *answers = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert ready == {}
    assert [list(one) for one in answers] == [order, order]
    assert all(value > 0 for one in answers for value in one.values())
