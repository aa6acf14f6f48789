"""The published schema takes the policies that the parser takes, and no key that it does not."""

from pathlib import Path
from typing import Any

import jsonschema
import pytest
from jsonschema import Draft202012Validator

from analyzers.catalog import ALL
from service.core.policy import MINIMAL, parse_policy
from service.core.strict_yaml import read_yaml
from service.errors import AssayError
from tools import policy_schema

SCHEMA = policy_schema.schema()
REF = f"evalset@sha256:{'0a' * 32}"
LEVEL = "gte: 0.40, level: "
GOOD = {
    "minimal": ("", ""),
    "percent": ("gte: 0.40", "gte: 38%"),
    "fraction": ("gte: 0.40", "gte: 2/5"),
    "fraction of percents": ("gte: 0.40", "gte: 75/2%"),
    "one": ("gte: 0.40", "gte: 1"),
    "all": ("gte: 0.40", "gte: 100 %"),
    "quoted": ("gte: 0.40", "gte: ' 0.4 '"),
    "signed": ("gte: 0.40", "gte: +0.4"),
    "no zero": ("gte: 0.40", "gte: .4"),
    "no digits behind": ("gte: 0.40", "gte: '1.'"),
    "exponent": ("gte: 0.40", "gte: 4e-1"),
    "underscores": ("gte: 0.40", "gte: '1_0/2_5'"),
    "level": ("gte: 0.40", f"{LEVEL}99%"),
    "level as number": ("gte: 0.40", f"{LEVEL}0.99"),
    "per": ("gte: 0.40", "gte: 0.40, per: class, severity: low"),
    "eps as number": ("8/255", "0.1"),
    "eps zero": ("8/255", "0"),
    "eps one": ("8/255", "1"),
    "eps spaced": ("8/255", "8 / 255"),
    "eps exponent": ("8/255", "3e-2"),
    "knowledge": ("eps: 8/255", "eps: 8/255, knowledge: white, budget: parity"),
    "data": ("seed: 0", f"data: {{ref: '{REF}', min_n: 3, min_per_class: 0}}"),
    "no ref": ("seed: 0", "data: {ref: null}"),
    "domain": ("seed: 0", "domain: float"),
    "seed": ("seed: 0", "seed: 9007199254740991"),
    "claim": ("claim: set", "claim: population"),
    "other names": ("linf8", "any name"),
    "regress": ("seed: 0", "regress: {on: [clean], max_drop: 1.5pt, level: 90%}"),
    "no drop": ("seed: 0", "regress: {on: [clean], max_drop: 0, unknown: inconclusive}"),
}
BAD = {
    "unknown key": ("seed: 0", "judge: bound"),
    "unknown key of data": ("seed: 0", "data: {minimum: 3}"),
    "unknown key of a threat": ("eps: 8/255", "eps: 8/255, steps: 3"),
    "unknown key of a requirement": ("gte: 0.40", "gte: 0.40, lte: 0.9"),
    "unknown key of regress": ("seed: 0", "regress: {on: [clean], by: 1pt}"),
    "name of the field": ("apiVersion:", "api_version:"),
    "version": ("assay/v1", "assay/v2"),
    "no version": ("apiVersion: assay/v1\n", ""),
    "claim": ("claim: set", "claim: all"),
    "seed below": ("seed: 0", "seed: -1"),
    "seed beyond": ("seed: 0", "seed: 9007199254740992"),
    "seed as text": ("seed: 0", "seed: '0'"),
    "seed as truth": ("seed: 0", "seed: true"),
    "half a seed": ("seed: 0", "seed: 0.5"),
    "ref": ("seed: 0", "data: {ref: mine}"),
    "min_n": ("seed: 0", "data: {min_n: 0}"),
    "data": ("seed: 0", "data: []"),
    "norm": ("norm: Linf", "norm: L1"),
    "budget": ("eps: 8/255", "eps: 8/255, budget: huge"),
    "no eps": (", eps: 8/255", ""),
    "eps beyond": ("8/255", "8"),
    "eps below": ("8/255", "-0.1"),
    "eps as words": ("8/255", "small"),
    "eps in percent": ("8/255", "3%"),
    "eps as list": ("8/255", "[1]"),
    "gte zero": ("gte: 0.40", "gte: 0"),
    "gte beyond": ("gte: 0.40", "gte: 1.5"),
    "gte below": ("gte: 0.40", "gte: '-0.4'"),
    "gte as words": ("gte: 0.40", "gte: lots"),
    "gte as nothing": ("gte: 0.40", "gte: nan"),
    "gte as truth": ("gte: 0.40", "gte: true"),
    "gte empty": ("gte: 0.40", "gte: ''"),
    "gte absent": (", gte: 0.40", ""),
    "level low": ("gte: 0.40", f"{LEVEL}0.5"),
    "level whole": ("gte: 0.40", f"{LEVEL}1"),
    "metric": ("metric: accuracy", "metric: beauty"),
    "explanation": ("metric: accuracy", "metric: filters.entropy"),
    "id": ("id: clean", "id: ''"),
    "long id": ("id: clean", f"id: {'x' * 64}"),
    "severity": ("gte: 0.40", "gte: 0.40, severity: huge"),
    "nothing required": (MINIMAL[MINIMAL.index("require:") :], "require: []"),
    "drop": ("seed: 0", "regress: {on: [clean], max_drop: 1}"),
    "on nothing": ("seed: 0", "regress: {on: []}"),
}
ONLY_PARSED = {
    "threat unnamed": ("threat: linf8", "threat: far"),
    "two of one id": ("id: worst-case", "id: clean"),
    "no threat": ("threat: linf8, ", ""),
    "more than all": ("gte: 0.40", "gte: 150%"),
    "by zero": ("8/255", "8/0"),
}
"""What no JSON Schema of this size can say."""


def fits(policy: Any) -> bool:  # noqa: ANN401 - whatever YAML holds
    """Whether the schema takes it."""
    try:
        jsonschema.validate(policy, SCHEMA)
    except jsonschema.ValidationError:
        return False
    return True


def parses(text: str) -> bool:
    """Whether the parser takes it."""
    try:
        parse_policy(text, ALL)
    except AssayError:
        return False
    return True


def changed(change: tuple[str, str]) -> str:
    """The minimal policy with one change, which must change it."""
    assert change[0] in MINIMAL
    return MINIMAL.replace(*change)


@pytest.mark.parametrize("change", GOOD.values(), ids=GOOD)
def test_both_take_a_good_policy(change: tuple[str, str]) -> None:
    """What the parser takes, however a number is spelt, the schema takes."""
    text = changed(change)
    assert (parses(text), fits(read_yaml(text))) == (True, True)


@pytest.mark.parametrize("change", BAD.values(), ids=BAD)
def test_both_refuse_a_bad_policy(change: tuple[str, str]) -> None:
    """Unknown keys at every place, missing keys, values beyond their bounds or of another kind."""
    text = changed(change)
    assert (parses(text), fits(read_yaml(text))) == (False, False)


@pytest.mark.parametrize("change", ONLY_PARSED.values(), ids=ONLY_PARSED)
def test_what_only_the_parser_sees(change: tuple[str, str]) -> None:
    """References between lines and sums are beyond the schema, and the parser refuses them."""
    text = changed(change)
    assert (parses(text), fits(read_yaml(text))) == (False, True)


def test_it_is_a_schema_and_every_key_is_described() -> None:
    """Editors show the descriptions; a new key needs a docstring below it."""
    Draft202012Validator.check_schema(SCHEMA)
    parts = [SCHEMA, *SCHEMA["$defs"].values()]
    bare = [name for part in parts for name, key in part["properties"].items() if not said(key)]
    assert bare == []
    assert all(part["additionalProperties"] is False for part in parts)


def said(key: dict[str, Any]) -> bool:
    """Whether a key has words of its own, or those of the part that it holds."""
    return bool(key.get("description")) or "$ref" in key


def test_the_file_is_fresh() -> None:
    """A change of what a policy may say rewrites the file."""
    assert policy_schema.main(["--check"]) == 0, "run: python tools/policy_schema.py"


def test_a_stale_file_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison is of the whole file; writing it anew settles it."""
    monkeypatch.setattr(policy_schema, "FILE", tmp_path / "policy.schema.json")
    assert policy_schema.main(["--check"]) == 1
    assert policy_schema.main([]) == 0
    assert policy_schema.main(["--check"]) == 0
    policy_schema.FILE.write_text(policy_schema.text().replace("budget", "effort"), "utf-8")
    assert policy_schema.main(["--check"]) == 1
