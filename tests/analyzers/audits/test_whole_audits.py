"""Whole audits of small nets whose exact robust accuracy is known, and of nets that lie."""

from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from analyzers.contract import Array, InputSpec, Json
from service.demo.shapes import ShapeSet, draw
from service.errors import AssayError, Code
from support.closed_forms import (
    Linear,
    bright_or_dark,
    one_pixel_a_class,
    pictures_for,
    save_linear,
    save_staircase,
    three_ways,
    unit,
)
from support.in_process import Audited, How, InMemory, Shelf, audit_in_process
from support.running import NETS, policy
from support.surgery import fixed_batch, one_output, poisoned, rounded, scaled

EPS = "8/255"
N = 44
WRONG = 4
TO_THE_END = How(stop_early=False)
MADE: Mapping[str, Linear] = {
    "two": bright_or_dark((3, 8, 8)),
    "three": three_ways((3, 8, 8)),
    "grey": one_pixel_a_class((1, 28, 28), 10),
}


def audited(
    one: Linear,
    home: Path,
    *,
    gte: float = 0.5,
    eps: str = EPS,
    how: How = TO_THE_END,
    seed: int = 5,
) -> tuple[Audited, tuple[int, int, int]]:
    """An audit of a linear classifier, and what it must come to: standing, broken, wrong."""
    images, labels = pictures_for(one, N, eps, seed=seed, wrong=WRONG)
    model = save_linear(home / "model.onnx", one)
    found = audit_in_process(model, images, labels, policy(gte, eps, 0.5), home=home, how=how)
    return found, one.tally(unit(images), labels, eps)


def states_counted(one: Audited) -> tuple[int, int, int]:
    """Standing, broken and wrong in the samples of the attack."""
    states = list(one.states().values())
    return states.count("standing"), states.count("broken"), states.count("wrong")


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize(
    "eps", ["2/255", *(pytest.param(one, marks=pytest.mark.deep) for one in ("8/255", "1/10"))]
)
def test_exact_robust_accuracy_is_found(kind: str, eps: str, tmp_path: Path) -> None:
    """On linear classifiers the attack breaks every image that can be broken, and no other."""
    found, exact = audited(MADE[kind], tmp_path, eps=eps)
    assert states_counted(found) == exact
    stands, broken, wrong = exact
    assert found.counts("robust_accuracy") == {
        "population": N,
        "prefix": N,
        "standing": stands,
        "fallen": broken + wrong,
        "pending": 0,
        "full": N,
        "survivors": stands,
        "late": 0,
    }
    assert found.measured("robust_accuracy")["value"] == stands / N
    assert found.counts("accuracy")["standing"] == N - WRONG
    assert found.measured("breaks")["value"] == broken


def test_the_three_classifiers_are_broken_somewhere_and_stand_somewhere() -> None:
    """The known answers are no trivial ones: each classifier has all three states."""
    for one in MADE.values():
        images, labels = pictures_for(one, N, EPS, seed=5, wrong=WRONG)
        assert min(one.tally(unit(images), labels, EPS)) > 0


@pytest.mark.parametrize("kind", MADE)
def test_verdict_turns_between_two_neighbouring_thresholds(kind: str, tmp_path: Path) -> None:
    """A threshold that the exact count just meets is a PASS; one image more is a FAIL."""
    one = MADE[kind]
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=WRONG)
    stands, _, _ = one.tally(unit(images), labels, EPS)
    model = save_linear(tmp_path / "model.onnx", one)
    verdicts: list[str] = []
    memory = InMemory(Shelf(tmp_path / "memory"))
    for need in (stands, stands + 1):
        rules = policy(0.5, EPS, 0.5).replace("gte: 0.5}", f'gte: "{need}/{N}"}}')
        rules = rules.replace(f'accuracy, gte: "{need}/{N}"', "accuracy, gte: 0.5", 1)
        how = How(memory=memory)
        found = audit_in_process(model, images, labels, rules, home=tmp_path, how=how)
        verdicts.append(found.verdict["verdict"])
        if need == stands:
            assert set(found.indicators.values()) == {"ok"}
    assert verdicts == ["PASS", "FAIL"]


@pytest.mark.parametrize("kind", MADE)
def test_indicators_of_honest_models_are_fine(kind: str, tmp_path: Path) -> None:
    """Slopes exist, engines agree and losses rise, so a PASS may stand."""
    found, (stands, broken, _) = audited(MADE[kind], tmp_path, gte=0.05)
    assert found.verdict["verdict"] == "PASS"
    assert set(found.indicators.values()) == {"ok"}
    assert found.counts("zero_gradient") == {"numerator": 0, "denominator": stands}
    assert found.counts("engines_disagree") == {"numerator": 0, "denominator": stands + broken}
    assert found.facts["findings"] == []


Writing = Callable[[Path, Linear], tuple[Path, InputSpec]]


def as_nhwc(path: Path, one: Linear) -> tuple[Path, InputSpec]:
    """Channels last."""
    return save_linear(path, one, layout="nhwc"), InputSpec("nhwc")


def as_probabilities(path: Path, one: Linear) -> tuple[Path, InputSpec]:
    """With a softmax behind the logits."""
    return save_linear(path, one, softmax=True), InputSpec()


def one_by_one(path: Path, one: Linear) -> tuple[Path, InputSpec]:
    """With the batch axis fixed at one."""
    return save_linear(path, one, batch=1), InputSpec()


def on_bytes(path: Path, one: Linear) -> tuple[Path, InputSpec]:
    """Fed with pixels up to 255."""
    fed = Linear(one.shape, one.weight / 255, one.bias)
    return save_linear(path, fed), InputSpec(scale=255.0)


def normalised(path: Path, one: Linear) -> tuple[Path, InputSpec]:
    """Fed with (x - 0.5) / 0.25."""
    channels = one.shape[0]
    bias = one.bias + 0.5 * one.weight.sum(axis=0)
    fed = Linear(one.shape, one.weight * 0.25, bias)
    return save_linear(path, fed), InputSpec(mean=(0.5,) * channels, std=(0.25,) * channels)


def saturating(path: Path, one: Linear) -> tuple[Path, InputSpec]:
    """With logits a thousand times as large."""
    return save_linear(path, one, scale=1000.0), InputSpec()


@pytest.mark.parametrize(
    "writing", [as_nhwc, as_probabilities, one_by_one, on_bytes, normalised, saturating]
)
def test_the_way_a_model_is_written_changes_no_state(writing: Writing, tmp_path: Path) -> None:
    """Layout, softmax, batch axis, range and scale: the same images stand, break and are wrong."""
    one = MADE["three"]
    plain, exact = audited(one, tmp_path)
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=WRONG)
    model, spec = writing(tmp_path / "other.onnx", one)
    how = How(spec=spec, stop_early=False)
    found = audit_in_process(model, images, labels, policy(0.05, EPS, 0.5), home=tmp_path, how=how)
    assert states_counted(found) == exact
    assert found.states() == plain.states()
    assert found.verdict["verdict"] == "PASS"
    assert found.facts["subject"]["digest"] != plain.facts["subject"]["digest"]


def test_batch_of_one_is_told_in_the_evidence(tmp_path: Path) -> None:
    """A file that fixes its batch at 1 says so, runs in batches, and is replayed one by one."""
    images, labels = pictures_for(MADE["two"], N, EPS, seed=5)
    model = save_linear(tmp_path / "m.onnx", MADE["two"], batch=1)
    found = audit_in_process(model, images, labels, policy(0.1), home=tmp_path)
    subject = found.facts["subject"]
    assert (subject["batch"], subject["canonical"]["upload_batch"]) == ("free", "one")
    assert found.indicators["replay_disagreement"] == "ok"


def measured_alike(found: Audited) -> list[tuple[object, ...]]:
    """What an audit measured, at the depth of its data; pictures of 8 bits are asked about more."""
    deep = found.facts["data"]["eight_bit"]
    kept = [
        one
        for one in found.facts["measurements"]
        if one["metric"] != "breaks_in_8_bits"
        and one["scope"].get("depth") in {None, "8-bit" if deep else "float32"}
    ]
    return [
        (one["metric"], one["value"], one["counts"])
        for one in kept
        if one["metric"] not in {"attack_passes", "attack_replay_disagreement"}
    ]


def test_eight_bit_and_float_pictures_are_one_set(tmp_path: Path) -> None:
    """The same pixels stored as uint8 or float32 give equal ids, states and counts."""
    one = MADE["two"]
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=WRONG)
    model = save_linear(tmp_path / "m.onnx", one)
    eight, floats = (
        audit_in_process(model, kind, labels, policy(0.1), home=tmp_path, how=TO_THE_END)
        for kind in (images, unit(images))
    )
    assert eight.states() == floats.states()
    assert measured_alike(eight) == measured_alike(floats)
    assert eight.facts["data"]["digest"] == floats.facts["data"]["digest"]
    assert (eight.facts["data"]["eight_bit"], floats.facts["data"]["eight_bit"]) == (True, False)


def test_channels_last_pictures_are_the_same_set(tmp_path: Path) -> None:
    """Pictures written as NHWC give the facts of the same pictures as NCHW."""
    one = MADE["two"]
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=WRONG)
    model = save_linear(tmp_path / "m.onnx", one)
    turned = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    first, other = (
        audit_in_process(model, kind, labels, policy(0.1), home=tmp_path, how=TO_THE_END)
        for kind in (images, turned)
    )
    assert first.facts == other.facts


def test_order_of_the_file_changes_no_fact(tmp_path: Path) -> None:
    """A shuffled data file gives the same facts, and the same state under every sample id."""
    one = MADE["three"]
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=WRONG)
    model = save_linear(tmp_path / "m.onnx", one)
    order = np.random.default_rng(0).permutation(N)
    first, other = (
        audit_in_process(model, images[to], labels[to], policy(0.1), home=tmp_path, how=TO_THE_END)
        for to in (np.arange(N), order)
    )
    assert first.ids != other.ids
    assert first.states() == other.states()
    assert first.facts == other.facts


def test_remembered_blocks_give_equal_facts(tmp_path: Path) -> None:
    """A second audit over the same memory measures nothing and says the same."""
    how = How(memory=InMemory(Shelf(tmp_path / "memory")), stop_early=False)
    fresh, _ = audited(MADE["three"], tmp_path, how=how)
    again, _ = audited(MADE["three"], tmp_path, how=how)
    assert (fresh.account.hits, again.account.misses) == (0, 0)
    assert again.account.hits == fresh.account.misses > 0
    assert again.account.blobs == fresh.account.blobs
    assert not again.heard.timings
    assert again.facts == fresh.facts


def test_a_fresh_memory_gives_equal_facts(tmp_path: Path) -> None:
    """Measured twice from nothing under one seed, the facts are equal."""
    first, _ = audited(MADE["three"], tmp_path)
    again, _ = audited(MADE["three"], tmp_path)
    assert again.account.hits == 0
    assert again.facts == first.facts


def test_another_seed_draws_another_order_and_counts_the_same(tmp_path: Path) -> None:
    """Seeds decide the order and the noise; where the answer is exact they decide no state."""
    seeds = [
        audited(MADE["three"], tmp_path, how=How(seed=seed, stop_early=False))[0]
        for seed in (0, 1, 2)
    ]
    assert len({tuple(one.order) for one in seeds}) == 3
    assert seeds[0].states() == seeds[1].states() == seeds[2].states()
    assert len({str(one.counts("robust_accuracy")) for one in seeds}) == 1


def test_a_foreign_seed_holds_the_pass_back(tmp_path: Path) -> None:
    """Counts that would pass do not when the order was not the policy's."""
    ours, _ = audited(MADE["two"], tmp_path, gte=0.05, how=How(seed=0))
    foreign, _ = audited(MADE["two"], tmp_path, gte=0.05, how=How(seed=1))
    assert (ours.verdict["verdict"], foreign.verdict["verdict"]) == ("PASS", "INCONCLUSIVE")


def test_stopping_early_looks_at_less_and_judges_alike(tmp_path: Path) -> None:
    """A threshold far out of reach ends the attack at a block's edge with the same FAIL."""
    one, whole = MADE["grey"], How(stop_early=False)
    early, _ = audited(one, tmp_path, gte=0.99, eps="1/10", how=How())
    full, _ = audited(one, tmp_path, gte=0.99, eps="1/10", how=whole)
    assert early.counts("robust_accuracy")["prefix"] == 20
    assert full.counts("robust_accuracy")["prefix"] == N
    assert early.verdict["verdict"] == full.verdict["verdict"] == "FAIL"
    assert early.states().items() <= full.states().items()
    assert early.counts("accuracy") == full.counts("accuracy")


def some_pictures(count: int = 30, classes: int = 3) -> tuple[Array, Array]:
    """Pictures of noise under labels in turn."""
    rng = np.random.default_rng(9)
    return rng.integers(0, 256, (count, 3, 8, 8), np.uint8), np.arange(count) % classes


def test_constant_classifier_stands_where_it_is_right_and_never_passes(tmp_path: Path) -> None:
    """Always class 0: a third is right, nothing breaks, and a model without slope is no PASS."""
    images, labels = some_pictures()
    constant = Linear((3, 8, 8), np.zeros((192, 3)), np.array([1.0, 0.0, 0.0]))
    model = save_linear(tmp_path / "m.onnx", constant)
    found = audit_in_process(model, images, labels, policy(0.2, EPS, 0.2), home=tmp_path)
    assert states_counted(found) == (10, 0, 20)
    assert found.verdict["verdict"] == "INCONCLUSIVE"
    assert found.indicators["zero_gradient"] == "red"
    assert found.indicators["loss_never_rose"] == "red"
    assert found.facts["findings"][0]["id"] == "EVL-MASK"


def test_staircase_is_right_about_all_and_never_passes(tmp_path: Path) -> None:
    """A table look-up has no slope: it stands at its steps' middles, and is not believed."""
    images, labels = some_pictures(classes=4)
    images = images.copy()
    images[:, 0, 0, 0] = np.asarray(labels) * 64 + 32
    model = save_staircase(tmp_path / "m.onnx", (3, 8, 8), 4)
    found = audit_in_process(model, images, labels, policy(0.9, EPS), home=tmp_path)
    assert states_counted(found) == (30, 0, 0)
    assert found.measured("accuracy")["value"] == 1.0
    assert found.verdict["verdict"] == "INCONCLUSIVE"
    assert found.indicators["zero_gradient"] == "red"


def test_noise_starts_break_a_staircase_at_its_edges(tmp_path: Path) -> None:
    """The control to the above: close to a step, a random start falls off without any slope."""
    images, labels = some_pictures(classes=4)
    images = images.copy()
    images[:, 0, 0, 0] = np.maximum(np.asarray(labels) * 64, 1) + 1
    model = save_staircase(tmp_path / "m.onnx", (3, 8, 8), 4)
    found = audit_in_process(model, images, labels, policy(0.9, EPS), home=tmp_path)
    assert states_counted(found)[1] > 0
    assert found.verdict["verdict"] == "FAIL"


def test_model_that_is_right_nowhere_is_not_attacked(tmp_path: Path) -> None:
    """Every image is wrong already: no pass backward, no indicator, and a plain FAIL."""
    one = MADE["two"]
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=N)
    model = save_linear(tmp_path / "m.onnx", one)
    found = audit_in_process(model, images, labels, policy(0.1), home=tmp_path, how=TO_THE_END)
    assert states_counted(found) == (0, 0, N)
    assert found.facts["passes"]["backward"] == 0
    assert found.measured("breaks")["value"] == 0
    assert found.indicators["zero_gradient"] == "not_applicable"
    assert found.verdict["verdict"] == "FAIL"


def test_no_ball_breaks_nothing(tmp_path: Path) -> None:
    """With eps 0 whoever is right stands."""
    found, _ = audited(MADE["three"], tmp_path, eps="0", gte=0.1)
    assert states_counted(found) == (N - WRONG, 0, WRONG)


@pytest.mark.deep
def test_larger_balls_break_supersets(tmp_path: Path) -> None:
    """What breaks within a ball breaks within every larger one."""
    one = MADE["three"]
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=WRONG)
    model = save_linear(tmp_path / "m.onnx", one)
    standing = [
        {
            sample
            for sample, state in audit_in_process(
                model, images, labels, policy(0.1, eps), home=tmp_path, how=TO_THE_END
            )
            .states()
            .items()
            if state == "standing"
        }
        for eps in ("1/255", "4/255", "8/255", "16/255", "1")
    ]
    for small, large in zip(standing[1:], standing, strict=False):
        assert small <= large
    assert standing[0] > standing[3]
    assert standing[-1] == set()


def test_wrong_preprocessing_is_named_and_holds_back(tmp_path: Path) -> None:
    """A model that wants bytes and is fed [0,1] is found out, with the option that would help."""
    one = MADE["two"]
    images, labels = pictures_for(one, N, EPS, seed=5)
    model, _ = on_bytes(tmp_path / "m.onnx", one)
    found = audit_in_process(model, images, labels, policy(0.01, EPS, 0.01), home=tmp_path)
    assert found.indicators["preprocessing_fits"] == "red"
    assert found.verdict["verdict"] != "PASS"
    assert "EVL-PREP" in {one["id"] for one in found.facts["findings"]}
    better: Mapping[str, Json] = found.measured("preprocessing_fits")["scope"]
    assert better["better"].startswith("--normalize")


def test_promised_accuracy_is_held_against_the_whole_set(tmp_path: Path) -> None:
    """A promise that the data refute ends the audit before any attack; a kept one does not."""
    one = MADE["two"]
    images, labels = pictures_for(one, N, EPS, seed=5, wrong=N // 2)
    model = save_linear(tmp_path / "m.onnx", one)
    with pytest.raises(AssayError) as caught:
        audit_in_process(
            model, images, labels, policy(0.1), home=tmp_path, how=How(expected_accuracy=0.9)
        )
    assert caught.value.code is Code.PREPROCESSING_MISMATCH
    kept = How(expected_accuracy=0.55)
    assert audit_in_process(model, images, labels, policy(0.1), home=tmp_path, how=kept).verdict


def test_breaks_that_the_other_side_denies_stay_open(tmp_path: Path) -> None:
    """Claims are tried again once; unconfirmed again they are pending, never broken or standing."""
    one = MADE["two"]
    images, labels = pictures_for(one, N, EPS, seed=5)
    stands, broken, _ = one.tally(unit(images), labels, EPS)
    # The confirming side answers class 0 whatever it sees, so it denies every break of class 0.
    deaf = Linear(one.shape, one.weight * 0, np.array([1.0, 0.0]))
    model, other = save_linear(tmp_path / "m.onnx", one), tmp_path / "other.onnx"
    how = How(second=save_linear(other, deaf), stop_early=False)
    found = audit_in_process(model, images, labels, policy(0.05), home=tmp_path, how=how)
    states = list(found.states().values())
    denied = states.count("pending")
    assert states.count("standing") == stands
    assert states.count("broken") + denied == broken
    assert denied > 0
    assert found.verdict["verdict"] == "INCONCLUSIVE"
    passes = {step.unit.params.get("pass") for step in found.heard.steps}
    assert {"one", "retry"} <= passes


# --- the demo nets, and the liars made of one ---

ROBUST = NETS / "robust.onnx"
SOME = 20


@pytest.fixture(scope="module")
def shapes() -> ShapeSet:
    """Pictures of the demo set."""
    return draw(SOME, seed=4242)


@pytest.fixture(scope="module")
def honest(shapes: ShapeSet, tmp_path_factory: pytest.TempPathFactory) -> Audited:
    """The robust demo net as it is."""
    home = tmp_path_factory.mktemp("honest")
    return audit_in_process(ROBUST, shapes.images, shapes.labels, policy(0.3), home=home)


def test_robust_net_stands_and_the_normal_one_falls(
    honest: Audited, shapes: ShapeSet, tmp_path: Path
) -> None:
    """The two demo nets, alike on clean pictures, part under attack."""
    normal = audit_in_process(
        NETS / "normal.onnx", shapes.images, shapes.labels, policy(0.3), home=tmp_path
    )
    assert (honest.verdict["verdict"], normal.verdict["verdict"]) == ("PASS", "FAIL")
    assert normal.counts("accuracy")["standing"] >= SOME - 2
    assert normal.counts("robust_accuracy")["standing"] <= 2
    assert set(honest.indicators.values()) == {"ok"}
    assert {one["analyzer"] for one in honest.facts["measurements"]} >= {"structure.filters"}


@pytest.mark.deep
def test_rounded_net_is_not_believed(honest: Audited, shapes: ShapeSet, tmp_path: Path) -> None:
    """A Round before the head hides the slope: more images stand, and that is no PASS."""
    model = rounded(tmp_path / "m.onnx")
    found = audit_in_process(model, shapes.images, shapes.labels, policy(0.3), home=tmp_path)
    more = found.counts("robust_accuracy")["standing"]
    assert more > honest.counts("robust_accuracy")["standing"]
    assert found.indicators["zero_gradient"] == "red"
    assert found.verdict["verdict"] == "INCONCLUSIVE"


@pytest.mark.deep
@pytest.mark.parametrize("lie", [scaled, fixed_batch])
def test_scale_and_batch_axis_hide_nothing(
    lie: Callable[[Path], Path], honest: Audited, shapes: ShapeSet, tmp_path: Path
) -> None:
    """Logits times 1000, or one image at a time, leave the figure within an image."""
    model = lie(tmp_path / "m.onnx")
    found = audit_in_process(model, shapes.images, shapes.labels, policy(0.3), home=tmp_path)
    stands, before = (one.counts("robust_accuracy")["standing"] for one in (found, honest))
    assert abs(stands - before) <= 1


@pytest.mark.parametrize(
    ("lie", "code"),
    [(poisoned, Code.MODEL_LOGITS_NOT_FINITE), (one_output, Code.MODEL_ONE_OUTPUT)],
)
def test_models_without_an_answer_are_refused(
    lie: Callable[[Path], Path], code: Code, shapes: ShapeSet, tmp_path: Path
) -> None:
    """No numbers, or one output, end at intake."""
    model = lie(tmp_path / "m.onnx")
    with pytest.raises(AssayError) as caught:
        audit_in_process(model, shapes.images, shapes.labels, policy(0.3), home=tmp_path)
    assert caught.value.code is code


def test_labels_and_shapes_must_fit(tmp_path: Path) -> None:
    """More labels than outputs, or other sizes of pictures, end before anything is measured."""
    images, labels = some_pictures()
    two = save_linear(tmp_path / "two.onnx", MADE["two"])
    grey = save_linear(tmp_path / "grey.onnx", MADE["grey"])
    for model, code in ((two, Code.LABELS_OUT_OF_RANGE), (grey, Code.IMAGE_SHAPE_MISMATCH)):
        with pytest.raises(AssayError) as caught:
            audit_in_process(model, images, labels, policy(0.3), home=tmp_path)
        assert caught.value.code is code


@pytest.mark.deep
@pytest.mark.parametrize("seed", range(6, 18))
@pytest.mark.parametrize("kind", MADE)
def test_exact_robust_accuracy_on_many_draws(kind: str, seed: int, tmp_path: Path) -> None:
    """Other pictures, other seeds: still exactly what can be broken."""
    how = How(seed=seed, stop_early=False)
    found, exact = audited(MADE[kind], tmp_path, seed=seed, how=how)
    assert states_counted(found) == exact
