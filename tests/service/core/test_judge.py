"""The judge says PASS only for whole, consistent, trusted evidence."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from service.core.driver import Course, instances_for
from service.core.evidence import evidence_digest, facts_of
from service.core.judge import judge
from service.core.policy import Policy, parse_policy
from service.core.stops import stops_for
from service.errors import AssayError, Code
from support.toys import CATALOGUE, a_case, toy_done

POLICY = """
apiVersion: assay/v1
claim: CLAIM
data: {min_n: 10}
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.9}
  - {id: wc, metric: robust_accuracy, threat: near, gte: GTE}
"""
N = 300
ATTACK = "attacks.toy@Linf:8/255:white"


def policy(gte: float = 0.5, claim: str = "set") -> Policy:
    """A policy over the toys."""
    return parse_policy(POLICY.replace("GTE", str(gte)).replace("CLAIM", claim), CATALOGUE)


def evidence(
    *, broken: float = 0.3, stop_at: float | None = None, claim: str = "set"
) -> dict[str, Any]:
    """Evidence of a toy audit, whole or stopped early by a threshold."""
    rules = policy(stop_at or 0.5, claim)
    found = instances_for(CATALOGUE, rules)
    stops = {one.key: stops_for(one, rules) if stop_at else () for one in found}
    course = Course(a_case(N), found, seed=0, engine="toy", stops=stops)
    while steps := course.ready():
        step = steps[0]
        course.commit(step, toy_done(step.unit, step.shard.analyzer, broken=broken))
    data = {**course.case.data.as_json(), "class_counts": [30] * 10, "distinct": N}
    facts = facts_of(
        course,
        subject=course.case.subject.as_json(),
        data=data,
        engine={"device": "toy"},
        versions={"assay": "0"},
    )
    return {"facts": facts, "run": {"seconds": 1.0}}


def verdict(found: dict[str, Any], rules: Policy) -> dict[str, Any]:
    """Judge at a fixed date."""
    return judge(found, rules, evaluated_at="2026-01-01T00:00:00Z")


def ruling(found: dict[str, Any], name: str) -> dict[str, Any]:
    """The ruling on one requirement."""
    return next(one for one in found["requirements"] if one["id"] == name)


def measurement(found: dict[str, Any], metric: str) -> dict[str, Any]:
    """One measurement of the evidence, to be tampered with."""
    return next(one for one in found["facts"]["measurements"] if one["metric"] == metric)


def test_whole_evidence_above_the_threshold_passes() -> None:
    """Every image attacked, enough stand, indicators fine: PASS, and the sentence is modest."""
    said = verdict(evidence(broken=0.3), policy(0.5))
    assert said["verdict"] == "PASS"
    assert "robust" not in said["sentence"].lower().replace("robustness", "")
    assert "found no further break" in said["sentence"]


def test_broken_images_fail_with_their_count() -> None:
    """More fallen than the threshold allows is a FAIL decided by counts."""
    said = verdict(evidence(broken=0.7), policy(0.5))
    assert said["verdict"] == "FAIL"
    assert ruling(said, "wc")["decided_by"] == "counts"
    assert "at most" in said["sentence"]


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
        put("robust_accuracy", scope={"threat": "Linf:1/255:white:toy-1"}),
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


@pytest.mark.parametrize("body", [{}, {"facts": None}, {"facts": {"data": {"n": 0}}}, {"facts": 3}])
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
    assert "more images" in ruling(said, "wc")["reason"]
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
