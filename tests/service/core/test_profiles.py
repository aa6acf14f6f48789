"""A profile's policy reads as a policy, says what the profile means, and explains each line."""

import jsonschema
import pytest

from analyzers.catalog import ALL
from service.core.canonical import digest
from service.core.extending import EDITION, filled, written
from service.core.policy import Policy, parse_policy, under_profile
from service.core.profiles import PROFILES, Name, policy_text
from service.core.strict_yaml import read_yaml
from service.errors import AssayError, Code
from tools import policy_schema

EVERY = pytest.mark.parametrize("name", list(PROFILES))


def policy(name: Name) -> Policy:
    """A profile's policy, as it is read."""
    return parse_policy(policy_text(name), ALL)


@EVERY
def test_it_reads_by_parser_and_schema(name: Name) -> None:
    """The written text is a policy for both."""
    assert policy(name).threats["linf8"].eps == "8/255"
    jsonschema.validate(read_yaml(policy_text(name)), policy_schema.schema())


@EVERY
def test_every_line_is_explained(name: Name) -> None:
    """Each line carries a comment, in one column, on a page a hundred wide."""
    *head, first, second, third = policy_text(name).splitlines()[:6]
    assert all(line.startswith("# ") for line in head)
    lines = policy_text(name).splitlines()[len(head) :]
    assert lines[:3] == [first, second, third]
    assert {line.index("# ") for line in lines} == {28}
    assert all(len(line) <= 100 and len(line.partition("# ")[2]) > 10 for line in lines)


def test_profiles_differ_as_they_are_meant_to() -> None:
    """Smoke never passes, deep tries everything, a release needs more images than a change."""
    budgets = {name: policy(name).threats["linf8"].budget for name in PROFILES}
    assert budgets == {"smoke": "smoke", "pr": "gate", "release": "gate", "deep": "parity"}
    needs = {name: policy(name).data for name in PROFILES}
    assert needs["smoke"].min_n < needs["pr"].min_n < needs["release"].min_n
    assert needs["release"].min_per_class > needs["pr"].min_per_class == 0


OWN = """\
apiVersion: assay/v1
extends: profile:release@1
data: {min_n: 7}
threats:
  near: {norm: Linf, eps: 1/255}
  far: {norm: Linf, eps: 8/255, budget: parity}
require:
  - {id: wc, metric: robust_accuracy, threat: near, gte: 0.4}
"""


def test_a_profile_fills_in_what_a_policy_leaves_open() -> None:
    """Its own lines win; thresholds and threats stay its own."""
    told = parse_policy(OWN, ALL)
    assert (told.data.min_n, told.data.min_per_class) == (7, 30)
    assert {name: rule.budget for name, rule in told.threats.items()} == {
        "near": "gate",
        "far": "parity",
    }
    assert [one.id for one in told.require] == ["wc"]
    bare = parse_policy(OWN.replace("extends: profile:release@1\n", ""), ALL)
    assert bare.data.min_per_class == 0
    assert told.digest != bare.digest


@EVERY
def test_a_command_line_may_name_the_profile(name: Name) -> None:
    """It replaces the one that the policy extends, and nothing that the policy itself says."""
    told = parse_policy(under_profile(OWN, name), ALL)
    assert told.extends == written(name)
    assert told.threats["near"].budget == PROFILES[name].budget
    assert (told.data.min_n, told.data.min_per_class) == (7, PROFILES[name].min_per_class)
    assert told.require == parse_policy(OWN, ALL).require


@pytest.mark.parametrize(
    ("extends", "said"),
    [
        ("profile:release@2", "Did you mean profile:release@1?"),
        ("profile:relase@1", "Did you mean profile:release@1?"),
        ("7", "Known here: profile:smoke@1"),
        ("[profile:pr@1]", "there is no profile"),
    ],
)
def test_an_unknown_profile_is_a_mistake(extends: str, said: str) -> None:
    """An edition that this version does not have must not read as another one."""
    with pytest.raises(AssayError) as refused:
        parse_policy(OWN.replace("profile:release@1", extends), ALL)
    assert refused.value.code is Code.POLICY_INVALID
    assert said in refused.value.sentence


@pytest.mark.parametrize("wrong", ["threats: 3", "threats: {near: 3}", "data: [1]"])
def test_what_is_no_mapping_is_told_as_without_a_profile(wrong: str) -> None:
    """A profile hides no mistake."""
    body = f"apiVersion: assay/v1\n{wrong}\nrequire: [{{id: c, metric: accuracy, gte: 0.5}}]\n"
    told = list[str]()
    for head in ("", "extends: profile:pr@1\n"):
        with pytest.raises(AssayError) as refused:
            parse_policy(head + body, ALL)
        told.append(refused.value.sentence)
    assert told[0] == told[1]


FROZEN = "753dc579659c8a9beeb053b432754c19a53bc2382fda92b5edc15032b3a45677"
"""Digest of what edition 1 fills in. When it changes, raise ``EDITION``: policies name one."""


def test_an_edition_stays_what_it_was() -> None:
    """A policy that names an edition must mean next year what it means today."""
    filled_in = {
        name: filled({"extends": written(name), "threats": {"t": {}}}) for name in PROFILES
    }
    assert (EDITION, digest(filled_in)) == (1, FROZEN)
