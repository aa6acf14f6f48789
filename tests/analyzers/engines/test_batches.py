"""Batches of one shape: what is cut comes back whole, and padding is the last row again."""

import itertools
import math
from collections.abc import Callable
from typing import Literal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.attacks.losses import margin
from analyzers.contract import Array, FloatArray
from analyzers.engines import batches
from analyzers.engines.batches import (
    BATCH_ROWS,
    GPU_BATCH_ROWS,
    LARGER,
    SMALLER,
    VALUES_TOGETHER,
    Cutter,
    cut,
    pieces,
    rows_of,
)
from support.graphs import curved_net, noise, subject_of


@pytest.mark.parametrize("count", [1, BATCH_ROWS - 1, BATCH_ROWS, BATCH_ROWS + 1, 53])
@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_row_comes_back_once_in_order(count: int, device: str) -> None:
    """The real rows of all pieces are the rows given."""
    rows = np.arange(count)[:, None]
    found = [piece.rows[: piece.real] for piece in pieces(rows, "free", device)]
    assert np.array_equal(np.concatenate(found), rows)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_all_pieces_have_one_shape(device: str) -> None:
    """The last, short one is filled with its own last row."""
    cut = list(pieces(np.arange(3 * GPU_BATCH_ROWS + 5)[:, None], "free", device))
    assert {len(piece.rows) for piece in cut} == {rows_of("free", device)}
    last = cut[-1]
    assert (last.rows[last.real :] == last.rows[last.real - 1]).all()


def test_rows_keep_their_type() -> None:
    """A model of whole numbers gets whole numbers."""
    for dtype in (np.uint8, np.float16, np.int64, np.float32):
        (piece,) = pieces(np.ones((3, 2), dtype), "free")
        assert piece.rows.dtype == dtype


@pytest.mark.parametrize(
    ("batch", "device", "rows"),
    [
        ("free", "cpu", BATCH_ROWS),
        ("free", "cuda", GPU_BATCH_ROWS),
        ("one", "cpu", 1),
        ("one", "cuda", 1),
    ],
)
def test_how_many_run_together(batch: Literal["free", "one"], device: str, rows: int) -> None:
    """One where the file fixes its batch, else what the device takes."""
    assert rows_of(batch, device) == rows


def test_no_rows_give_no_pieces() -> None:
    """Nothing is padded up from nothing."""
    assert list(pieces(np.zeros((0, 3)), "free")) == []


@settings(max_examples=100, deadline=None, derandomize=True)
@given(
    st.integers(0, 600),
    st.lists(st.integers(2, 200), max_size=6, unique=True),
    st.integers(1, 20),
)
def test_any_sizes_cut_every_row_out_once(count: int, others: list[int], size: int) -> None:
    """In order, the largest that is filled at a time; the tail in the smallest that holds it."""
    larger = sorted((one for one in others if one > size), reverse=True)
    smaller = sorted(one for one in others if one < size)
    sizes = [*larger, size, *smaller]
    rows = np.arange(count)[:, None]
    found = list(cut(rows, size, larger=larger, smaller=smaller))
    assert np.array_equal(
        np.concatenate([rows[:0], *(piece.rows[: piece.real] for piece in found)]), rows
    )
    for piece in found:
        assert len(piece.rows) in sizes
        assert piece.real == len(piece.rows) or len(piece.rows) <= size
        assert not any(piece.real <= one < len(piece.rows) for one in smaller)
        assert (piece.rows[piece.real :] == piece.rows[piece.real - 1]).all()
    lengths = [len(piece.rows) for piece in found]
    assert lengths == sorted(lengths, reverse=True)
    assert all(piece.real == len(piece.rows) for piece in found[:-1])


# ---------------------------------------------------------------------------------- larger ones


class Engine:
    """Answers rows, and counts how many came together."""

    def __init__(self, answer: Callable[[Array], Array]) -> None:
        """``answer`` maps some rows to as many."""
        self.asked: list[int] = []
        self._answer = answer

    def __call__(self, rows: Array) -> Array:
        """What one batch comes to."""
        self.asked.append(len(rows))
        return self._answer(rows)


def alone(rows: Array) -> Array:
    """A row comes to the same wherever it runs."""
    return rows * np.float32(3)


def crowded(limit: int) -> Callable[[Array], Array]:
    """Rows of batches beyond a size come to other bits."""

    def answer(rows: Array) -> Array:
        return alone(rows) * (np.float32(1 + 2**-23) if len(rows) > limit else np.float32(1))

    return answer


def sizes_of(cutter: Cutter, rows: Array) -> list[int]:
    """How many rows run together."""
    return [len(piece.rows) for piece in cutter.pieces(rows)]


SMALL = np.ones((400, 3, 2, 2), np.float32)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy this machine is, no batch counts as slow."""
    monkeypatch.setattr(batches, "QUICK_SECONDS", math.inf)


@pytest.mark.usefixtures("patient")
def test_rows_run_together_where_that_changes_no_bit() -> None:
    """The largest batches first; what is left runs in smaller ones."""
    cutter = Cutter("free", "cpu", Engine(alone))
    assert sizes_of(cutter, SMALL) == [128, 128, 128, 16]
    assert sizes_of(cutter, SMALL[:100]) == [64, 32, 4]
    assert sizes_of(cutter, SMALL[:20]) == [16, 4]
    assert sizes_of(cutter, SMALL[:7]) == [8]
    assert sizes_of(cutter, SMALL[:25]) == [16, 16]


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("limit", [BATCH_ROWS, *LARGER])
def test_only_sizes_that_agree_to_the_bit_are_taken(limit: int) -> None:
    """Beyond the size at which one bit changes, no batch is ever cut."""
    cutter = Cutter("free", "cpu", Engine(crowded(limit)))
    sizes = sizes_of(cutter, SMALL)
    assert max(sizes) == limit
    whole = np.concatenate([crowded(limit)(piece.rows) for piece in cutter.pieces(SMALL)])
    assert np.array_equal(whole[: len(SMALL)], alone(SMALL))


def test_control_without_the_look_a_bit_changes() -> None:
    """The same engine on the same rows in one large batch answers otherwise."""
    together = crowded(BATCH_ROWS)(SMALL[: LARGER[0]])
    assert not np.array_equal(together, alone(SMALL[: LARGER[0]]))


@pytest.mark.usefixtures("patient")
def test_answers_that_are_no_numbers_never_agree() -> None:
    """An engine that says so of noise gets its rows as few at a time as ever."""
    cutter = Cutter("free", "cpu", Engine(lambda rows: rows * np.float32(np.nan)))
    assert set(sizes_of(cutter, SMALL)) == {BATCH_ROWS}


@pytest.mark.usefixtures("patient")
def test_the_look_is_taken_once_and_only_when_there_is_enough() -> None:
    """Few rows cost nothing more; the first many cost the look, the next none."""
    engine = Engine(alone)
    cutter = Cutter("free", "cpu", engine)
    sizes_of(cutter, SMALL[: LARGER[-1] - 1])
    sizes_of(cutter, SMALL[: SMALLER[-1] + 1])
    assert not engine.asked
    sizes_of(cutter, SMALL)
    looked = len(engine.asked)
    assert looked > 0
    sizes_of(cutter, SMALL)
    assert len(engine.asked) == looked


def test_a_slow_engine_is_asked_for_the_next_size_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Busy with sums, it would win little by more: the look costs four small batches and one."""
    monkeypatch.setattr(batches, "QUICK_SECONDS", -1.0)
    engine = Engine(alone)
    assert set(sizes_of(Cutter("free", "cpu", engine), SMALL)) == {LARGER[-1], BATCH_ROWS}
    assert engine.asked == [*[BATCH_ROWS] * 4, LARGER[-1]]


@pytest.mark.usefixtures("patient")
def test_large_pictures_stay_few_together() -> None:
    """No batch holds more pixels than agreed; where none may, nothing is looked at."""
    side = math.isqrt(VALUES_TOGETHER // LARGER[-1])
    engine = Engine(alone)
    fits = np.ones((64, 1, side, side), np.float32)
    assert max(sizes_of(Cutter("free", "cpu", engine), fits)) == LARGER[-1]
    assert max(engine.asked) <= LARGER[-1]
    wide = np.ones((64, 1, side + 1, side + 1), np.float32)
    engine = Engine(alone)
    assert set(sizes_of(Cutter("free", "cpu", engine), wide)) == {BATCH_ROWS}
    assert not engine.asked


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(
    ("batch", "device", "dtype", "size"),
    [
        ("one", "cpu", "float32", 1),
        ("free", "cuda", "float32", GPU_BATCH_ROWS),
    ],
)
def test_a_fixed_size_stays_the_only_one(
    batch: Literal["free", "one"], device: str, dtype: str, size: int
) -> None:
    """A fixed batch and a GPU keep their one size, and nothing is looked at."""
    engine = Engine(alone)
    assert set(sizes_of(Cutter(batch, device, engine), SMALL.astype(dtype))) == {size}
    assert not engine.asked


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("dtype", ["uint8", "int32", "float16", "float32"])
def test_the_look_is_taken_in_the_type_of_the_rows(dtype: str) -> None:
    """Whole numbers are tried with whole numbers, which differ among themselves."""
    heard: list[Array] = []

    def told(rows: Array) -> Array:
        heard.append(rows)
        return rows

    assert 128 in sizes_of(Cutter("free", "cpu", told), SMALL.astype(dtype))
    assert {one.dtype.name for one in heard} == {dtype}
    assert len(np.unique(heard[0])) > 2


@pytest.mark.parametrize("worst", SMALLER)
def test_a_small_batch_that_changes_a_bit_is_not_taken(worst: int) -> None:
    """Kernels of few rows may add in another order; then the tail is padded as ever."""

    def answer(rows: Array) -> Array:
        return alone(rows) * (np.float32(1 + 2**-23) if len(rows) == worst else np.float32(1))

    sizes = {sizes_of(Cutter("free", "cpu", answer), SMALL[:count])[0] for count in range(1, 9)}
    assert worst not in sizes
    assert sizes == {*SMALLER, BATCH_ROWS}.difference({worst}) or worst == SMALLER[0]


@pytest.mark.usefixtures("patient")
def test_real_engines_answer_the_same_however_they_cut(monkeypatch: pytest.MonkeyPatch) -> None:
    """Logits, losses and slopes of a net, bit by bit, with larger batches and without."""
    images = noise(150, (3, 8, 8))
    labels = np.arange(150) % 5
    found: list[list[FloatArray]] = []
    for larger in (LARGER, (1 << 30,)):
        monkeypatch.setattr(batches, "LARGER", larger)
        subject = subject_of(curved_net())
        assert subject.gradient is not None
        step = subject.gradient.step(images, labels, margin)
        found.append([subject.predict(images), *step])
        few = [
            subject.gradient.step(images[low : low + 7], labels[low : low + 7], margin)
            for low in range(0, 150, 7)
        ]
        joined = [np.concatenate(parts) for parts in zip(*few, strict=True)]
        assert all(np.array_equal(one, other) for one, other in zip(joined, step, strict=True))
    assert all(np.array_equal(one, other) for one, other in zip(*found, strict=True))


def test_larger_sizes_are_tried_from_the_largest() -> None:
    """The order in which they are cut."""
    assert all(one > other for one, other in itertools.pairwise((*LARGER, BATCH_ROWS)))
