"""The formulas of the lens on channels, against closed forms and an independent oracle."""

import numpy as np
import pytest

from analyzers.behaviour.channels import numbers

DRAWN = np.random.default_rng(3)


def drawn(*shape: int) -> numbers.Floats:
    """Numbers of both signs."""
    return DRAWN.standard_normal(shape)


def test_contributions_decide_who_argues() -> None:
    """Weight and activation both negative argue for the class, as after SiLU or GELU."""
    activation = np.array([[2.0, 3.0, -0.5, -1.0]])
    relevance = np.array([[1.0, -1.0, -4.0, 2.0]])
    found = numbers.sides(activation, relevance)
    assert found.against.tolist() == [-5.0]
    assert found.favour.tolist() == [4.0]
    assert found.size_against.tolist() == [4.0]
    assert found.size_favour.tolist() == [2.5]
    assert found.size.tolist() == [6.5]


def test_after_a_relu_the_sign_of_the_weight_decides() -> None:
    """Then the share is the paper's: activation on channels of negative weight over all."""
    activation, weight = np.abs(drawn(6, 9)), drawn(9)
    found = numbers.sides(activation, np.tile(weight, (6, 1)))
    wanted = activation[:, weight < 0].sum(axis=1) / activation.sum(axis=1)
    assert found.size_against / found.size == pytest.approx(wanted)


def test_moves_are_known() -> None:
    """From (3, 4) to (3, 0): four fifths of the length, and a cosine of three fifths."""
    before, after = np.array([[3.0, 4.0]]), np.array([[3.0, 0.0]])
    assert numbers.relative_change(before, after) == pytest.approx([0.8])
    assert numbers.cosine(before, after) == pytest.approx([0.6])


def test_nothing_has_no_ratio() -> None:
    """Zero activation has neither direction, nor evenness, nor a change over its length."""
    none, some = np.zeros((1, 3)), np.ones((1, 3))
    for found in (
        numbers.relative_change(none, some),
        numbers.cosine(none, some),
        numbers.evenness(none),
        numbers.evenness(np.ones((1, 1))),
        numbers.quotient(np.array([0.0]), np.array([0.0])),
    ):
        assert np.isnan(found).all()


def test_evenness_runs_from_one_channel_to_all() -> None:
    """All alike 1, one alone 0, two of four alike one half; a sign makes no difference."""
    shown = np.array([[1.0, 1, 1, 1], [0, 5, 0, 0], [2, 0, -2, 0]])
    assert numbers.evenness(shown) == pytest.approx([1, 0, 0.5], abs=1e-12)


def test_rescaling_a_channel_and_its_weight_changes_no_contribution() -> None:
    """Who argues, and how much, stays; the share of activation does not."""
    activation, relevance = np.abs(drawn(5, 7)), drawn(5, 7)
    factor = np.exp(drawn(7))
    one, other = (
        numbers.sides(activation, relevance),
        numbers.sides(activation * factor, relevance / factor),
    )
    assert other.against == pytest.approx(one.against)
    assert other.favour == pytest.approx(one.favour)
    assert numbers.arguing(activation * factor, relevance / factor) == pytest.approx(
        numbers.arguing(activation, relevance)
    )
    assert not np.allclose(other.size_against / other.size, one.size_against / one.size)


def test_the_order_of_channels_changes_nothing() -> None:
    """Every number of an image is the same where channels and weights are shuffled together."""
    before, after, relevance = np.abs(drawn(4, 8)), np.abs(drawn(4, 8)), drawn(4, 8)
    order = DRAWN.permutation(8)
    for one, other in zip(
        numbers.sides(before, relevance),
        numbers.sides(before[:, order], relevance[:, order]),
        strict=True,
    ):
        assert other == pytest.approx(one)
    for formula in (numbers.relative_change, numbers.cosine):
        assert formula(before[:, order], after[:, order]) == pytest.approx(formula(before, after))
    assert numbers.evenness(before[:, order]) == pytest.approx(numbers.evenness(before))
    assert numbers.risen(before, after, relevance)[order] == pytest.approx(
        numbers.risen(before[:, order], after[:, order], relevance[:, order])
    )


def test_a_rise_is_what_more_is_taken_from_the_class() -> None:
    """Of two images one loses 2 more by channel 1; channel 0 argues for the class and has none."""
    before, after = np.array([[1.0, 0.0], [1.0, 0.0]]), np.array([[9.0, 1.0], [1.0, 0.0]])
    relevance = np.array([[1.0, -2.0], [1.0, -2.0]])
    assert numbers.risen(before, after, relevance).tolist() == [0.0, 1.0]
    assert numbers.risen(before[:0], after[:0], relevance[:0]).tolist() == [0.0, 0.0]


def test_the_foremost_rise_and_no_others() -> None:
    """Largest first, ties by number, and never one that does not rise."""
    assert numbers.foremost(np.array([0.0, 3.0, -1.0, 3.0, 4.0]), 10) == [4, 1, 3]
    assert numbers.foremost(np.array([0.0, 3.0, -1.0, 3.0, 4.0]), 2) == [4, 1]


@pytest.mark.parametrize(("live", "count"), [(1, 1), (2, 1), (7, 3), (20, 10), (500, 10)])
def test_a_list_is_at_most_half(live: int, count: int) -> None:
    """Ten names at most, and fewer where ten were nearly all."""
    assert numbers.listed(live) == count


def test_overlap_is_of_what_either_names() -> None:
    """Two in common of four named; nothing named has none."""
    assert numbers.overlap([1, 2, 3], [4, 3, 2]) == 0.5
    assert numbers.overlap([], []) is None


def counted(values: numbers.Floats) -> numbers.Floats:
    """Ranks by counting what lies below, and half of what is equal."""
    below = (values[:, None] > values[None]).sum(axis=1)
    equal = (values[:, None] == values[None]).sum(axis=1)
    return below + (equal - 1) / 2


def test_ranks_agree_with_counting() -> None:
    """Ties share a rank, as dead channels do; what is constant has no correlation."""
    assert numbers.ranks(np.array([[3.0, 1.0, 3.0]])).tolist() == [[1.5, 0, 1.5]]
    rows = np.maximum(drawn(5, 40), 0)
    other = np.round(drawn(40), 1)
    wanted = [float(np.corrcoef(counted(row), counted(other))[0, 1]) for row in rows]
    assert numbers.spearman(rows, other) == pytest.approx(wanted)
    assert np.isnan(numbers.spearman(np.zeros((1, 5)), np.arange(5.0))).all()


def test_the_cut_is_learnt_on_the_other_half() -> None:
    """What only one half shows is cut in it, and what both show is kept."""
    clean = np.array([[1.0, 0.0], [1.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    shown = np.array([[1.0, 5.0], [1.0, 0.0], [1.0, 5.0], [1.0, 0.0]])
    labels, weight = np.zeros(4, np.int64), np.array([[1.0, -1.0], [0.0, 1.0]])
    found = numbers.clamped(clean, shown, labels, weight, np.zeros(2))
    assert found.plain.tolist() == [False, True, False, True]
    assert found.clamped.all()
    own = np.array([[1.0, 5.0], [1.0, 0.0], [1.0, 5.0], [1.0, 0.0]])
    assert not numbers.clamped(own[[1, 0, 3, 2]], shown, labels, weight, np.zeros(2)).clamped[0]


def test_a_gain_is_a_length_over_a_length() -> None:
    """(3, 4) moved by (0, 2.5) is half its length; what is zero has no gain."""
    before = np.array([[[3.0], [4.0]], [[0.0], [0.0]]], np.float32)
    after = np.array([[[3.0], [6.5]], [[1.0], [0.0]]], np.float32)
    found = numbers.gain(before, after)
    assert found[0] == pytest.approx(0.5)
    assert np.isnan(found[1])
