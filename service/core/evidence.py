"""Immutable evidence: ``facts`` is what a repeat must reproduce, ``run`` is how this run went."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Final

from analyzers.contract import Digest, Done, Json, Measurement, Tally
from service.core.artefact import artefact_findings
from service.core.canonical import digest
from service.core.driver import Course, Instance
from service.core.findings import findings
from service.errors import AssayError, Code

SCHEMA = "assay/evidence/v1"
_STATES = ("state", "state8")


def facts_of(
    course: Course,
    *,
    subject: Mapping[str, Json],
    data: Mapping[str, Json],
    engine: Mapping[str, Json],
    versions: Mapping[str, str],
    labels: Sequence[int],
) -> dict[str, Json]:
    """Everything that a second run of the same audit must say again.

    ``labels`` are those of the audit's rows, in the audit's order.
    """
    measured = {one.key: course.measurements(one) for one in course.instances}
    return {
        "schema": SCHEMA,
        "subject": dict(subject),
        "data": dict(data),
        "plan": {
            "analyzers": [
                {**_planned(one), "passes": _passes(course.done(one))} for one in course.instances
            ],
            "seed": course.seed,
            "permutation": "sha256(seed;sample;copy)",
            **_shown(course),
        },
        "engine": dict(engine),
        "versions": dict(versions),
        "measurements": [
            _measurement(key, one) for key, found in measured.items() for one in found
        ],
        "samples": {
            one.key: _samples(course.done(one), labels)
            for one in course.instances
            if course.done(one)
        },
        "findings": [
            one
            for instance in course.instances
            for one in findings(instance, measured[instance.key])
        ]
        + artefact_findings(subject.get("notices", ())),
        "passes": _passes([done for one in course.instances for done in course.done(one)]),
    }


def _shown(course: Course) -> dict[str, str]:
    """Which pictures of an earlier model were shown, as a digest; nothing where none were."""
    told = {
        threat: [[dict(one.rows), dict(one.pictures)] for one in units]
        for threat, units in course.case.earlier.items()
    }
    return {"earlier": digest(told)} if told else {}


def sample_table(done: Sequence[Done]) -> dict[str, list[Json]]:
    """The newest word on every committed row, as columns in row order; a break stays one."""
    newest: dict[int, dict[str, Json]] = {}
    for one in done:
        columns = {name: list(values) for name, values in one.samples.items()}
        for position, row in enumerate(columns.get("row", ())):
            states = [columns[name][position] for name in _STATES if name in columns]
            if states and not any(states):
                continue  # it says nothing of this image
            known = newest.setdefault(int(row), {})
            known.update(
                {
                    name: values[position]
                    for name, values in columns.items()
                    if name not in _STATES or (known.get(name) != "broken" and values[position])
                }
            )
    names = sorted({name for row in newest.values() for name in row})
    return {name: [newest[row].get(name) for row in sorted(newest)] for name in names}


def _planned(one: Instance) -> dict[str, Json]:
    told = one.analyzer.description
    return {
        "key": one.key,
        "id": told.id,
        "version": told.version,
        "config": dict(one.config),
        "title": told.title,
        "summary": told.summary,
        "reference": told.reference,
        "metrics": {
            one.name: {"title": one.title, "unit": one.unit, "meaning": one.meaning}
            for one in told.metrics
        },
        "indicators": list(told.indicators),
        "first": told.first,
        "average_case": told.average_case,
    }


def _measurement(key: str, one: Measurement) -> dict[str, Json]:
    body = {part.name: getattr(one, part.name) for part in fields(one)}
    view = None if one.view is None else dict(vars(one.view))
    told = {"scope": dict(one.scope), "counts": dict(one.counts), "view": view}
    return {"analyzer": key, **body, **told}


def _samples(done: Sequence[Done], labels: Sequence[int]) -> dict[str, Json]:
    table = sample_table(done)
    rows = [int(row) for row in table.get("row", ())]
    told = {name: [str(one) for one in table.get(name, ())] for name in _STATES}
    classes = [int(labels[row]) for row in rows]
    return {
        "rows": len(rows),
        "columns": sorted(table),
        "digest": digest({name: table[name] for name in ("row", *_STATES) if name in table}),
        "states": dict(sorted(Counter(told["state"]).items())),
        "states8": dict(sorted(Counter(told["state8"]).items())),
        "each": _each(rows, told["state"]),
        "each8": _each(rows, told["state8"]),
        "by_class": _by_class(classes, told["state"]),
        "by_class8": _by_class(classes, told["state8"]),
        "flips": _flips(classes, told["state"], table.get("became", ())),
        "flips8": _flips(classes, told["state8"], table.get("became8", ())),
    }


LETTERS: Final = {
    "standing": "s",
    "right": "r",
    "broken": "b",
    "wrong": "w",
    "error": "e",
    "pending": "p",
}
UNSEEN: Final = "-"
"""An image that was not looked at."""


def _each(rows: Sequence[int], states: Sequence[str]) -> str:
    """The state of every image, a letter each: what a later release is held against."""
    if not states:
        return ""
    letters = [UNSEEN] * (max(rows, default=-1) + 1)
    for row, state in zip(rows, states, strict=True):
        letters[row] = LETTERS.get(state, UNSEEN)
    return "".join(letters)


def _by_class(classes: Sequence[int], states: Sequence[str]) -> dict[str, dict[str, int]]:
    found: dict[int, Counter[str]] = {}
    for label, state in zip(classes, states, strict=False):  # no states at a depth not asked for
        found.setdefault(label, Counter())[state] += 1
    return {str(label): dict(sorted(found[label].items())) for label in sorted(found)}


def _flips(
    classes: Sequence[int], states: Sequence[str], became: Sequence[Json]
) -> dict[str, dict[str, int]]:
    """For what broken images of each class were taken."""
    found: dict[int, Counter[int]] = {}
    for label, state, taken in zip(classes, states, became, strict=False):
        if state == "broken" and taken is not None:
            found.setdefault(label, Counter())[int(taken)] += 1
    return {
        str(label): {str(taken): times for taken, times in sorted(found[label].items())}
        for label in sorted(found)
    }


def _passes(done: Sequence[Done]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in done:
        total.update(dict(one.passes))
    return {name: total[name] for name in sorted(total)}


def part(value: Json) -> Mapping[str, Json]:
    """An object of the evidence; what is none holds nothing."""
    return value if isinstance(value, dict) else {}  # pyright: ignore[reportUnknownVariableType]  # JSON object


def evidence_digest(evidence: Mapping[str, Json]) -> Digest:
    """The digest that names this evidence: over its facts alone."""
    return digest(evidence["facts"])


def tally_of(counts: Mapping[str, Json], population: int) -> Tally:
    """Counts as the judge reads them; counts that contradict each other are no evidence."""
    try:
        tally = Tally(**{name: int(counts.get(name, 0)) for name in Tally._fields})
        _ = [counts[name] for name in Tally._fields if name not in Tally._field_defaults]
    except (KeyError, TypeError, ValueError) as error:
        raise _contradiction("a count is missing or is no number") from error
    if min(tally) < 0:
        raise _contradiction("a count is negative")
    if tally.standing + tally.fallen + tally.pending != tally.prefix:
        raise _contradiction("standing, fallen and pending do not add up to the images looked at")
    if not tally.prefix <= tally.population or tally.full > tally.population:
        raise _contradiction("more images were looked at than there are")
    _check_last_pass(tally)
    if tally.population != population:
        raise _contradiction("the measurement speaks of another number of images than the data")
    return tally


def _check_last_pass(tally: Tally) -> None:
    """What an early end rests on; without survivors nothing does."""
    if tally.late > tally.fallen:
        raise _contradiction("more images fell late than fell")
    if not tally.survivors:
        return
    if tally.pending or tally.prefix < tally.population:
        raise _contradiction("there are survivors although something is open")
    if tally.survivors != tally.standing + tally.late:
        raise _contradiction("those that stand and those that fell late are not the survivors")
    if not tally.fallen <= tally.full <= tally.population:
        raise _contradiction("more images had the last pass than could")


def _contradiction(what: str) -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        f"The evidence contradicts itself: {what}.",
        "Run the audit again; if the file was edited, use the original.",
    )
