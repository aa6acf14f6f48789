"""Immutable evidence: ``facts`` is what a repeat must reproduce, ``run`` is how this run went."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict

from analyzers.contract import Digest, Done, Json, Measurement, Tally
from service.core.artefact import artefact_findings
from service.core.canonical import digest
from service.core.driver import Course, Instance
from service.core.findings import findings
from service.errors import AssayError, Code

SCHEMA = "assay/evidence/v1"


def facts_of(
    course: Course,
    *,
    subject: Mapping[str, Json],
    data: Mapping[str, Json],
    engine: Mapping[str, Json],
    versions: Mapping[str, str],
) -> dict[str, Json]:
    """Everything that a second run of the same audit must say again."""
    measured = {one.key: course.measurements(one) for one in course.instances}
    return {
        "schema": SCHEMA,
        "subject": dict(subject),
        "data": dict(data),
        "plan": {
            "analyzers": [_planned(one) for one in course.instances],
            "seed": course.seed,
            "permutation": "sha256(seed;sample;copy)",
        },
        "engine": dict(engine),
        "versions": dict(versions),
        "measurements": [
            _measurement(key, one) for key, found in measured.items() for one in found
        ],
        "samples": {
            one.key: _samples(course.done(one)) for one in course.instances if course.done(one)
        },
        "findings": [
            one
            for instance in course.instances
            for one in findings(instance, measured[instance.key])
        ]
        + artefact_findings(subject.get("notices", ())),
        "passes": _passes(course),
    }


def sample_table(done: Sequence[Done]) -> dict[str, list[Json]]:
    """The newest word on every committed row, as columns in row order."""
    newest: dict[int, dict[str, Json]] = {}
    for one in done:
        columns = {name: list(values) for name, values in one.samples.items()}
        for position, row in enumerate(columns.get("row", ())):
            newest.setdefault(int(row), {}).update(
                {name: values[position] for name, values in columns.items()}
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
        "indicators": list(told.indicators),
        "first": told.first,
    }


def _measurement(key: str, one: Measurement) -> dict[str, Json]:
    body = asdict(one)
    return {"analyzer": key, **body, "scope": dict(one.scope), "counts": dict(one.counts)}


def _samples(done: Sequence[Done]) -> dict[str, Json]:
    table = sample_table(done)
    states = Counter(str(state) for state in table.get("state", ()))
    return {
        "rows": len(table.get("row", ())),
        "columns": sorted(table),
        "digest": digest({name: table[name] for name in ("row", "state") if name in table}),
        "states": dict(sorted(states.items())),
    }


def _passes(course: Course) -> dict[str, int]:
    total: Counter[str] = Counter()
    for one in course.instances:
        for done in course.done(one):
            total.update(dict(done.passes))
    return {name: total[name] for name in sorted(total)}


def evidence_digest(evidence: Mapping[str, Json]) -> Digest:
    """The digest that names this evidence: over its facts alone."""
    return digest(evidence["facts"])


def tally_of(counts: Mapping[str, Json], population: int) -> Tally:
    """Counts as the judge reads them; counts that contradict each other are no evidence."""
    try:
        tally = Tally(*(int(counts[name]) for name in Tally._fields))
    except (KeyError, TypeError, ValueError) as error:
        raise _contradiction("a count is missing or is no number") from error
    if min(tally) < 0:
        raise _contradiction("a count is negative")
    if tally.standing + tally.fallen + tally.pending != tally.prefix:
        raise _contradiction("standing, fallen and pending do not add up to the images looked at")
    if not tally.prefix <= tally.population or tally.full > tally.population:
        raise _contradiction("more images were looked at than there are")
    if tally.population != population:
        raise _contradiction("the measurement speaks of another number of images than the data")
    return tally


def _contradiction(what: str) -> AssayError:
    return AssayError(
        Code.EVIDENCE_INVALID,
        f"The evidence contradicts itself: {what}.",
        "Run the audit again; if the file was edited, use the original.",
    )
