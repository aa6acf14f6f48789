"""Kernel statistics in closed form: layers whose entropy, sparsity and angles are known."""

import math

import numpy as np
import pytest

from analyzers.contract import Array
from analyzers.structure.kernel_statistics import (
    Coherence,
    Floats,
    coherence,
    moments,
    randomness_threshold,
    resampled_entropies,
    resamples,
    sparsity,
    stem,
    variance_entropy,
)

PATTERN = np.array([1.0, -2, 0.5, 3, 0.25, -1, 2, 1, -0.5])


def gaussian(*shape: int, seed: int = 0) -> Floats:
    """A layer of independent Gaussian weights."""
    return np.random.default_rng(seed).standard_normal(shape)


def entropy(weight: Array) -> float:
    """Variance entropy of a layer that surely has one."""
    found = variance_entropy(moments(weight))
    assert found is not None
    return found


def angles(weight: Array, groups: int = 1) -> Coherence:
    """Coherence of a layer that surely has one."""
    found = coherence(weight, groups)
    assert found is not None
    return found


def upstream_orthogonality(weight: Floats) -> float:
    """The published formula as it stands, where dead rows keep a missing diagonal."""
    rows = weight.reshape(len(weight), -1)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    unit = rows / np.where(norms > 0, norms, 1.0)
    n = len(rows)
    return 1 - float(np.abs(unit @ unit.T - np.eye(n)).sum()) / (n * (n - 1))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("negatives", [False, True])
def test_identical_kernels_are_one_pattern(dtype: str, negatives: bool) -> None:
    """Copies at any positive scale have no entropy, no zeros and no angle; so with negatives."""
    scale = np.linspace(0.5, 2, 32).reshape(8, 4, 1)
    signs = np.where(negatives & (np.arange(8) % 2 == 1), -1.0, 1.0).reshape(8, 1, 1)
    weight: Array = (scale * signs * PATTERN).reshape(8, 4, 3, 3).astype(dtype)
    assert entropy(weight) == pytest.approx(0, abs=1e-4 if dtype == "float16" else 1e-9)
    assert sparsity(weight).sparse == 0
    alike = (scale[:1] * signs * PATTERN).astype(dtype)
    assert angles(alike).orthogonality == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("patterns", range(1, 10))
def test_balanced_orthogonal_patterns(patterns: int) -> None:
    """With m orthogonal patterns, each as often with either sign, entropy is log10 m."""
    basis = np.eye(9)[:patterns]
    weight = np.repeat(np.concatenate([basis, -basis]), 3, axis=0).reshape(-1, 1, 3, 3)
    assert entropy(weight) == pytest.approx(math.log10(patterns), abs=1e-12)


def test_identity_rows_are_orthogonal_and_crowded_ones_cannot_be() -> None:
    """Unit vectors have orthogonality 1; more filters than dimensions stay below (Welch)."""
    assert angles(np.eye(18)[:12].reshape(12, 2, 3, 3)).orthogonality == 1
    n, d = 64, 27
    crowded = gaussian(n, 3, 3, 3)
    rows = crowded.reshape(n, -1) / np.linalg.norm(crowded.reshape(n, -1), axis=1, keepdims=True)
    gram = rows @ rows.T - np.eye(n)
    welch = math.sqrt((n - d) / (d * (n - 1)))
    assert welch == pytest.approx(0.1475, abs=5e-5)
    assert np.sqrt(np.square(gram).sum() / (n * (n - 1))) >= welch
    assert angles(crowded).orthogonality < 1


@pytest.mark.parametrize(("outputs", "inputs"), [(24, 3), (64, 16), (128, 64)])
def test_random_layers_score_as_random_ones_should(outputs: int, inputs: int) -> None:
    """Gaussian layers: orthogonality 1 - sqrt(2 / (pi d)), so excess coherence is 1."""
    d = 9 * inputs
    found = [angles(gaussian(outputs, inputs, 3, 3, seed=seed)) for seed in range(5)]
    mean = float(np.mean([one.orthogonality for one in found]))
    assert mean == pytest.approx(1 - math.sqrt(2 / (math.pi * d)), abs=0.003)
    assert np.mean([one.excess for one in found]) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize(
    ("kernels", "threshold"), [(8, 0.509), (16, 0.722), (64, 0.906), (512, 0.948), (10**6, 0.951)]
)
def test_randomness_threshold_known_values(kernels: int, threshold: float) -> None:
    """The logistic fit gives the values it is known for."""
    assert randomness_threshold(kernels) == pytest.approx(threshold, abs=6e-4)


@pytest.mark.parametrize(("outputs", "inputs"), [(8, 8), (32, 16), (64, 64)])
def test_random_entropy_lies_at_the_threshold_or_above(outputs: int, inputs: int) -> None:
    """From 64 kernels on, random layers lie between the threshold and log10 9."""
    for seed in range(20):
        found = entropy(gaussian(outputs, inputs, 3, 3, seed=seed))
        assert randomness_threshold(outputs * inputs) - 0.005 <= found <= math.log10(9)


def test_folding_a_batch_norm_changes_only_what_it_may() -> None:
    """A positive factor an output leaves angles, robust sparsity and shares of filters alone."""
    weight = gaussian(32, 16, 3, 3, seed=3)
    weight[:8, :4] *= 0.001
    factors = np.random.default_rng(1).uniform(0.05, 4, 32).reshape(-1, 1, 1, 1)
    folded = weight * factors
    assert angles(folded).orthogonality == pytest.approx(angles(weight).orthogonality, abs=1e-9)
    assert entropy(folded) == pytest.approx(entropy(weight), abs=1e-12)
    assert sparsity(folded).sparse_robust == sparsity(weight).sparse_robust == 32
    factors[5] = 1e-4
    assert sparsity(weight * factors).sparse == sparsity(weight).sparse + 12
    assert sparsity(weight * factors).sparse_robust == 32
    assert entropy(weight * factors) == pytest.approx(entropy(weight), abs=0.002)
    turned = folded * np.where(np.arange(32) % 3, 1, -1).reshape(-1, 1, 1, 1)
    assert angles(turned).orthogonality == pytest.approx(angles(weight).orthogonality, abs=1e-9)


def test_folding_moves_energy_of_the_stem_but_no_share_of_its_filters() -> None:
    """Counts of filters look at each by itself; the layer's energy goes to the scaled-up ones."""
    weight = gaussian(32, 3, 3, 3, seed=3)
    weight[8:14, :, 1, 1] += 40
    weight[9] = -weight[8]
    factors = np.random.default_rng(1).uniform(0.05, 4, 32).reshape(-1, 1, 1, 1)
    first, again = stem(weight), stem(weight * factors)
    assert first is not None
    assert again is not None
    assert again.thresholding_share == first.thresholding_share == 6 / 32
    assert again.antipair_share == first.antipair_share == 6 / 32  # -8 is near all of 10 to 13
    factors[8:14] = 0.01
    quiet = stem(weight * factors)
    assert quiet is not None
    assert quiet.centre_share < first.centre_share - 0.2


def test_dead_filters_do_not_count_as_orthogonal() -> None:
    """With k dead outputs the score is that of the live rows; the published one rises."""
    live = gaussian(20, 3, 3, 3)
    weight = np.concatenate([live, np.zeros((12, 3, 3, 3))])
    found = angles(weight)
    assert found.orthogonality == pytest.approx(angles(live).orthogonality, abs=1e-12)
    assert sparsity(weight).dead == 12
    n, alive, dead = 32, 20, 12
    inflated = 1 - ((1 - found.orthogonality) * alive * (alive - 1) + dead) / (n * (n - 1))
    assert upstream_orthogonality(weight) == pytest.approx(inflated, abs=1e-12)
    assert upstream_orthogonality(weight) > found.orthogonality


def test_one_outlier_makes_a_layer_sparse_but_not_robustly() -> None:
    """A single kernel 200 times larger hides all others, except from the count within outputs."""
    weight = np.ones((16, 4, 3, 3))
    weight[3, 2] *= 200
    found = sparsity(weight)
    assert found.sparse == 16 * 4 - 1
    assert found.sparse_robust == 3
    assert found.compared == 64
    whole = np.ones((16, 4, 3, 3))
    whole[3] *= 200
    assert sparsity(whole).sparse == 15 * 4
    assert sparsity(whole).sparse_robust == 0


def test_sparsity_edge_is_inclusive_and_zero_layers_are_all_sparse() -> None:
    """Exactly 1 % of the largest weight is sparse; a layer of zeros is sparse and dead."""
    weight = np.ones((1, 3, 1, 1))
    weight[0, 0], weight[0, 1] = 100.0, 1.0
    weight[0, 2] = 1.0001
    assert sparsity(weight) == (1, 1, 3, 0) == sparsity(weight / 64)
    assert sparsity(np.zeros((4, 2, 3, 3))) == (8, 0, 0, 4)


def test_order_and_orientation_do_not_matter() -> None:
    """Permuted channels and turned kernels keep sparsity, entropy, angles and the centre share."""
    weight = gaussian(24, 6, 3, 3, seed=5)
    weight[2:5] *= 1e-4
    order = np.random.default_rng(2)
    variants = [
        weight[order.permutation(24)],
        weight[:, order.permutation(6)],
        np.rot90(weight, axes=(2, 3)),
        weight[..., ::-1],
    ]
    for one in variants:
        assert sparsity(one) == sparsity(weight)
        assert entropy(one) == pytest.approx(entropy(weight), abs=1e-12)
        assert angles(one).orthogonality == pytest.approx(angles(weight).orthogonality, abs=1e-12)
        assert stem(one) == pytest.approx(stem(weight), abs=1e-12)


def test_colour_filters_and_boxes() -> None:
    """1x1 colour filters in a 3x3 frame have all energy in the centre; boxes a ninth."""
    colour = np.zeros((6, 3, 3, 3))
    colour[:3, :, 1, 1] = np.eye(3)
    colour[3:, :, 1, 1] = -np.eye(3)
    assert stem(colour) == (1.0, 1.0, 1.0)
    assert stem(np.ones((4, 3, 3, 3))) == pytest.approx((1 / 9, 0.0, 0.0))
    lonely = colour[:3]
    assert stem(lonely) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(("share", "counted"), [(0.89, 0.0), (0.91, 1.0)])
def test_thresholding_begins_at_nine_tenths_of_the_energy(share: float, counted: float) -> None:
    """A filter counts from 90 % of its energy on the centre tap; energy, not weight."""
    one = np.zeros((1, 1, 3, 3))
    one[0, 0, 1, 1], one[0, 0, 0, 2] = math.sqrt(share), math.sqrt(1 - share)
    assert stem(one) == (pytest.approx(share), counted, None)


@pytest.mark.parametrize(("cosine", "counted"), [(-0.89, 0.0), (-0.91, 2 / 3)])
def test_opposites_begin_at_a_cosine_of_nine_tenths(cosine: float, counted: float) -> None:
    """Two filters are a pair when their cosine is below -.9; a third at a right angle is not."""
    three = np.zeros((3, 1, 3, 3))
    three[0, 0, 0, 0], three[2, 0, 2, 2] = 1, 5
    three[1, 0, 0, :2] = 3 * cosine, 3 * math.sqrt(1 - cosine**2)
    found = stem(three)
    assert found is not None
    assert found.antipair_share == pytest.approx(counted)


def test_stem_ignores_dead_filters_and_needs_a_centre() -> None:
    """Dead filters take part in no share; even, 1x1 and empty kernels have no answer."""
    colour = np.zeros((4, 3, 5, 5))
    colour[:2, 0, 2, 2] = 1, -1
    assert stem(colour) == (1.0, 1.0, 1.0)
    assert stem(colour[:1]) == (1.0, 1.0, None)
    for shape in [(4, 3, 4, 4), (4, 3, 1, 1), (4, 3, 2, 3)]:
        assert stem(np.ones(shape)) is None
    assert stem(np.zeros((4, 3, 3, 3))) is None


def test_groups_are_compared_within_themselves() -> None:
    """Angles of a grouped layer are those of its groups; a depthwise one has none."""
    weight = gaussian(8, 4, 3, 3, seed=9)
    twice = np.concatenate([weight, weight])
    assert angles(twice, groups=2) == pytest.approx(angles(weight))
    assert angles(twice, groups=1).orthogonality < angles(weight).orthogonality
    assert coherence(gaussian(8, 1, 3, 3), 8) is None
    assert coherence(np.zeros((8, 4, 3, 3)), 1) is None


def test_large_layers_are_sampled_the_same_way_each_time() -> None:
    """Above 1024 outputs a fixed sample stands for the whole, close to the full value."""
    weight = gaussian(1500, 2, 3, 3, seed=4)
    found = angles(weight)
    assert found.sampled
    assert found == angles(weight.copy())
    assert found.orthogonality == pytest.approx(upstream_orthogonality(weight), abs=0.002)
    assert not angles(weight[:1024]).sampled


def test_entropy_generalises_to_other_kernels() -> None:
    """A k x k layer can reach log10 of its taps and no more."""
    found = entropy(gaussian(64, 64, 5, 5))
    assert math.log10(25) - 0.01 < found <= math.log10(25)


def test_too_few_kernels_have_no_entropy() -> None:
    """One kernel left, or none, has no variance."""
    alone = np.zeros((4, 2, 3, 3))
    assert variance_entropy(moments(alone)) is None
    alone[0, 0] = 1
    assert variance_entropy(moments(alone)) is None


def test_half_precision_is_measured_in_double() -> None:
    """Weights stored as float16 give the entropy of the same numbers in float64."""
    weight = gaussian(32, 32, 3, 3).astype(np.float16)
    assert entropy(weight) == pytest.approx(entropy(weight.astype(np.float64)), abs=1e-12)


def test_layers_are_read_in_pieces_without_a_seam(monkeypatch: pytest.MonkeyPatch) -> None:
    """Reading a layer a few outputs at a time gives the same moments."""
    weight = gaussian(30, 7, 3, 3)
    weight[:3] = 0
    whole = entropy(weight)
    monkeypatch.setattr("analyzers.structure.kernel_statistics._CHUNK", 7 * 9 * 2)
    assert entropy(weight) == pytest.approx(whole, abs=1e-12)


def test_resamples_are_draws_of_outputs() -> None:
    """Each draw takes as many outputs as there are, seeds and streams differ, streams repeat."""
    found = resamples(40, 200, seed=1, stream=2)
    assert found.shape == (200, 40)
    assert (found.sum(axis=1) == 40).all()
    assert found.mean(axis=0) == pytest.approx(np.ones(40), abs=0.35)
    assert (found == resamples(40, 200, seed=1, stream=2)).all()
    assert (found != resamples(40, 200, seed=2, stream=2)).any()
    assert (found != resamples(40, 200, seed=1, stream=3)).any()


def test_resampled_entropy_is_that_of_the_repeated_layer() -> None:
    """A resample has the entropy of the layer in which outputs stand as often as drawn."""
    weight = gaussian(12, 5, 3, 3, seed=8)
    weights = resamples(12, 3, seed=0, stream=0)
    found = resampled_entropies(moments(weight), weights)
    for row, value in zip(weights, found, strict=True):
        assert value == pytest.approx(entropy(np.repeat(weight, row.astype(int), axis=0)))
