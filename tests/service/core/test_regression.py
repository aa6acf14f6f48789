"""A model held against an earlier one on the same images: known answers, size and power."""

from collections import Counter
from collections.abc import Sequence
from functools import cache
from math import comb
from typing import Any

import numpy as np
import pytest

from analyzers.contract import Json, Tally
from analyzers.statistics.intervals import clopper_pearson
from analyzers.statistics.paired import difference_interval, difference_so_far
from service.core.driver import instances_for
from service.core.evidence import LETTERS
from service.core.judge import judge
from service.core.pairing import Baseline, Pairs, Side, differences, pairs_of
from service.core.policy import Policy, parse_policy
from service.core.regression import ENDING, is_worse, label_of
from service.core.stops import stops_for
from service.errors import AssayError, Code
from support.toys import CATALOGUE
from support.verdicts import ATTACK, N, evidence, measurement, ruling

POLICY = """
apiVersion: assay/v1
data: {min_n: 10}
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.5}
  - {id: wc, metric: robust_accuracy, threat: near, gte: 0.05}
regress: {on: [wc], max_drop: MARGIN, unknown: UNKNOWN}
"""


def policy(margin: str = "1pt", unknown: str = "pass") -> Policy:
    """A policy that compares."""
    return parse_policy(POLICY.replace("MARGIN", margin).replace("UNKNOWN", unknown), CATALOGUE)


def side(broken: float) -> Side:
    """A whole toy audit that this share falls in."""
    return Side.of(evidence(broken=broken))


def judged(
    before: Side | None, broken: float, rules: Policy, *, first: bool = False
) -> dict[str, Any]:
    """The verdict on a toy audit beside an earlier one."""
    found = evidence(broken=broken)
    baseline = Baseline("release 1", before, Side.of(found)) if before else None
    return judge(found, rules, evaluated_at="2026-01-01T00:00:00Z", baseline=baseline, first=first)


def change(found: dict[str, Any]) -> dict[str, Any]:
    """What it says of the comparison."""
    return ruling(found, f"wc{ENDING}")


# ------------------------------------------------------------------------------ in a verdict


def test_a_large_drop_fails_though_the_floor_holds() -> None:
    """The floor is far below; the same images fall where they stood."""
    said = judged(side(0.3), 0.5, policy())
    assert ruling(said, "wc")["state"] == "PASS"
    assert (said["verdict"], change(said)["state"]) == ("FAIL", "FAIL")
    paired = change(said)["paired"]
    assert (paired["n10"], paired["n"], paired["label"]) == (0, N, "worse")
    assert paired["n01"] == round(-paired["difference"] * N)
    assert change(said)["observed"] == paired["difference"] < -0.1
    assert "Held against the baseline, 'wc'" in said["sentence"]


def test_the_same_model_is_no_worse() -> None:
    """Not one image differs: the difference is nothing, and the verdict passes."""
    said = judged(side(0.3), 0.3, policy("2pt"))
    assert said["verdict"] == "PASS"
    assert change(said)["paired"]["label"] == "same"
    assert change(said)["observed"] == 0
    assert said["baseline"]["name"] == "release 1"
    assert said["baseline"]["comparable"]
    assert said["baseline"]["differences"] == []


def test_an_unchanged_model_needs_no_statistics() -> None:
    """However narrow the margin; the control is another model without a difference."""
    for digest, label in (("a" * 64, "same"), ("b" * 64, "unknown")):
        old, new = evidence(broken=0.3), evidence(broken=0.3)
        old["facts"]["subject"]["canonical_digest"] = "a" * 64
        new["facts"]["subject"]["canonical_digest"] = digest
        beside = Baseline("b", Side.of(old), Side.of(new))
        said = judge(new, policy("0pt"), evaluated_at="2026-01-01", baseline=beside)
        assert change(said)["paired"]["label"] == label
        assert ("It is the model of the baseline" in change(said)["reason"]) == (label == "same")


def test_a_better_model_is_told_so() -> None:
    """More images stand than before."""
    assert change(judged(side(0.5), 0.3, policy()))["paired"]["label"] == "better"


@pytest.mark.parametrize(("unknown", "state"), [("pass", "PASS"), ("inconclusive", "INCONCLUSIVE")])
def test_the_policy_says_what_an_open_comparison_means(unknown: str, state: str) -> None:
    """Where neither a drop nor its absence is shown."""
    said = judged(side(0.3), 0.3, policy("0.1pt", unknown))
    assert change(said)["paired"]["label"] == "unknown"
    assert change(said)["state"] == said["verdict"] == state
    assert bool(change(said)["settles"]) == (state == "INCONCLUSIVE")


def test_a_first_release_has_nothing_to_be_held_against() -> None:
    """A note, and no failure, where it is known to be the first; else evidence is missing."""
    said = judged(None, 0.3, policy())
    assert (said["verdict"], change(said)["decided_by"]) == ("INCONCLUSIVE", "absence")
    said = judged(None, 0.3, policy(), first=True)
    assert said["verdict"] == "PASS"
    assert any("no baseline yet" in note for note in said["notes"])
    assert said["baseline"] is None


@pytest.mark.parametrize("compares", [True, False])
@pytest.mark.parametrize("beside", [True, False])
@pytest.mark.parametrize("first", [True, False])
def test_a_note_says_what_was_not_compared(compares: bool, beside: bool, first: bool) -> None:
    """Where the policy does not ask for it, or where there is no baseline yet: nowhere else."""
    rules = policy() if compares else without(policy())
    said = judged(side(0.3) if beside else None, 0.3, rules, first=first)
    notes = [note for note in said["notes"] if "baseline" in note]
    assert bool(notes) == ((beside and not compares) or (compares and not beside and first))


def other(path: Sequence[str], value: Json) -> Side:
    """An earlier audit in which one fact was another."""
    found = evidence(broken=0.3)
    place: Any = found["facts"]
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = value
    return Side.of(found)


@pytest.mark.parametrize("path", [("data", "digest"), ("plan", "seed")])
def test_other_images_or_another_order_are_not_comparable(path: Sequence[str]) -> None:
    """Pairs would be of different pictures; it is open, never passed."""
    said = judged(other(path, "7"), 0.3, policy())
    assert (said["verdict"], change(said)["decided_by"]) == ("INCONCLUSIVE", "absence")
    assert not said["baseline"]["comparable"]
    assert "differ in" in change(said)["reason"]


@pytest.mark.parametrize(
    ("told", "words"),
    [
        ({"version": "0"}, "another version"),
        ({"config": {}}, "another config"),
        ({"key": "attacks.other"}, "did not run in the baseline"),
    ],
)
def test_another_attack_is_not_comparable(told: dict[str, Json], words: str) -> None:
    """A newer attack breaks more of any model."""
    found = evidence(broken=0.3)
    planned = found["facts"]["plan"]["analyzers"]
    next(one for one in planned if one["key"] == ATTACK).update(told)
    said = judged(Side.of(found), 0.3, policy())
    assert change(said)["state"] == "INCONCLUSIVE"
    assert words in change(said)["reason"]


def test_another_engine_or_model_is_told_and_compared() -> None:
    """Models are what is compared; an engine is worth a word."""
    old, new = other(("engine", "device"), "gpu"), side(0.3)
    assert [one.what for one in differences(old, new) if one.state == "changed"] == [
        "engine device"
    ]
    assert Baseline("b", old, new).as_json()["comparable"]
    assert differences(new, new)[0].state == "same"


def partly(found: dict[str, Any]) -> dict[str, Any]:
    """The same, as if the last pass had been spared some that stand."""
    counts = measurement(found, "robust_accuracy")["counts"]
    counts["full"] -= 5
    return found


@pytest.mark.parametrize(
    ("before", "after", "cut", "state"),
    [
        (0.3, 0.3, "new", "INCONCLUSIVE"),
        (0.3, 0.5, "new", "FAIL"),
        (0.3, 0.5, "old", "INCONCLUSIVE"),
        (0.5, 0.3, "old", "PASS"),
    ],
)
def test_an_early_end_neither_hides_a_drop_nor_makes_one_up(
    before: float, after: float, cut: str, state: str
) -> None:
    """Spared images count as standing: only what that could not have caused is said."""
    old, new = evidence(broken=before), evidence(broken=after)
    _ = partly(new if cut == "new" else old)
    beside = Baseline("b", Side.of(old), Side.of(new))
    said = judge(new, policy(), evaluated_at="2026-01-01", baseline=beside)
    assert change(said)["state"] == state
    assert (change(said)["decided_by"] == "coverage") == (state == "INCONCLUSIVE")
    if state == "INCONCLUSIVE":
        assert ("assay audit" in change(said)["settles"]) == (cut == "new")


def test_what_is_compared_lets_no_plan_end_early_for_a_pass() -> None:
    """Nor is a baseline compared where the policy asks for no comparison: that is told."""
    for rules, early in ((policy(), False), (without(policy()), True)):
        (attack,) = [one for one in instances_for(CATALOGUE, rules) if one.key == ATTACK]
        (stop,) = stops_for(attack, rules)
        assert stop.passes(Tally(300, 300, 250, 50, 0, 150, 250, 0)) == early
    found = evidence(broken=0.3)
    beside = Baseline("b", Side.of(found), Side.of(found))
    said = judge(found, without(policy()), evaluated_at="2026-01-01", baseline=beside)
    assert any("has no `regress`" in note for note in said["notes"])


def without(rules: Policy) -> Policy:
    """The same without a comparison."""
    return rules.model_copy(update={"regress": None})


def test_what_was_not_measured_is_not_compared() -> None:
    """The metric is gone from the new audit."""
    found = evidence(broken=0.3)
    new = Side.of(found)
    found["facts"]["measurements"].remove(measurement(found, "robust_accuracy"))
    said = judge(found, policy(), evaluated_at="2026-01-01", baseline=Baseline("b", side(0.3), new))
    assert change(said)["state"] == "INCONCLUSIVE"
    assert "was not measured" in change(said)["reason"]


def test_states_that_the_evidence_does_not_bear_out_are_refused() -> None:
    """One letter changed, or all missing; the control is the evidence as written."""
    found = evidence(broken=0.3)
    told = found["facts"]["samples"][ATTACK]
    whole = told["each"]
    assert Side.of(found).states(ATTACK, "float32") == whole
    counts = {letter: told["states"][word] for word, letter in LETTERS.items() if letter in whole}
    assert Counter(whole) == counts
    assert len(counts) > 2
    for wrong in (whole.replace("b", "s", 1), ""):
        told["each"] = wrong
        with pytest.raises(AssayError) as refused:
            Side.of(found)
        assert refused.value.code is Code.EVIDENCE_INVALID


def test_every_number_of_a_comparison_is_told() -> None:
    """By hand from the two tables: change, headroom over the margin, names, and the words."""
    old, new = evidence(broken=0.3), evidence(broken=0.5)
    before, after = (one["facts"]["samples"][ATTACK]["each"] for one in (old, new))
    fell = sum((a, b) == ("s", "b") for a, b in zip(before, after, strict=True))
    said = change(judged(Side.of(old), 0.5, policy("2pt")))
    assert said["observed"] == -fell / N
    assert said["headroom"] == pytest.approx(0.02 - fell / N)
    assert (said["threshold"], said["level"], said["label"]) == (-0.02, 0.95, "near")
    low, high = said["interval"]
    assert said["reason"] == (
        f"{fell} images newly fell and 0 newly stand, of {N}: {-100 * fell / N:+.1f} pt "
        f"({100 * low:+.1f} pt to {100 * high:+.1f} pt), more than the 2.0 pt that may be lost."
    )
    told = change(judged(side(0.3), 0.3, policy("3pt")))["reason"]
    assert told.endswith("no more than 3.0 pt lost.")


def test_what_is_compared_shares_the_level() -> None:
    """Two lines err together no more often than one may: half each."""
    rules = policy()
    assert rules.regress is not None
    both = rules.regress.model_copy(update={"on": ("clean", "wc")})
    said = judged(side(0.3), 0.5, rules.model_copy(update={"regress": both}))
    assert change(said)["level"] == 0.975


def test_what_to_do_hangs_on_what_is_missing() -> None:
    """A baseline, its full plan, the new audit's end, or more images."""
    again = "Audit the baseline again"
    assert change(judged(None, 0.3, policy()))["settles"].startswith(again)
    chance = change(judged(side(0.3), 0.3, policy("0.1pt", "inconclusive")))
    assert chance["settles"].startswith("More images on both sides")
    cut = Baseline("b", Side.of(partly(evidence(broken=0.3))), side(0.5))
    said = judge(evidence(broken=0.5), policy(), evaluated_at="2026-01-01", baseline=cut)
    assert change(said)["settles"].startswith(again)


def test_a_baseline_without_counts_is_not_said_to_be_cut_short() -> None:
    """Nothing in it says that anything was spared."""
    old = evidence(broken=0.3)
    measurement(old, "robust_accuracy")["counts"] = {}
    beside = Baseline("b", Side.of(old), side(0.5))
    said = judge(evidence(broken=0.5), policy(), evaluated_at="2026-01-01", baseline=beside)
    assert change(said)["state"] == "FAIL"


# ------------------------------------------------------------------------------------ pairs


def test_the_depth_chooses_the_states() -> None:
    """Those in 8 bits where there are any and they are meant."""
    told = Side({"samples": {"a": {"each": "ss", "each8": "sb"}, "b": {"each": "bs"}}})
    assert (told.states("a", "8-bit"), told.states("a", "float32")) == ("sb", "ss")
    assert (told.states("b", "8-bit"), told.states("b", "float32")) == ("bs", "bs")


def test_a_whole_set_has_the_interval_of_a_fixed_number() -> None:
    """And a prefix that a rule chose the wider one that holds wherever it stopped."""
    whole, part = pairs(10, 40, 400), pairs(10, 40, 400, whole=False)
    assert whole.interval(0.9) == difference_interval(10, 40, 400, 0.9)
    assert part.interval(0.9) == difference_so_far(part.signs, 1 - 0.9)
    assert part.interval(0.9).high > whole.interval(0.9).high


def test_limits_belong_to_the_rule() -> None:
    """Five that fell are one half to the fifth, 1/32: a drop at 1/31 and none at 1/33."""
    five = pairs(0, 5, 100)
    assert five.p_worse == pytest.approx(1 / 32)
    assert is_worse(five, 0.01, 1 - 1 / 31)
    assert not is_worse(five, 0.01, 1 - 1 / 33)
    assert not is_worse(five, 0.05, 0.5), "what may be lost was lost, and no more"
    even = pairs(3, 3, 100)
    assert label_of(even, -even.interval(0.95).low, 0.95) == "same"


def two(before: str, after: str, n: int) -> Pairs:
    """Pairs of two small tables."""
    old, new = (
        Side({"data": {"n": n}, "samples": {"a": {"each": letters, "each8": ""}}})
        for letters in (before, after)
    )
    return pairs_of(old, new, "a", "8-bit")


def test_pairs_are_of_images_that_both_settled() -> None:
    """Open ones are counted apart, those that one side did not reach not at all."""
    found = two("ssbwpss", "sbres-", 7)
    assert found == Pairs([2], [1], 4, 1, whole=False, signs=[0, -1, 1, 0], kept=1)
    assert found.difference == 0
    assert two("sbrw", "sbrw", 4).whole


def test_no_common_image_is_open() -> None:
    """Nothing can be said of nothing."""
    found = evidence(broken=0.3)
    found["facts"]["samples"][ATTACK] |= {"each": "-" * N, "states": {}}
    said = judged(Side.of(found), 0.3, policy())
    assert (change(said)["state"], change(said)["paired"]) == ("INCONCLUSIVE", None)


def pairs(fixed: int, broken: int, n: int, *, whole: bool = True) -> Pairs:
    """Pairs with these counts, spread evenly."""
    signs = [1] * fixed + [-1] * broken + [0] * (n - fixed - broken)
    order = np.random.default_rng(0).permutation(n)
    return Pairs(
        range(fixed), range(broken), n, 0, whole=whole, signs=[signs[int(at)] for at in order]
    )


@pytest.mark.parametrize(
    ("found", "label"),
    [
        (pairs(25, 55, 1000), "worse"),
        (pairs(55, 25, 1000), "better"),
        (pairs(40, 40, 1000), "unknown"),
        (pairs(1, 1, 1000), "same"),
        (pairs(0, 10, 1000), "unknown"),  # real, but a point is allowed
        (pairs(0, 11, 1000), "worse"),
        (pairs(36, 48, 1000), "unknown"),  # more than a point, by chance as likely as not
        (pairs(100, 400, 1000, whole=False), "worse"),
        (pairs(0, 3, 100, whole=False), "unknown"),
    ],
)
def test_a_drop_must_be_real_and_large(found: Pairs, label: str) -> None:
    """McNemar at 5 % and a margin of a point, by hand."""
    assert label_of(found, 0.01, 0.95) == label


DRAWS = 2000
IMAGES = 1000
DISCORDANT = 0.08


@cache
def verdict_of(fixed: int, broken: int) -> str:
    """The label of these counts under the rule's defaults; of those with more mended, no drop."""
    if fixed >= broken:
        return "not worse"
    found = Pairs(range(fixed), range(broken), IMAGES, 0, whole=True, signs=())
    return "worse" if is_worse(found, 0.01, 0.95) else "not worse"


def failed(drop: float, seed: int) -> int:
    """In how many of the draws a model that lost so much is called worse."""
    share = np.array([(DISCORDANT - drop) / 2, (DISCORDANT + drop) / 2, 1 - DISCORDANT])
    counts = np.random.default_rng(seed).multinomial(IMAGES, share, size=DRAWS)
    return sum(verdict_of(int(fixed), int(broken)) == "worse" for fixed, broken, _ in counts)


def test_a_drop_of_three_points_is_caught() -> None:
    """In nine of ten releases or more, by the lower 99 % limit of 2,000 draws."""
    assert clopper_pearson(failed(0.03, 1), DRAWS, 0.98).low >= 0.90


def test_no_change_is_rarely_called_worse() -> None:
    """In one of twenty releases at most, of 2,000 draws and of all that there could be."""
    assert failed(0.0, 2) / DRAWS <= 0.05
    size = 0.0
    for differing in range(30, 140):  # beyond lie less than 1e-7 of all
        worse = sum(
            comb(differing, broken)
            for broken in range(differing + 1)
            if verdict_of(differing - broken, broken) == "worse"
        )
        size += binomial(differing) * worse / 2**differing
    assert 0.01 < size <= 0.05


@pytest.mark.parametrize(("missed", "most"), [(2, 0.07), (5, 0.13)])
def test_pictures_of_the_last_release_lean_to_a_fail_by_so_much(missed: int, most: float) -> None:
    """No change, but attacks miss some images on either side, and shown pictures help the new one.

    What was missed before and fell now counts as newly broken; what was missed now does not count
    as newly standing, for the old model's picture breaks it.
    """
    generator = np.random.default_rng(3)
    share = [DISCORDANT / 2, DISCORDANT / 2, 1 - DISCORDANT]
    counts = generator.multinomial(IMAGES, share, size=DRAWS)
    more = generator.poisson(missed, DRAWS)
    found = sum(
        verdict_of(int(fixed), int(broken + add)) == "worse"
        for (fixed, broken, _), add in zip(counts, more, strict=True)
    )
    assert failed(0.0, 2) < found <= most * DRAWS


def binomial(differing: int) -> float:
    """How likely so many images differ."""
    rest = (1 - DISCORDANT) ** (IMAGES - differing)
    return comb(IMAGES, differing) * DISCORDANT**differing * rest
