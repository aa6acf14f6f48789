"""Toy analyzers with known answers, for the driver, the evidence and the judge."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from analyzers.contract import (
    Analyzer,
    Case,
    DataFacts,
    Description,
    Done,
    FindingRule,
    Json,
    Measurement,
    MetricSpec,
    Stop,
    SubjectFacts,
    Tally,
    Unit,
    blocks,
)

THREAT_SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        **{name: {"type": "string"} for name in ("norm", "eps", "knowledge")},
        "budget": {"type": "string", "default": "gate"},
    },
    "required": ["norm", "eps", "knowledge"],
    "additionalProperties": False,
}
NO_CONFIG = {"type": "object", "additionalProperties": False}


def a_case(n: int, *, classes: int = 10) -> Case:
    """A case of n images."""
    subject = SubjectFacts("5" * 64, classes, (3, 4, 4))
    return Case(subject, DataFacts("d" * 64, n, classes, eight_bit=True))


def falls(row: int, rate: float) -> bool:
    """Whether the toy attack breaks a row: a coin that always falls the same way."""
    raw = hashlib.sha256(f"coin{row}".encode()).digest()
    return int.from_bytes(raw[:4], "big") / 2**32 < rate


def tally(case: Case, done: Sequence[Done]) -> Tally:
    """Counts over the newest state of every row."""
    state: dict[int, str] = {}
    for one in done:
        state.update(zip(one.samples["row"], one.samples["state"], strict=True))
    standing = sum(word in ("standing", "right") for word in state.values())
    pending = sum(word == "pending" for word in state.values())
    return Tally(case.n, len(state), standing, len(state) - standing - pending, pending, len(state))


def attack_plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """One unit a block, until the stops settle a FAIL."""
    del config
    if done and stop and all(one.fails(tally(case, done)) for one in stop):
        return ()
    ran = {one.unit.rows for one in done}
    return [Unit(rows, {"pass": "one"}) for rows in blocks(case.n) if rows not in ran]


def attack_merge(
    case: Case, config: Mapping[str, Json], done: Sequence[Done]
) -> Sequence[Measurement]:
    """Robust accuracy of the toy, and one indicator that is always fine."""
    counts = tally(case, done)
    scope = {"threat": ":".join(str(config[name]) for name in THREAT_SCHEMA["properties"])}
    share = counts.standing / counts.prefix if counts.prefix else None
    return [
        Measurement(
            "robust_accuracy",
            "measured" if share is not None else "out_of_budget",
            scope,
            share,
            counts._asdict(),
            "upper",
            "A",
        ),
        Measurement(
            "zero_gradient",
            "measured",
            scope,
            0.0,
            {"numerator": 0, "denominator": max(1, counts.standing)},
            "indicator",
            limit=0.01,
        ),
    ]


ATTACK = Analyzer(
    Description(
        id="attacks.toy",
        version="toy-1",
        title="Toy attack",
        summary="Breaks images by a coin.",
        reference="none: a test's own",
        schema=THREAT_SCHEMA,
        metrics=(
            MetricSpec("robust_accuracy", "Right under attack.", grade="A", judged=True),
            MetricSpec("zero_gradient", "Share of points without slope.", grade="D"),
        ),
        threats=("Linf",),
        indicators=("zero_gradient",),
        findings=(
            FindingRule(
                "TOY-1",
                "robust_accuracy",
                "below",
                0.9,
                "medium",
                "A",
                "Only {value} stand under {threat}.",
                "Train it adversarially.",
            ),
        ),
    ),
    attack_plan,
    attack_merge,
    "support.toys:measure",
)


def clean_plan(
    case: Case, config: Mapping[str, Json], done: Sequence[Done], stop: Sequence[Stop]
) -> Sequence[Unit]:
    """One unit a block, whatever stops."""
    del config, stop
    ran = {one.unit.rows for one in done}
    return [Unit(rows) for rows in blocks(case.n) if rows not in ran]


def clean_merge(
    case: Case, config: Mapping[str, Json], done: Sequence[Done]
) -> Sequence[Measurement]:
    """Clean accuracy of the toy."""
    del config
    counts = tally(case, done)
    share = counts.standing / counts.prefix if counts.prefix else None
    return [
        Measurement(
            "accuracy",
            "measured" if share is not None else "out_of_budget",
            {},
            share,
            counts._asdict(),
            "estimate",
            "B",
        )
    ]


CLEAN = Analyzer(
    Description(
        id="behaviour.toy",
        version="1",
        title="Toy preflight",
        summary="Right by a coin.",
        reference="none: a test's own",
        schema=NO_CONFIG,
        metrics=(
            MetricSpec("accuracy", "Right without attack.", grade="B", judged=True),
            MetricSpec("explains", "An explanation."),
        ),
        first=True,
    ),
    clean_plan,
    clean_merge,
    "support.toys:measure",
)

CATALOGUE = (ATTACK, CLEAN)


def toy_done(unit: Unit, analyzer: str, *, clean: float = 0.05, broken: float = 0.3) -> Done:
    """What a unit of either toy comes to."""
    rows = list(range(*unit.rows))
    if analyzer == "behaviour.toy":
        states = ["wrong" if falls(row, clean) else "right" for row in rows]
    else:
        states = [
            "wrong" if falls(row, clean) else "broken" if falls(row, broken) else "standing"
            for row in rows
        ]
    samples = {"row": rows, "state": states}
    return Done(unit, "measured", {}, samples, {}, {"forward": len(rows), "backward": 0})


def with_states(done: Done, **changed: str) -> Done:
    """The same result with some rows in another state; keys are ``row_N``."""
    states = list(done.samples["state"])
    for name, state in changed.items():
        states[list(done.samples["row"]).index(int(name.removeprefix("row_")))] = state
    return replace(done, samples={**done.samples, "state": states})
