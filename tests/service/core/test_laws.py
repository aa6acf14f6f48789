"""Laws of the core that hold for every input: worse evidence never earns a better verdict."""

import copy
import json
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeVar

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzers.contract import Json, Tally
from service.core.canonical import canonical, digest
from service.core.driver import Course, instances_for
from service.core.evidence import facts_of, tally_of
from service.core.judge import judge
from service.core.permutation import permutation
from service.core.policy import Policy, Requirement, parse_policy
from service.core.stops import certainly_fails, fails, survivors_needed
from service.core.threats import exact_eps
from service.errors import AssayError, Code
from support.toys import CATALOGUE, a_case, toy_done

T = TypeVar("T")
N = 120
ATTACK = "attacks.toy@Linf:8/255:white:gate"
ORDER = {"FAIL": 0, "INCONCLUSIVE": 1, "PASS": 2}
QUICK = settings(max_examples=150, deadline=None, derandomize=True)
POLICY = """
apiVersion: assay/v1
claim: CLAIM
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: wc, metric: robust_accuracy, threat: near, gte: GTE, level: LEVEL}
"""


def outcome(asked: Callable[[], T]) -> tuple[Code | None, T | None]:
    """The code of an AssayError, or what came of it; any other exception fails the test."""
    try:
        return None, asked()
    except AssayError as error:
        return error.code, None


def rules(gte: Fraction, claim: str = "set", level: str = "95%") -> Policy:
    """A policy with one requirement on the toy attack."""
    text = POLICY.replace("GTE", str(gte)).replace("CLAIM", claim).replace("LEVEL", level)
    return parse_policy(text, CATALOGUE)


def whole() -> dict[str, Any]:
    """Evidence of one toy audit that looked at every image."""
    found = instances_for(CATALOGUE, rules(Fraction(1, 2)))
    course = Course(a_case(N), found, seed=0, engine="toy", stops={})
    while steps := course.ready():
        course.commit(steps[0], toy_done(steps[0].unit, steps[0].shard.analyzer))
    facts = facts_of(
        course,
        subject=course.case.subject.as_json(),
        data={**course.case.data.as_json(), "class_counts": [12] * 10, "distinct": N},
        engine={"device": "toy"},
        versions={"assay": "0"},
        labels=[row % 10 for row in range(N)],
    )
    return {"facts": facts, "run": {}}


WHOLE = whole()


def measured(tally: Tally) -> dict[str, Any]:
    """The same audit, had its attack come to these counts."""
    found = copy.deepcopy(WHOLE)
    one = next(m for m in found["facts"]["measurements"] if m["metric"] == "robust_accuracy")
    one["counts"] = tally._asdict()
    one["value"] = tally.standing / tally.prefix if tally.prefix else None
    states = {"standing": tally.standing, "broken": tally.fallen, "pending": tally.pending}
    found["facts"]["samples"][ATTACK]["states"] = states
    return found


def verdict(tally: Tally, policy: Policy) -> str:
    """What the judge says of these counts."""
    return str(judge(measured(tally), policy, evaluated_at="2026-01-01")["verdict"])


@st.composite
def tallies(draw: st.DrawFn, *, pending: bool = True) -> Tally:
    """Counts that do not contradict each other, of whole and of stopped audits."""
    prefix = draw(st.one_of(st.just(N), st.integers(1, N)))
    open_claims = draw(st.integers(0, min(prefix, 5))) if pending else 0
    standing = draw(st.integers(0, prefix - open_claims))
    return Tally(N, prefix, standing, prefix - open_claims - standing, open_claims, prefix)


SHARES = st.fractions(Fraction(1, 100), 1, max_denominator=200)
CLAIMS = st.sampled_from(["set", "population"])


@QUICK
@given(tallies(), SHARES, CLAIMS)
def test_one_more_fallen_image_never_improves_the_verdict(
    tally: Tally, gte: Fraction, claim: str
) -> None:
    """Turning a standing image into a fallen one leaves the verdict or makes it worse."""
    if not tally.standing:
        return
    worse = tally._replace(standing=tally.standing - 1, fallen=tally.fallen + 1)
    policy = rules(gte, claim)
    assert ORDER[verdict(worse, policy)] <= ORDER[verdict(tally, policy)]


@QUICK
@given(tallies(), SHARES, SHARES, CLAIMS)
def test_a_higher_threshold_never_improves_the_verdict(
    tally: Tally, one: Fraction, other: Fraction, claim: str
) -> None:
    """Whoever asks for more gets the same verdict or a worse one."""
    low, high = sorted((one, other))
    strict, lenient = verdict(tally, rules(high, claim)), verdict(tally, rules(low, claim))
    assert ORDER[strict] <= ORDER[lenient]


@QUICK
@given(tallies(pending=False), SHARES, CLAIMS, st.booleans())
def test_an_open_claim_never_passes(
    tally: Tally, gte: Fraction, claim: str, was_standing: bool
) -> None:
    """A pending row, taken from either side, leaves no PASS; nor does it make a set FAIL new."""
    source = "standing" if was_standing else "fallen"
    if not getattr(tally, source):
        return
    opened = tally._replace(pending=1, **{source: getattr(tally, source) - 1})
    policy = rules(gte, claim)
    said = verdict(opened, policy)
    assert said != "PASS"
    if verdict(tally, policy) == "PASS":
        assert said == "INCONCLUSIVE" or opened.standing < survivors_needed(gte, N)


@QUICK
@given(st.integers(0, N), SHARES, st.sampled_from(["90%", "95%", "99%"]))
def test_a_population_pass_implies_a_set_pass(standing: int, gte: Fraction, level: str) -> None:
    """What holds for the population at some level holds for the very images it was seen on."""
    tally = Tally(N, N, standing, N - standing, 0, N)
    if verdict(tally, rules(gte, "population", level)) == "PASS":
        assert verdict(tally, rules(gte, "set", level)) == "PASS"


def test_the_population_law_has_cases_on_both_sides() -> None:
    """The implication is strict: somewhere a set PASS is no population PASS, elsewhere both are."""
    high, edge = Tally(N, N, 110, 10, 0, N), Tally(N, N, 61, 59, 0, N)
    assert verdict(high, rules(Fraction(1, 2), "population")) == "PASS"
    assert verdict(edge, rules(Fraction(1, 2), "population")) == "INCONCLUSIVE"
    assert verdict(edge, rules(Fraction(1, 2), "set")) == "PASS"


@QUICK
@given(tallies(), SHARES, CLAIMS, st.sampled_from(["90%", "99%", "99.9%"]))
def test_a_stop_never_stops_short_of_a_fail(
    tally: Tally, gte: Fraction, claim: str, level: str
) -> None:
    """Whenever the stop rule ends an attack on a prefix, the judge says FAIL on that prefix."""
    policy = rules(gte, claim, level)
    stopped = fails(tally, policy.require[0], claim)
    assert stopped == (verdict(tally, policy) == "FAIL")


@QUICK
@given(tallies(), SHARES, CLAIMS)
def test_a_stricter_level_never_finds_a_new_fail(tally: Tally, gte: Fraction, claim: str) -> None:
    """Evidence that settles a FAIL at 99% settles it at 90% too."""
    if verdict(tally, rules(gte, claim, "99%")) == "FAIL":
        assert verdict(tally, rules(gte, claim, "90%")) == "FAIL"


@QUICK
@given(st.integers(0, N), SHARES)
def test_certain_failure_is_exactly_the_arithmetic(fallen: int, gte: Fraction) -> None:
    """Counts alone settle a FAIL if and only if even all the rest standing is not enough."""
    tally = Tally(N, fallen, 0, fallen, 0, fallen)
    assert certainly_fails(tally, gte) == (Fraction(N - fallen, N) < gte)


FIELDS = ["population", "prefix", "standing", "fallen", "pending", "full"]
CHANGES = st.dictionaries(st.sampled_from(FIELDS), st.integers(-2 * N, 2 * N), min_size=1)


@QUICK
@given(tallies(), CHANGES, SHARES, CLAIMS)
def test_tampered_counts_are_caught_or_pass_nothing(
    tally: Tally, changes: dict[str, int], gte: Fraction, claim: str
) -> None:
    """Editing counts alone is an integrity error, or at least earns no PASS that was not there."""
    policy = rules(gte, claim)
    before, found = verdict(tally, policy), measured(tally)
    one = next(m for m in found["facts"]["measurements"] if m["metric"] == "robust_accuracy")
    for name, by in changes.items():
        one["counts"][name] += by
    refused, said = outcome(lambda: judge(found, policy, evaluated_at="2026-01-01"))
    assert refused in (None, Code.EVIDENCE_INVALID)
    if said is not None and said["verdict"] == "PASS":
        assert before == "PASS"


@QUICK
@given(st.dictionaries(st.sampled_from(FIELDS), st.one_of(st.none(), st.text(max_size=3))))
def test_counts_of_any_type_are_read_or_refused(broken: dict[str, Any]) -> None:
    """Counts that are no numbers end with EVIDENCE_INVALID and nothing else."""
    counts: dict[str, Any] = {**Tally(N, N, N, 0, 0, N)._asdict(), **broken}
    refused, tally = outcome(lambda: tally_of(counts, N))
    assert refused in (None, Code.EVIDENCE_INVALID)
    if tally is not None:
        assert tally.standing + tally.fallen + tally.pending == tally.prefix <= N


# ------------------------------------------------------------------------------- permutation

IDS = st.lists(st.text("0123456789abcdef", min_size=1, max_size=4), max_size=40)


@QUICK
@given(IDS, st.integers(0, 2**53 - 1))
def test_permutation_visits_every_position_once(ids: list[str], seed: int) -> None:
    """Whatever the ids, equal ones included, every image is looked at exactly once."""
    assert sorted(permutation(ids, seed)) == list(range(len(ids)))


@QUICK
@given(IDS, st.integers(0, 9), st.randoms(use_true_random=False))
def test_permutation_follows_ids_and_not_the_file(
    ids: list[str], seed: int, shuffler: random.Random
) -> None:
    """Writing the same images in another order changes nothing of what a prefix holds."""
    other = list(ids)
    shuffler.shuffle(other)
    seen = [ids[at] for at in permutation(ids, seed)]
    assert seen == [other[at] for at in permutation(other, seed)]


def test_permutation_changes_with_the_seed_and_is_not_the_file_order() -> None:
    """A hundred seeds draw a hundred orders, none of them the order of the file."""
    ids = [f"{at:04x}" for at in range(60)]
    orders = {tuple(permutation(ids, seed)) for seed in range(100)}
    assert len(orders) == 100
    assert tuple(range(60)) not in orders


# ------------------------------------------------------------------------------ canonical JSON

LEAVES = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**53) + 1, 2**53 - 1), st.text(max_size=6)
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)


def turned(body: Json) -> Json:
    """The same JSON value with the keys of every object in reverse."""
    if isinstance(body, dict):
        return {key: turned(body[key]) for key in reversed(list(body))}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]  # JSON object
    if isinstance(body, list):
        return [turned(one) for one in body]  # pyright: ignore[reportUnknownVariableType]  # JSON list
    return body


@QUICK
@given(VALUES)
def test_digest_does_not_depend_on_key_order(body: Json) -> None:
    """Two spellings of one value have one digest."""
    assert digest(turned(body)) == digest(body)


@QUICK
@given(VALUES)
def test_canonical_bytes_read_back_as_the_same_value(body: Json) -> None:
    """Nothing is lost on the way, and the spelling of what is read back is the same."""
    raw = canonical(body)
    again = json.loads(raw)
    assert again == body
    assert canonical(again) == raw


@QUICK
@given(VALUES, VALUES)
def test_other_values_have_other_digests(one: Json, other: Json) -> None:
    """Values that are spelled differently never share a digest."""
    assert (digest(one) == digest(other)) == (canonical(one) == canonical(other))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_are_none_have_no_digest(value: float) -> None:
    """NaN and infinities are refused, nested ones too."""
    with pytest.raises(ValueError, match=r".+"):
        digest({"deep": [value]})


# -------------------------------------------------------------------------------------- policy


def only_our_errors(text: str) -> None:
    """Parse; anything but a policy or an AssayError fails the test."""
    refused, parsed = outcome(lambda: parse_policy(text, CATALOGUE))
    assert (refused is None) == (parsed is not None)


@QUICK
@given(st.text(max_size=200))
def test_any_text_is_a_policy_or_a_coded_refusal(text: str) -> None:
    """No text makes the parser raise anything of its own libraries."""
    only_our_errors(text)


@pytest.mark.parametrize(
    "text",
    [
        "? [a]\n: 1",
        "{[a]: 1, [a]: 2}",
        "? {a: 1}\n: 2",
        "a: &x [*x]",
        "&x {require: *x}",
        "- 2001-99-99",
        "seed: 2001-99-99",
        "seed: !!int xyz",
        "seed: !!float xyz",
        "a: !!binary '*'",
        "a: !!timestamp no",
        "!!python/object:os.system {}",
        "<<: 3",
        "<<: [1, 2]",
        "seed: 0x",
        "seed: 0b",
        "seed: 1:99:x",
        "\x00",
        "\ud800",
        "[" * 3000,
        "{a: " * 3000,
        "seed: " + "9" * 5000,
        "seed: 1e999999",
        "seed: !!bool perhaps",
        "threats: {near: {norm: Linf, eps: 1e999999999}}\nrequire: []",
    ],
    ids=lambda text: repr(text[:18]),
)
def test_odd_yaml_is_refused_with_a_code(text: str) -> None:
    """Unhashable keys, bad scalars, cycles, depth and size end as a coded refusal."""
    with pytest.raises(AssayError):
        parse_policy(text, CATALOGUE)


NAMES = st.sampled_from(
    [
        "apiVersion",
        "claim",
        "seed",
        "domain",
        "data",
        "threats",
        "require",
        "min_n",
        "ref",
        "norm",
        "eps",
        "knowledge",
        "id",
        "metric",
        "threat",
        "gte",
        "level",
        "near",
        "assay/v1",
        "set",
        "population",
        "Linf",
        "L2",
        "white",
        "accuracy",
        "8/255",
    ]
)
SCALARS = st.one_of(
    NAMES,
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.dates(),
    st.binary(max_size=3),
)
TREES: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3), st.dictionaries(st.one_of(NAMES, SCALARS), inner, max_size=5)
    ),
    max_leaves=12,
)


@QUICK
@given(st.dictionaries(NAMES, TREES, max_size=6))
def test_any_yaml_structure_is_a_policy_or_a_coded_refusal(body: dict[str, Any]) -> None:
    """Whatever stands where a policy has its keys, the parser answers with a coded error."""
    only_our_errors(yaml.safe_dump(body))


PLACES = [
    ("seed",),
    ("claim",),
    ("data",),
    ("threats",),
    ("threats", "near"),
    ("threats", "near", "eps"),
    ("require",),
    ("require", 0),
    ("require", 0, "gte"),
    ("require", 0, "level"),
    ("require", 0, "threat"),
    ("require", 0, "metric"),
]


@QUICK
@given(st.sampled_from(PLACES), TREES)
def test_one_wrong_value_in_a_sound_policy_is_refused_with_a_code(
    place: tuple[str | int, ...], value: object
) -> None:
    """Any value at any place of a sound policy is taken or refused, never a crash."""
    body: Any = yaml.safe_load(
        POLICY.replace("GTE", "0.5").replace("CLAIM", "set").replace("LEVEL", "95%")
    )
    at = body
    for step in place[:-1]:
        at = at[step]
    at[place[-1]] = value
    only_our_errors(yaml.safe_dump(body))


@QUICK
@given(st.one_of(st.fractions(0, 1), st.decimals(0, 1, places=6), st.floats(0, 1)))
def test_eps_has_one_spelling(written: object) -> None:
    """Canonical text is read back as itself, and names the very number that was written."""
    once = exact_eps(written)
    assert exact_eps(once) == once
    assert Fraction(once) == Fraction(str(written))


@QUICK
@given(st.one_of(TREES, st.text()))
def test_any_size_of_a_threat_is_exact_or_refused(written: object) -> None:
    """A size is a number from 0 to 1 in canonical text, or a coded refusal."""
    refused, text = outcome(lambda: exact_eps(written))
    assert refused in (None, Code.POLICY_INVALID)
    assert text is None or 0 <= Fraction(text) <= 1


@pytest.mark.parametrize("number", ["1e999999999", "1e-999999999", "1E5_000", "0." + "1" * 9000])
def test_numbers_of_endless_digits_are_refused_at_once(number: str) -> None:
    """A short text that names a gigantic number costs a refusal, not minutes of arithmetic."""
    with pytest.raises(AssayError) as caught:
        exact_eps(number)
    assert caught.value.code is Code.POLICY_INVALID
    text = POLICY.replace("GTE", f"'{number}'").replace("CLAIM", "set").replace("LEVEL", "95%")
    with pytest.raises(AssayError, match="gte"):
        parse_policy(text, CATALOGUE)
    assert exact_eps("1e-300") == str(Fraction("1e-300"))


def test_requirement_reads_shares_exactly() -> None:
    """A percentage, a decimal and a fraction of one share are one threshold."""
    made = [
        Requirement.model_validate({"id": "a", "metric": "accuracy", "gte": gte})
        for gte in ("40%", "0.4", 0.4, "2/5")
    ]
    assert {one.gte for one in made} == {Fraction(2, 5)}
