"""A policy means what it says, or is refused with a sentence that says where."""

from fractions import Fraction

import pytest

from service.core.policy import MINIMAL, parse_policy
from service.core.threats import exact_eps
from service.errors import AssayError, Code, Exit
from support.toys import CATALOGUE

GOOD = """
apiVersion: assay/v1
claim: population
seed: 3
data: {min_n: 100, min_per_class: 5}
threats:
  near: {norm: Linf, eps: 8/255}
require:
  - {id: wc, metric: robust_accuracy, threat: near, gte: 38%, level: 99%}
"""


def test_good_policy_keeps_exact_numbers() -> None:
    """Thresholds and sizes are fractions, not floats."""
    policy = parse_policy(GOOD, CATALOGUE)
    assert policy.require[0].gte == Fraction(38, 100)
    assert policy.require[0].level == Fraction(99, 100)
    assert policy.threats["near"].eps == "8/255"


def test_minimal_policy_is_a_policy() -> None:
    """What the command line prints for somebody without a policy works as it stands."""
    assert parse_policy(MINIMAL, CATALOGUE).claim == "set"


@pytest.mark.parametrize(
    ("written", "exact"),
    [("8/255", "8/255"), (0.1, "1/10"), ("16/510", "8/255"), (1, "1"), (0, "0"), ("0.5", "1/2")],
)
def test_one_size_has_one_spelling(written: object, exact: str) -> None:
    """However eps is written, its canonical text is the reduced fraction."""
    assert exact_eps(written) == exact


def test_digest_is_of_the_meaning() -> None:
    """Comments, order and spelling do not change a policy's digest; a threshold does."""
    same = GOOD.replace("38%", "0.38").replace("8/255", "16/510") + "# a comment\n"
    other = GOOD.replace("38%", "39%")
    assert parse_policy(GOOD, CATALOGUE).digest == parse_policy(same, CATALOGUE).digest
    assert parse_policy(GOOD, CATALOGUE).digest != parse_policy(other, CATALOGUE).digest


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (("claim: population", "claim: everything"), "claim"),
        (("seed: 3", "judge: bound\nseed: 3"), "judge"),
        (("gte: 38%", "gte: 0"), "gte"),
        (("gte: 38%", "gte: 1.5"), "gte"),
        (("gte: 38%", "gte: nan"), "gte"),
        (("gte: 38%", "gte: lots"), "gte"),
        (("gte: 38%", "atleast: 38%"), "gte"),
        (("level: 99%", "level: 10%"), "level"),
        (("threat: near", "threat: far"), "far"),
        (("threat: near, ", ""), "needs a threat"),
        (("metric: robust_accuracy", "metric: accuracy"), "takes no threat"),
        (("metric: robust_accuracy", "metric: beauty"), "beauty"),
        (("metric: robust_accuracy, threat: near", "metric: explains"), "explanation"),
        (("eps: 8/255", "eps: 8"), "pixel range"),
        (("eps: 8/255", "eps: 8/0"), "8/0"),
        (("eps: 8/255", "eps: [1]"), "fraction"),
        (("norm: Linf", "norm: L1"), "norm"),
        (("seed: 3", "seed: -1"), "seed"),
        (("seed: 3", "seed: 3\nseed: 4"), "twice"),
        (("data: {min_n: 100", "data: {ref: mine, min_n: 100"), "evalset@sha256"),
        (("apiVersion: assay/v1", "apiVersion: assay/v9"), "apiVersion"),
        (("apiVersion: assay/v1\n", ""), "apiVersion"),
        (("domain", "domain"), ""),
    ],
)
def test_wrong_policy_says_where(change: tuple[str, str], says: str) -> None:
    """Each mistake is POLICY_INVALID, exit 2, and names the place."""
    text = GOOD.replace(*change)
    if not says:
        text = GOOD + "domain: 8bit\n"
    with pytest.raises(AssayError) as caught:
        parse_policy(text, CATALOGUE)
    assert caught.value.code is Code.POLICY_INVALID
    assert caught.value.exit is Exit.USAGE
    assert says in caught.value.sentence
    assert caught.value.remedy


@pytest.mark.parametrize("text", ["", "- a list", "{unclosed", "just words"])
def test_text_that_is_no_policy(text: str) -> None:
    """What is not a YAML mapping is refused as such."""
    with pytest.raises(AssayError) as caught:
        parse_policy(text, CATALOGUE)
    assert caught.value.code is Code.POLICY_INVALID


def test_two_requirements_need_two_ids() -> None:
    """An id names one requirement."""
    line = "  - {id: wc, metric: accuracy, gte: 0.5}\n"
    with pytest.raises(AssayError, match="share an id"):
        parse_policy(GOOD + line, CATALOGUE)


def test_norm_without_an_attack_is_refused() -> None:
    """A threat that nothing serves never counts as survived."""
    with pytest.raises(AssayError) as caught:
        parse_policy(GOOD.replace("norm: Linf", "norm: L2"), CATALOGUE)
    assert caught.value.code is Code.THREAT_UNSUPPORTED


def test_what_may_not_get_worse_is_named_once() -> None:
    """Repeating a line would share out its level until no drop fails; once is fine."""
    text = (
        "apiVersion: assay/v1\nrequire: [{id: clean, metric: accuracy, gte: 0.5}]\n"
        "regress: {on: [ON]}\n"
    )
    assert parse_policy(text.replace("ON", "clean"), CATALOGUE).regress
    with pytest.raises(AssayError, match="no requirement 'nobody' over all images"):
        parse_policy(text.replace("ON", "nobody"), CATALOGUE)
    with pytest.raises(AssayError, match="no requirement 'clean' over all images"):
        parse_policy(
            text.replace("ON", "clean").replace("gte: 0.5", "gte: 0.5, per: class"), CATALOGUE
        )
    with pytest.raises(AssayError, match="named twice"):
        parse_policy(text.replace("ON", "clean, clean"), CATALOGUE)
