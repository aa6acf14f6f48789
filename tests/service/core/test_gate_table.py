"""One measured model under many policies, baselines, waivers and dates: verdict and exit code."""

from typing import NamedTuple

import pytest

from service.cli.verdicts import exit_of
from service.closing import as_file
from service.core.policy import parse_policy
from service.errors import Exit
from service.gate import Beside, verdict_on
from support.toys import CATALOGUE
from support.verdicts import evidence

HEAD = "apiVersion: assay/v1\nthreats: {near: {norm: Linf, eps: 8/255}}\n"
CLEAN = "  - {id: clean, metric: accuracy, gte: 0.9}\n"
WAIVER = """
- id: W-1
  match: {requirement: wc}
  reason: the replacement ships in spring
  owner: owner@example.org
  approved_by: APPROVER
  created: 2026-11-01
  expires: 2027-01-15
  floor: {gte: FLOOR}
"""


def policy(gte: float, more: str = "", head: str = "") -> str:
    """A floor under clean and under robust accuracy, and what else is asked."""
    line = f"  - {{id: wc, metric: robust_accuracy, threat: near, gte: {gte}}}\n"
    return f"{HEAD}{head}require:\n{CLEAN}{line}{more}"


def waiver(floor: str = "0.5", approver: str = "approver@example.org") -> str:
    """An exception from the robust floor."""
    return WAIVER.replace("FLOOR", floor).replace("APPROVER", approver)


class Row(NamedTuple):
    """One line of the table."""

    name: str
    policy: str
    verdict: str
    waivers: str = ""
    baseline: float | None = None
    """Share of coins by which the earlier model fell."""
    date: str = "2026-12-01"


PER_CLASS = "  - {id: floor, metric: robust_accuracy, threat: near, per: class, gte: GTE}\n"
REGRESS = "regress: {on: [wc], max_drop: 2pt, unknown: UNKNOWN}\n"
TABLE = [
    Row("both floors hold", policy(0.6), "PASS"),
    Row("at the very share", policy(206 / 300), "PASS"),
    Row("one image short", policy(207 / 300), "FAIL"),
    Row("the robust floor is violated", policy(0.8), "FAIL"),
    Row(
        "a population's interval holds the floor",
        policy(0.68, head="claim: population\n"),
        "INCONCLUSIVE",
    ),
    Row("a population far above the floor", policy(0.5, head="claim: population\n"), "PASS"),
    Row("another seed", policy(0.5, head="seed: 7\n"), "INCONCLUSIVE"),
    Row(
        "other data",
        policy(0.5, head=f"data: {{ref: 'evalset@sha256:{'a' * 64}'}}\n"),
        "INCONCLUSIVE",
    ),
    Row("too few images", policy(0.5, head="data: {min_n: 301}\n"), "INCONCLUSIVE"),
    Row("too few of a class", policy(0.5, head="data: {min_per_class: 31}\n"), "INCONCLUSIVE"),
    Row("every class clears", policy(0.5, PER_CLASS.replace("GTE", "0.4")), "PASS"),
    Row("one class does not", policy(0.5, PER_CLASS.replace("GTE", "0.65")), "FAIL"),
    Row("no baseline given", policy(0.5, REGRESS.replace("UNKNOWN", "pass")), "INCONCLUSIVE"),
    Row("no worse", policy(0.5, REGRESS.replace("UNKNOWN", "inconclusive")), "PASS", baseline=0.3),
    Row("much worse", policy(0.5, REGRESS.replace("UNKNOWN", "pass")), "FAIL", baseline=0.1),
    Row("better", policy(0.5, REGRESS.replace("UNKNOWN", "pass")), "PASS", baseline=0.6),
    Row("waived", policy(0.8), "PASS", waivers=waiver()),
    Row("on the last day", policy(0.8), "PASS", waivers=waiver(), date="2027-01-15"),
    Row("a day late", policy(0.8), "FAIL", waivers=waiver(), date="2027-01-16"),
    Row("before it was given", policy(0.8), "FAIL", waivers=waiver(), date="2026-10-31"),
    Row("below its floor", policy(0.8), "FAIL", waivers=waiver("0.7")),
    Row("two eyes", policy(0.8), "FAIL", waivers=waiver(approver="Owner@Example.org")),
    Row("trust is not waived", policy(0.8, head="seed: 7\n"), "FAIL", waivers=waiver()),
    Row(
        "an open one is not waived",
        policy(0.68, head="claim: population\n"),
        "INCONCLUSIVE",
        waivers=waiver(),
    ),
    Row(
        "a drop is not waived with the floor",
        policy(0.8, REGRESS.replace("UNKNOWN", "pass")),
        "FAIL",
        waivers=waiver(),
        baseline=0.1,
    ),
]
EXITS = {"PASS": Exit.PASS, "FAIL": Exit.FAIL, "INCONCLUSIVE": Exit.INCONCLUSIVE}


@pytest.mark.parametrize("row", TABLE, ids=[row.name for row in TABLE])
def test_the_same_evidence_under(row: Row) -> None:
    """The verdict, its sentence's first word and the exit code agree."""
    rules = parse_policy(row.policy, CATALOGUE)
    earlier = b""
    if row.baseline is not None:
        earlier = as_file(evidence(broken=row.baseline))
    said = verdict_on(MEASURED, rules, row.date, Beside(row.waivers, "release 1", earlier))
    assert said["verdict"] == row.verdict
    assert said["sentence"].startswith(row.verdict)
    assert exit_of(said["verdict"]) is EXITS[row.verdict]


MEASURED = evidence(broken=0.3)


def test_the_table_stands_on_what_was_measured() -> None:
    """206 of 300 images stand, so the rows at the share and beside it are where they say."""
    told = next(
        one for one in MEASURED["facts"]["measurements"] if one["metric"] == "robust_accuracy"
    )
    assert told["counts"]["standing"] == 206
    assert {row.verdict for row in TABLE} == set(EXITS)
