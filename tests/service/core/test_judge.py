"""The judge says PASS only for whole, consistent, trusted evidence."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from service.core.evidence import evidence_digest
from service.core.policy import parse_policy
from service.errors import AssayError, Code
from support.toys import CATALOGUE
from support.verdicts import ATTACK, POLICY, N, evidence, measurement, policy, ruling, verdict


def test_whole_evidence_above_the_threshold_passes() -> None:
    """Every image attacked, enough stand, indicators fine: PASS, and the sentence is modest."""
    said = verdict(evidence(broken=0.3), policy(0.5))
    assert said["verdict"] == "PASS"
    assert "robust" not in said["sentence"].lower().replace("robustness", "")
    assert "The attack plan toy-1 found no further break" in said["sentence"]


def test_only_who_bounds_the_share_is_named_as_an_attack() -> None:
    """Neither who vouches for it nor who makes pictures for lenses, under the same threat."""
    found = evidence(broken=0.3)
    planned = found["facts"]["plan"]["analyzers"]
    attack = next(one for one in planned if one["key"] == ATTACK)
    beside = {"id": "a.probe", "key": ATTACK.replace("toy", "probe"), "version": "probe-1"}
    planned.append({**attack, **beside} | {"indicators": []})
    said = verdict(found, policy(0.5))
    assert "The attack plan toy-1 found no further break" in said["sentence"]


def test_broken_images_fail_with_their_count() -> None:
    """More fallen than the threshold allows is a FAIL decided by counts."""
    said = verdict(evidence(broken=0.7), policy(0.5))
    assert said["verdict"] == "FAIL"
    assert ruling(said, "wc")["decided_by"] == "counts"
    assert "at most" in said["sentence"]


def test_where_nothing_stands_the_sentence_counts_no_zero() -> None:
    """A share of at most 0.0% would read like a rounding."""
    said = verdict(evidence(broken=1.0), policy(0.5))
    assert f"FAIL. On these {N} images, none of them keeps the correct label" in said["sentence"]


def test_early_stop_still_fails() -> None:
    """The prefix that a stop rule leaves carries the FAIL that stopped it."""
    found = evidence(broken=0.9, stop_at=0.8)
    assert measurement(found, "robust_accuracy")["counts"]["prefix"] < N
    said = verdict(found, policy(0.8))
    assert said["verdict"] == "FAIL"


def test_prefix_is_judged_again_without_a_model_and_never_passes() -> None:
    """A lower threshold over a stopped prefix is INCONCLUSIVE and names what is missing."""
    found = evidence(broken=0.9, stop_at=0.8)
    said = verdict(found, policy(0.01))
    assert said["verdict"] == "INCONCLUSIVE"
    assert "were not looked at" in ruling(said, "wc")["reason"]


def tampered(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    """Passing evidence with one thing changed."""
    found = copy.deepcopy(evidence(broken=0.2))
    assert verdict(found, policy(0.5))["verdict"] == "PASS"
    change(found)
    return found


def drop(metric: str) -> Callable[[dict[str, Any]], None]:
    """Remove a measurement."""

    def change(found: dict[str, Any]) -> None:
        found["facts"]["measurements"].remove(measurement(found, metric))

    return change


def put(metric: str, **fields: object) -> Callable[[dict[str, Any]], None]:
    """Change fields of a measurement."""

    def change(found: dict[str, Any]) -> None:
        measurement(found, metric).update(fields)

    return change


def no_preflight(found: dict[str, Any]) -> None:
    """Pretend that nothing ran first."""
    for one in found["facts"]["plan"]["analyzers"]:
        one["first"] = False


def other_seed(found: dict[str, Any]) -> None:
    """Pretend that another permutation was drawn."""
    found["facts"]["plan"]["seed"] = 8


@pytest.mark.parametrize(
    "change",
    [
        drop("zero_gradient"),
        put("zero_gradient", counts={"numerator": 9, "denominator": 100}),
        put("zero_gradient", counts={"numerator": 0, "denominator": 0}),
        put("zero_gradient", counts={"denominator": 100}),
        put("zero_gradient", outcome="not_available", value=None),
        put("zero_gradient", limit=None),
        drop("robust_accuracy"),
        put("robust_accuracy", outcome="not_available", value=None, note="no gradient"),
        put("robust_accuracy", scope={"threat": "Linf:1/255:white:gate"}),
        drop("accuracy"),
        no_preflight,
        other_seed,
    ],
    ids=[
        "indicator gone",
        "indicator red",
        "zero denominator",
        "no numerator",
        "indicator not measured",
        "no limit",
        "metric gone",
        "metric not measured",
        "another threat",
        "accuracy gone",
        "no preflight",
        "another seed",
    ],
)
def test_whatever_is_missing_or_red_holds_a_pass_back(
    change: Callable[[dict[str, Any]], None],
) -> None:
    """Absent, red or foreign evidence turns PASS into INCONCLUSIVE, never into anything better."""
    said = verdict(tampered(change), policy(0.5))
    assert said["verdict"] == "INCONCLUSIVE"
    assert said["sentence"].startswith("INCONCLUSIVE.")


def test_an_indicator_that_does_not_apply_doubts_nothing() -> None:
    """It says so itself; one that merely is not there is missing."""
    told = put("zero_gradient", outcome="not_applicable", value=None)
    assert verdict(tampered(told), policy(0.5))["verdict"] == "PASS"


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (drop("robust_accuracy"), "Nothing measured it."),
        (put("robust_accuracy", outcome="not_available", note="No slopes"), "measured: No slopes."),
        (put("robust_accuracy", outcome="not_available", note=""), "measured: not_available."),
    ],
)
def test_what_is_missing_is_called_by_its_name(
    change: Callable[[dict[str, Any]], None], why: str
) -> None:
    """Gone, or not measured for a reason of its own."""
    assert ruling(verdict(tampered(change), policy(0.5)), "wc")["reason"].endswith(why)


def test_what_was_measured_twice_decides_nothing() -> None:
    """Nobody can say which of them counts."""
    found = tampered(lambda _: None)
    found["facts"]["measurements"].append(measurement(found, "robust_accuracy"))
    reason = ruling(verdict(found, policy(0.5)), "wc")["reason"]
    assert reason == "It was measured more than once."


def test_red_indicator_does_not_soften_a_fail() -> None:
    """Doubts about the evaluation never rescue a model that fell."""
    found = evidence(broken=0.8)
    measurement(found, "zero_gradient")["counts"] = {"numerator": 9, "denominator": 100}
    assert verdict(found, policy(0.5))["verdict"] == "FAIL"


def recount(found: dict[str, Any], **change: int) -> None:
    """Shift counts of the attack and its sample states alike."""
    counts = measurement(found, "robust_accuracy")["counts"]
    states = found["facts"]["samples"][ATTACK]["states"]
    for name, by in change.items():
        counts[name] += by
        if name in ("standing", "pending"):
            states[name] = states.get(name, 0) + by


def test_what_is_not_confirmed_is_not_said_to_have_fallen() -> None:
    """The share of the sentence is an upper bound: a pending image may stand."""
    found = tampered(lambda found: recount(found, standing=-1, pending=1))
    whole, pending = (verdict(one, policy(0.5)) for one in (tampered(lambda _: None), found))
    share = whole["sentence"].partition("at most ")[2].partition(" ")[0]
    assert f"at most {share} keep" in pending["sentence"]


def test_pending_claims_block_a_pass() -> None:
    """One unconfirmed claim is neither broken nor standing."""
    found = tampered(lambda found: recount(found, standing=-1, pending=1))
    said = verdict(found, policy(0.5))
    assert said["verdict"] == "INCONCLUSIVE"
    assert "could not be confirmed" in ruling(said, "wc")["reason"]


def test_rows_without_the_full_plan_block_a_pass() -> None:
    """Standing after half a plan is not standing."""
    found = tampered(lambda found: recount(found, full=-1))
    assert verdict(found, policy(0.5))["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    "counts",
    [
        {"standing": 299},
        {"standing": -1},
        {"prefix": 301},
        {"population": 200},
        {"full": 301},
        {"standing": None},
    ],
)
def test_contradicting_counts_are_no_evidence(counts: dict[str, Any]) -> None:
    """Counts that do not add up end with an integrity error."""
    found = tampered(lambda found: measurement(found, "robust_accuracy")["counts"].update(counts))
    with pytest.raises(AssayError) as caught:
        verdict(found, policy(0.5))
    assert caught.value.code is Code.EVIDENCE_INVALID


def test_counts_are_checked_against_sample_states() -> None:
    """Moving images from fallen to standing in the counts alone is caught."""
    found = evidence(broken=0.7)
    counts = measurement(found, "robust_accuracy")["counts"]
    counts["standing"], counts["fallen"] = counts["fallen"], counts["standing"]
    with pytest.raises(AssayError, match="do not match the states"):
        verdict(found, policy(0.5))


EMPTY: dict[str, Any] = {
    "data": {"n": 0},
    "plan": {"analyzers": [{}], "seed": 0},
    "measurements": [],
    "samples": {},
}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"facts": None},
        {"facts": {"data": {"n": 0}}},
        {"facts": 3},
        {"facts": EMPTY},
        {"facts": {**EMPTY, "data": {"n": 1}, "plan": {"analyzers": [], "seed": 0}}},
    ],
)
def test_other_files_are_not_evidence(body: dict[str, Any]) -> None:
    """Some JSON is not evidence."""
    with pytest.raises(AssayError) as caught:
        verdict(body, policy())
    assert caught.value.code is Code.EVIDENCE_INVALID


def test_population_claim_needs_its_interval() -> None:
    """What passes for these images may be undecided for the population they stand for."""
    found = evidence(broken=0.3)
    counts = measurement(found, "robust_accuracy")["counts"]
    just_below = counts["standing"] / N - 0.01
    assert verdict(found, policy(just_below))["verdict"] == "PASS"
    said = verdict(found, policy(just_below, "population"))
    assert said["verdict"] == "INCONCLUSIVE"
    assert "more images" in ruling(said, "wc")["settles"]
    assert verdict(found, policy(counts["standing"] / N - 0.1, "population"))["verdict"] == "PASS"
    assert verdict(found, policy(0.9, "population"))["verdict"] == "FAIL"


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("min_n: 1000", "1000 images"),
        ("min_n: 10, min_per_class: 50", "every class"),
        (f"min_n: 10, ref: 'evalset@sha256:{'0' * 64}'", "another evaluation set"),
    ],
)
def test_data_rules_hold_a_pass_back(rule: str, says: str) -> None:
    """A set that the policy does not accept carries no PASS, and the note says why."""
    text = POLICY.replace("GTE", "0.5").replace("CLAIM", "set").replace("min_n: 10", rule)
    said = verdict(evidence(broken=0.2), parse_policy(text, CATALOGUE))
    assert said["verdict"] == "INCONCLUSIVE"
    assert any(says in note for note in said["notes"])


@pytest.mark.parametrize(("distinct", "verdict_of"), [(N, "PASS"), (N - 1, "INCONCLUSIVE")])
def test_as_many_images_as_asked_for_are_enough(distinct: int, verdict_of: str) -> None:
    """And one fewer is not."""
    rule = f"min_n: {N}"
    text = POLICY.replace("GTE", "0.5").replace("CLAIM", "set").replace("min_n: 10", rule)
    found = evidence(broken=0.2)
    found["facts"]["data"]["distinct"] = distinct
    assert verdict(found, parse_policy(text, CATALOGUE))["verdict"] == verdict_of


@pytest.mark.parametrize(("fewest", "verdict_of"), [(12, "PASS"), (11, "INCONCLUSIVE")])
def test_as_many_of_each_class_as_asked_for_are_enough(fewest: int, verdict_of: str) -> None:
    """And one fewer of a single class is not."""
    rule = "min_n: 10, min_per_class: 12"
    text = POLICY.replace("GTE", "0.5").replace("CLAIM", "set").replace("min_n: 10", rule)
    found = evidence(broken=0.2)
    found["facts"]["data"]["class_counts"] = [*[12] * 9, fewest]
    assert verdict(found, parse_policy(text, CATALOGUE))["verdict"] == verdict_of


def test_evidence_that_counts_no_images_has_none() -> None:
    """Even a policy that asks for a single one is not met by silence."""
    text = POLICY.replace("GTE", "0.5").replace("CLAIM", "set").replace("min_n: 10", "min_n: 1")
    found = evidence(broken=0.2)
    assert verdict(found, parse_policy(text, CATALOGUE))["verdict"] == "PASS"
    del found["facts"]["data"]["distinct"]
    assert verdict(found, parse_policy(text, CATALOGUE))["verdict"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("numerator", "limit", "state"),
    [(1, 0.01, "ok"), (2, 0.01, "red"), (0, 0.0, "ok"), (1, 0.0, "red"), (-1, 0.01, "red")],
)
def test_an_indicator_may_reach_its_limit_and_not_pass_it(
    numerator: int, limit: float, state: str
) -> None:
    """Of a hundred; fewer than none is damage."""
    counts = {"numerator": numerator, "denominator": 100}
    found = tampered(put("zero_gradient", counts=counts, limit=limit, note="Blind."))
    said = verdict(found, policy(0.5))
    (told,) = [one for one in said["indicators"] if one["metric"] == "zero_gradient"]
    assert (told["state"], told["note"]) == (state, "Blind.")
    assert (said["verdict"] == "PASS") == (state == "ok")


def test_an_indicator_that_is_not_there_says_so() -> None:
    """It was promised by the plan; one that is there without a note has none."""
    absent = verdict(tampered(drop("zero_gradient")), policy(0.5))
    quiet = verdict(tampered(put("zero_gradient", note="")), policy(0.5))
    notes = [
        one["note"]
        for said in (absent, quiet)
        for one in said["indicators"]
        if one["metric"] == "zero_gradient"
    ]
    assert notes == ["This indicator was promised and is absent.", ""]


def test_left_out_classes_count_as_empty() -> None:
    """Classes that the model knows and the data lacks are classes with no image."""
    text = POLICY.replace("GTE", "0.5").replace("CLAIM", "set")
    rules = parse_policy(text.replace("min_n: 10", "min_n: 10, min_per_class: 4"), CATALOGUE)
    found = evidence(broken=0.2)
    assert verdict(found, rules)["verdict"] == "PASS"
    found["facts"]["data"]["class_counts"] = [60] * 5
    said = verdict(found, rules)
    assert said["verdict"] == "INCONCLUSIVE"
    assert any("one class has 0" in note for note in said["notes"])


def test_copies_are_no_evidence() -> None:
    """Two pictures, copied until they are many, satisfy no ``min_n`` and no population claim."""
    found = evidence(broken=0.0)
    found["facts"]["data"]["distinct"] = 2
    said = verdict(found, policy(0.5))
    assert said["verdict"] == "INCONCLUSIVE"
    assert any("2 different ones" in note for note in said["notes"])
    found["facts"]["data"]["distinct"] = N - 1
    assert verdict(found, policy(0.5))["verdict"] == "PASS"
    drawn = verdict(found, policy(0.5, "population"))
    assert drawn["verdict"] == "INCONCLUSIVE"
    assert any("copies" in note for note in drawn["notes"])


def test_sentence_speaks_of_one_requirement() -> None:
    """Figure, threshold and reason of the sentence belong together."""
    said = verdict(tampered(other_seed), policy(0.5))
    assert "'clean'" in said["sentence"]
    assert "classified correctly" in said["sentence"]
    assert "Linf" not in said["sentence"]


def test_exact_threshold_is_a_pass_and_one_image_less_is_not() -> None:
    """The threshold is exact: equality passes, one image short fails."""
    found = evidence(broken=0.3)
    standing = measurement(found, "robust_accuracy")["counts"]["standing"]
    text = POLICY.replace("CLAIM", "set")
    equal = parse_policy(text.replace("GTE", f"{standing}/{N}"), CATALOGUE)
    above = parse_policy(text.replace("GTE", f"{standing * 1000 + 1}/{N * 1000}"), CATALOGUE)
    assert verdict(found, equal)["verdict"] == "PASS"
    assert verdict(found, above)["verdict"] == "FAIL"


def test_verdict_is_a_pure_function() -> None:
    """The same evidence and policy give the same verdict, bound to both by digest."""
    found = evidence()
    before = copy.deepcopy(found)
    first, second = verdict(found, policy()), verdict(found, policy())
    assert first == second
    assert found == before
    assert first["evidence_digest"] == evidence_digest(found)
    assert first["policy_digest"] == policy().digest


def test_run_is_outside_the_evidence_digest() -> None:
    """Time and host do not change which evidence it is; a count does."""
    one, other = evidence(), evidence()
    other["run"]["seconds"] = 99.0
    assert evidence_digest(one) == evidence_digest(other)
    measurement(other, "accuracy")["counts"]["standing"] += 1
    assert evidence_digest(one) != evidence_digest(other)


def test_findings_speak_in_the_numbers_measured() -> None:
    """A finding rule that is set off becomes a statement with its value and scope."""
    found = evidence(broken=0.6)["facts"]["findings"]
    assert [one["id"] for one in found] == ["TOY-1"]
    assert "stand under Linf:8/255" in found[0]["statement"]


def last_pass_cut(tried: int, late: int = 0, *, survivors: int = 240) -> dict[str, Any]:
    """Evidence of an attack whose last pass ran on some of the survivors only."""
    found = evidence(broken=0.2)
    standing = survivors - late
    counts = {
        "population": N,
        "prefix": N,
        "standing": standing,
        "fallen": N - standing,
        "pending": 0,
        "full": N - standing + tried - late,
        "survivors": survivors,
        "late": late,
    }
    measurement(found, "robust_accuracy").update(counts=counts, value=standing / N)
    found["facts"]["samples"][ATTACK]["states"] = {"standing": standing, "broken": N - standing}
    return found


def test_a_part_of_the_survivors_can_carry_a_pass() -> None:
    """The last pass on some, at random, decides at the policy's level; the reason says so."""
    said = ruling(verdict(last_pass_cut(40), policy(0.5)), "wc")
    assert (said["state"], said["decided_by"]) == ("PASS", "two-phase")
    assert "ran on 40 of them and broke 0" in said["reason"]
    low, high = said["interval"]
    assert 0.5 <= low < high == 0.8


def test_control_too_small_a_part_decides_nothing() -> None:
    """The same counts with hardly anyone tried, or too near the threshold, are INCONCLUSIVE."""
    for found, gte in ((last_pass_cut(1), 0.75), (last_pass_cut(40), 0.8)):
        said = ruling(verdict(found, policy(gte)), "wc")
        assert (said["state"], said["decided_by"]) == ("INCONCLUSIVE", "coverage")


@pytest.mark.parametrize(
    "spoiled",
    [
        {"survivors": 239},
        {"survivors": 300},
        {"late": 70},
        {"full": 20},
        {"prefix": 299, "fallen": 59},
    ],
)
def test_survivors_that_do_not_add_up_are_no_evidence(spoiled: dict[str, int]) -> None:
    """Counts on which an early PASS would rest are checked against all the others."""
    found = last_pass_cut(40)
    measurement(found, "robust_accuracy")["counts"].update(spoiled)
    with pytest.raises(AssayError) as caught:
        verdict(found, policy(0.5))
    assert caught.value.code is Code.EVIDENCE_INVALID


def at_two_depths(floating: int, rounded: int) -> dict[str, Any]:
    """Evidence in which so many images stand against any numbers, and against codes of 8 bits."""
    found = evidence(broken=0.2)
    whole = measurement(found, "robust_accuracy")
    found["facts"]["measurements"].remove(whole)
    samples = found["facts"]["samples"][ATTACK]
    for depth, column, standing in (("8-bit", "states8", rounded), ("float32", "states", floating)):
        one = copy.deepcopy(whole)
        one["scope"]["depth"] = depth
        told = {"standing": standing, "fallen": N - standing, "full": N, "pending": 0}
        one["counts"].update(told)
        found["facts"]["measurements"].append(one)
        samples[column] = {"standing": standing, "broken": N - standing}
    return found


def test_the_verdict_speaks_of_the_depth_of_the_data() -> None:
    """8-bit images are judged by what a file can hold, unless the policy says float."""
    found, rules = at_two_depths(140, 170), policy(0.5)
    assert verdict(found, rules)["verdict"] == "PASS"
    floating = rules.model_copy(update={"domain": "float"})
    said = verdict(found, floating)
    assert (said["verdict"], said["depth"]) == ("FAIL", "float32")
    found["facts"]["data"]["eight_bit"] = False
    assert verdict(found, rules)["verdict"] == "FAIL", "other data have one depth"


def test_a_depth_that_was_not_measured_passes_nothing() -> None:
    """Without the 8-bit count there is no verdict on 8-bit data."""
    found = at_two_depths(299, 299)
    for one in list(found["facts"]["measurements"]):
        if one["scope"].get("depth") == "8-bit":
            found["facts"]["measurements"].remove(one)
    said = ruling(verdict(found, policy(0.5)), "wc")
    assert (said["state"], said["decided_by"]) == ("INCONCLUSIVE", "absence")


def test_a_red_indicator_beside_the_attack_holds_its_pass_back() -> None:
    """Whoever vouches for a threat is asked, and nobody who speaks of another."""
    found = evidence(broken=0.2)
    attack = next(one for one in found["facts"]["plan"]["analyzers"] if one["key"] == ATTACK)
    beside = {**attack, "key": "trust.toy", "id": "trust.toy", "indicators": ["slopes"]}
    found["facts"]["plan"]["analyzers"].append(beside)
    red = {**measurement(found, "zero_gradient"), "analyzer": "trust.toy", "metric": "slopes"}
    red = {**red, "counts": {"numerator": 9, "denominator": 10}}
    found["facts"]["measurements"].append(red)
    said = ruling(verdict(found, policy(0.5)), "wc")
    assert (said["state"], said["decided_by"]) == ("INCONCLUSIVE", "trust")
    beside["config"] = {**attack["config"], "eps": "1/255"}
    assert ruling(verdict(found, policy(0.5)), "wc")["state"] == "PASS"


def renamed(found: dict[str, Any], *beside: str) -> dict[str, Any]:
    """Evidence whose attack is the real one by its id, with others on the same threat."""
    planned = found["facts"]["plan"]["analyzers"]
    attack = next(one for one in planned if one["key"] == ATTACK)
    attack["id"] = "attacks.linf"
    for name in beside:
        planned.append({**attack, "id": name, "key": name, "indicators": []})
    return found


def test_an_attack_that_nobody_vouches_for_passes_nothing() -> None:
    """Evidence of the attack alone lacks what says whether it can be believed."""
    alone = ruling(verdict(renamed(evidence(broken=0.2)), policy(0.5)), "wc")
    assert (alone["state"], alone["decided_by"]) == ("INCONCLUSIVE", "trust")
    assert "trust.linf did not run" in alone["reason"]
    both = verdict(renamed(evidence(broken=0.2), "trust.linf"), policy(0.5))
    assert ruling(both, "wc")["state"] == "PASS"


def test_who_vouches_for_another_threat_does_not_count() -> None:
    """The same analyzer at another size says nothing of this one."""
    found = renamed(evidence(broken=0.2), "trust.linf")
    other = found["facts"]["plan"]["analyzers"][-1]
    other["config"] = {**other["config"], "eps": "1/255"}
    assert ruling(verdict(found, policy(0.5)), "wc")["state"] == "INCONCLUSIVE"


@pytest.mark.parametrize(
    ("eps", "state"), [("0.0039", "INCONCLUSIVE"), ("1/256", "INCONCLUSIVE"), ("1/255", "PASS")]
)
def test_a_size_below_one_step_of_8_bits_passes_nothing(eps: str, state: str) -> None:
    """No picture that a file can hold would differ, so that nothing broke says nothing."""
    text = POLICY.replace("8/255", eps).replace("GTE", "0.5").replace("CLAIM", "set")
    rules = parse_policy(text, CATALOGUE)
    found = evidence(broken=0.2)
    threat = rules.threats["near"].threat
    attack = next(one for one in found["facts"]["plan"]["analyzers"] if one["key"] == ATTACK)
    attack["config"] = threat.as_config()
    for one in found["facts"]["measurements"]:
        if "threat" in one["scope"]:
            one["scope"]["threat"] = threat.text
    said = ruling(verdict(found, rules), "wc")
    assert said["state"] == state
    assert ("less than one step" in said["reason"]) is (state == "INCONCLUSIVE")
