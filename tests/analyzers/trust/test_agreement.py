"""What lenses foretell: known scores against known fates, and every case in which none can."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from analyzers.contract import Case, DataFacts, Done, Json, Measurement, SubjectFacts, Unit
from analyzers.lens import NO_THREAT
from analyzers.trust.agreement import ALL, EDGES, FEWEST, FULL, QUICK, cost, merge, plan
from analyzers.trust.agreement_child import measure
from service.report.views import figure_of
from support.fates import attacked
from support.subjects import ToySubject, batch_of, shard_of, silent

THREAT = {"threat": "Linf:8/255:white"}
N = 200
RANDOM = np.random.default_rng(11)
MARGIN = RANDOM.normal(3.0, 1.0, N)
HIDDEN = RANDOM.normal(size=N)
"""What a lens may see and the margin does not."""
NOISE = RANDOM.normal(size=N)
FELL = MARGIN - 2 * HIDDEN < 2.5


def facts(n: int = N, *, eight_bit: bool = False, gap: str = "") -> Case:
    """A case of so many images, attacked by nobody yet."""
    subject = SubjectFacts("s" * 64, 10, (3, 8, 8), gradient_gap=gap)
    return Case(subject, DataFacts("d" * 64, n, 10, eight_bit))


def seen(**scores: Sequence[Json]) -> list[Done]:
    """What the lenses say, in two units, the second first."""
    columns = {"right": [True] * N, "margin": MARGIN.tolist(), **scores}
    found: list[Done] = []
    for low, high in ((100, N), (0, 100)):
        part = {name: list(values)[low:high] for name, values in columns.items()}
        samples = {"row": list(range(low, high)), **part}
        found.append(Done(Unit((low, high)), "measured", {}, samples, {}, {}))
    return found


FATES = attacked(["broken" if fell else "standing" for fell in FELL])


def merged(case: Case, done: Sequence[Done]) -> list[Measurement]:
    """What is foretold image by image; bands of whole models have tests of their own."""
    return [one for one in merge(case, {}, done) if one.metric != "agreement.band"]


def told(case: Case, done: Sequence[Done]) -> dict[tuple[str, str], Measurement]:
    """Measurements by metric and lens."""
    return {(one.metric, one.scope.get("lens", "")): one for one in merged(case, done)}


def test_a_lens_that_sees_more_gains_and_noise_does_not() -> None:
    """Known truth: images fall by margin and one hidden thing, which only the texture score has."""
    case = replace(facts(), needed=FATES)
    found = told(case, seen(texture=HIDDEN.tolist(), frequency=NOISE.tolist()))
    gain, none = found["agreement.gain", "texture"], found["agreement.gain", "frequency"]
    assert gain.value is not None
    assert gain.value > 0.15
    assert "foretells more than the margin" in gain.note
    assert none.value == pytest.approx(0.0, abs=0.03)
    assert "adds nothing beyond the margin" in none.note
    every = found["agreement.area", ALL]
    assert every.value is not None
    assert every.value > 0.95
    assert found["agreement.margin", ""].counts == {"images": N}
    assert all(one.scope["threat"] == THREAT["threat"] for one in found.values())


def test_the_margins_own_share_is_counted_over_pairs() -> None:
    """Against all pairs of a fallen and a standing image, one by one."""
    found = told(replace(facts(), needed=FATES), seen())
    pairs = MARGIN[~FELL][None, :] > MARGIN[FELL][:, None]
    value = found["agreement.margin", ""].value
    assert value == pytest.approx(pairs.mean(), abs=1e-6)
    view = found["agreement.margin", ""].view
    assert view is not None
    assert figure_of({"kind": view.kind, "title": view.title, "data": view.data}).drawing


def test_only_images_whose_end_is_known_are_ranked() -> None:
    """Wrong or pending ones, those nobody attacked, and those without a score are left out."""
    states = ["broken" if fell else "standing" for fell in FELL]
    states[3], states[4] = "pending", "wrong"
    done = seen(texture=[None if row == 5 else float(HIDDEN[row]) for row in range(N)])
    done[1].samples["right"][6] = False  # pyright: ignore[reportIndexIssue]  # a list
    case = replace(facts(), needed=attacked(states[:190]))
    assert told(case, done)["agreement.margin", ""].counts == {"images": 186}


def test_pictures_of_8_bits_are_judged_at_8_bits() -> None:
    """There nothing fell, whatever float32 says."""
    states = ["broken" if fell else "standing" for fell in FELL]
    case = replace(facts(eight_bit=True), needed=attacked(states, ["standing"] * N))
    (why,) = {one.note for one in merged(case, seen())}
    assert "0 fell" in why


@pytest.mark.parametrize("fallen", [FEWEST - 1, N - FEWEST + 1])
def test_too_few_of_either_side_foretell_nothing(fallen: int) -> None:
    """Nine that fell, or nine that stand: a reason and no number."""
    states = ["broken"] * fallen + ["standing"] * (N - fallen)
    found = merged(replace(facts(), needed=attacked(states)), seen())
    assert {one.outcome for one in found} == {"not_available"}
    assert f"{fallen} fell and {N - fallen} stand" in found[0].note


def test_control_ten_of_either_side_are_enough() -> None:
    """One more on the small side and there is a number."""
    states = ["broken"] * FEWEST + ["standing"] * (N - FEWEST)
    found = merged(replace(facts(), needed=attacked(states)), seen())
    assert {one.outcome for one in found} == {"measured"}


def test_without_an_attack_there_is_nothing_to_foretell() -> None:
    """No threat: not available. Nothing looked at: out of budget."""
    assert {one.note for one in merged(facts(), seen())} == {NO_THREAT}
    assert {one.outcome for one in merged(facts(), ())} == {"out_of_budget"}


def test_quick_and_full_are_prefixes_of_one_order() -> None:
    """Blocks on the edges, up to 200 or 600 images, and none that is done."""
    quick, whole = (plan(facts(1000), {"plan": name}, (), ()) for name in ("quick", "full"))
    assert list(whole[: len(quick)]) == list(quick)
    assert (quick[-1].rows[1], whole[-1].rows[1]) == (QUICK, FULL)
    assert {one.rows[1] for one in whole} <= set(EDGES)
    assert list(plan(facts(1000), {}, seen(), ())) == [*quick]
    assert cost(facts(1000), {}) == (1000, 200)
    assert cost(facts(50, gap="op X"), {}).backward == 0


def test_a_model_without_slopes_and_head_has_the_scores_that_remain() -> None:
    """Closed form: the margin of the toy is the gap of two squared distances; no slope, no head."""
    subject = ToySubject()
    batch = batch_of((0, 12))
    shard = shard_of(Unit((0, 12)), "trust.agreement")
    found = measure(shard, subject, batch, {}, silent)
    logits = subject.predict(batch.images).astype(np.float64)
    own = logits[np.arange(12), batch.labels]
    logits[np.arange(12), batch.labels] = -np.inf
    assert found.samples["margin"] == pytest.approx((own - logits.max(axis=1)).tolist())
    assert set(found.samples) == {"row", "right", "margin", "noise", "frequency"}
    assert found.passes == {"forward": 36, "backward": 0}
    assert found.samples["frequency"] == pytest.approx(found.samples["margin"], abs=1e-4)
