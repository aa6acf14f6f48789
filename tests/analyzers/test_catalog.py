"""Laws that every analyzer keeps, and that a new one is held to by being in the catalogue.

They run over the real thing: a demo network, real images, the engines that a child would use.
"""

import hashlib
import importlib
import inspect
import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from analyzers.catalog import ALL, by_id
from analyzers.contract import (
    Analyzer,
    Array,
    Batch,
    Case,
    DataFacts,
    Digest,
    Done,
    InputSpec,
    Json,
    Measure,
    Measurement,
    Partial,
    Shard,
    Stop,
    Subject,
    SubjectFacts,
    Tally,
    Unit,
    blocks,
)
from analyzers.engines.subject import OnnxSubject
from service.demo.shapes import draw
from support.subjects import silent

ROOT = Path(__file__).parents[2]
KINDS = ("structure", "behaviour", "attacks", "trust")
SEVERITIES = ("info", "low", "medium", "high", "critical")
N = 45
EVERY = pytest.mark.parametrize("analyzer", ALL, ids=[one.description.id for one in ALL])


def config_of(analyzer: Analyzer) -> Mapping[str, Json]:
    """A config that the analyzer serves: an ordinary threat, or nothing at all."""
    norms = analyzer.description.threats
    return {"norm": norms[0], "eps": "8/255", "knowledge": "white"} if norms else {}


@cache
def demo() -> tuple[Subject, Case, Batch]:
    """The normal demo network with a few of its pictures."""
    raw = (ROOT / "service" / "demo" / "nets" / "normal.onnx").read_bytes()
    facts = SubjectFacts(hashlib.sha256(raw).hexdigest(), 10, (3, 32, 32))
    shown = draw(N, seed=2)
    images = (shown.images.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    ids = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    batch = Batch(range(N), np.ascontiguousarray(images), shown.labels.astype(np.int64), ids)
    return (
        OnnxSubject(raw, facts, InputSpec(), threads=2),
        Case(facts, DataFacts("d" * 64, N, 10, eight_bit=True)),
        batch,
    )


def rows_of(unit: Unit) -> Batch:
    """A unit's rows of the demo pictures."""
    _, _, every = demo()
    low, high = unit.rows
    return Batch(
        list(range(low, high)),
        every.images[low:high].copy(),
        every.labels[low:high].copy(),
        every.ids[low:high],
    )


def measure_of(analyzer: Analyzer) -> Measure:
    """The function behind an analyzer's measure path."""
    module, _, name = analyzer.measure.partition(":")
    return getattr(importlib.import_module(module), name)


def run(analyzer: Analyzer, unit: Unit, blobs: Mapping[Digest, Array]) -> Partial:
    """Measure one unit as a child would."""
    told = analyzer.description
    subject, case, _ = demo()
    shard = Shard(
        analyzer=told.id,
        version=told.version,
        config=config_of(analyzer),
        subject=case.subject.digest,
        data=case.data.digest,
        rows=unit.rows,
        params=unit.params,
        inputs=unit.inputs,
        seed=0,
        engine="test",
    )
    inputs = {name: blobs[digest] for name, digest in unit.inputs.items()}
    return measure_of(analyzer)(shard, subject, rows_of(unit), inputs, silent)


def body_digest(blob: Array) -> Digest:
    """The digest under which a blob is kept."""
    return hashlib.sha256(np.ascontiguousarray(blob).tobytes()).hexdigest()


@dataclass
class Audit:
    """One analyzer driven to its end: what it planned before each commit, and what is done."""

    plans: list[Sequence[Unit]] = field(default_factory=list[Sequence[Unit]])
    done: list[Done] = field(default_factory=list[Done])
    partials: list[Partial] = field(default_factory=list[Partial])
    blobs: dict[Digest, Array] = field(default_factory=dict[Digest, Array])
    measured: list[Measurement] = field(default_factory=list[Measurement])


@cache
def audit(analyzer_id: str) -> Audit:
    """Drive an analyzer over the demo; every claim is taken to be confirmed."""
    analyzer, found = by_id(analyzer_id), Audit()
    _, case, _ = demo()
    config = config_of(analyzer)
    while units := analyzer.plan(case, config, found.done, ()):
        found.plans.append(list(units))
        partial = run(analyzer, units[0], found.blobs)
        found.partials.append(partial)
        named = {name: body_digest(blob) for name, blob in partial.blobs.items()}
        found.blobs.update({named[name]: blob for name, blob in partial.blobs.items()})
        found.done.append(confirmed(units[0], partial, named))
        assert len(found.plans) < 100, "the plan does not end"
    found.measured = list(analyzer.merge(case, config, found.done))
    return found


def confirmed(unit: Unit, partial: Partial, blobs: Mapping[str, Digest]) -> Done:
    """A partial as it is committed when all its claims hold."""
    samples = {name: list(column) for name, column in partial.samples.items()}
    if "state" in samples:
        samples["state"] = ["broken" if one == "claimed" else one for one in samples["state"]]
    return Done(
        unit, partial.outcome, partial.numbers, samples, blobs, partial.passes, partial.note
    )


def case_without_work(n: int) -> Case:
    """A case that is only planned for."""
    _, case, _ = demo()
    return Case(case.subject, DataFacts("d" * 64, n, 10, eight_bit=True))


def test_ids_are_unique_and_say_their_kind() -> None:
    """An id is kind.name, once, and the kind is the folder of the analyzer."""
    ids = [one.description.id for one in ALL]
    assert max(Counter(ids).values()) == 1
    for analyzer in ALL:
        assert re.fullmatch(r"[a-z]+\.[a-z][a-z0-9_]*", analyzer.description.id)
        assert analyzer.measure.startswith(f"analyzers.{analyzer.description.id.split('.')[0]}.")


def test_by_id_finds_each_and_nothing_else() -> None:
    """Every analyzer is found by its id; another id is a KeyError."""
    assert [by_id(one.description.id) for one in ALL] == list(ALL)
    with pytest.raises(KeyError, match=r"structure\.none"):
        by_id("structure.none")


def test_metric_and_finding_names_are_unique() -> None:
    """No two analyzers share a metric or a finding, so a name means one thing everywhere."""
    metrics = Counter(one.name for analyzer in ALL for one in analyzer.description.metrics)
    findings = Counter(one.id for analyzer in ALL for one in analyzer.description.findings)
    assert {name: count for name, count in (metrics | findings).items() if count > 1} == {}


def test_every_module_that_defines_an_analyzer_is_listed() -> None:
    """A forgotten line in the catalogue is caught."""
    defined = [
        path
        for kind in KINDS
        for path in sorted((ROOT / "analyzers" / kind).glob("*.py"))
        if re.search(r"^ANALYZER\b", path.read_text("utf-8"), re.MULTILINE)
    ]
    assert defined
    for path in defined:
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        assert importlib.import_module(name).ANALYZER in ALL, name


@EVERY
def test_description_is_complete(analyzer: Analyzer) -> None:
    """Title, summary, reference and version are given, and every metric says what it means."""
    told = analyzer.description
    assert all((told.title, told.summary, told.reference, told.version))
    assert told.metrics
    for metric in told.metrics:
        assert re.fullmatch(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?", metric.name)
        assert len(metric.meaning) > 20
        assert not (metric.judged and metric.grade == "C"), "explanations are never judged"
    assert set(told.indicators) <= {one.name for one in told.metrics}


@EVERY
def test_findings_speak_of_metrics_and_keep_their_cap(analyzer: Analyzer) -> None:
    """A finding reads a declared metric at its grade; associations reach medium at most."""
    grades = {one.name: one.grade for one in analyzer.description.metrics}
    for rule in analyzer.description.findings:
        assert rule.grade == grades[rule.metric]
        assert re.fullmatch(r"[A-Z]{3}(-[A-Z0-9]+)+", rule.id)
        assert rule.statement.strip()
        assert rule.remedy.strip()
        if rule.grade == "C":
            assert SEVERITIES.index(rule.severity) <= SEVERITIES.index("medium")


@EVERY
def test_schema_is_a_closed_object(analyzer: Analyzer) -> None:
    """The config schema is valid, describes an object, and lets nothing unknown in."""
    schema = dict(analyzer.description.schema)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["type"] == "object"
    jsonschema.validate(dict(config_of(analyzer)), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**config_of(analyzer), "surprise": 1}, schema)


@EVERY
@pytest.mark.parametrize("n", [1, 20, 45, 400, 700])
def test_plan_begins_on_the_block_edges_in_order(analyzer: Analyzer, n: int) -> None:
    """From nothing done the plan lists blocks from the first on, or one unit without rows."""
    units = analyzer.plan(case_without_work(n), config_of(analyzer), (), ())
    rows = [unit.rows for unit in units]
    assert rows
    assert rows in ([(0, 0)], blocks(n, analyzer.description.edges)[: len(rows)])


@EVERY
def test_plan_ends_and_stays_ended(analyzer: Analyzer) -> None:
    """Driven to its end, the plan is empty, and no unit was asked for twice."""
    found = audit(analyzer.description.id)
    _, case, _ = demo()
    assert tuple(analyzer.plan(case, config_of(analyzer), found.done, ())) == ()
    asked = [(one.unit.rows, str(dict(one.unit.params))) for one in found.done]
    assert found.done
    assert len(set(asked)) == len(asked)


@EVERY
def test_commit_changes_no_other_unit(analyzer: Analyzer) -> None:
    """Committing a unit leaves the rest of its list as it was; rules fire when a list is done."""
    plans = audit(analyzer.description.id).plans
    for before, after in zip(plans, [*plans[1:], []], strict=True):
        assert list(before[1:]) in (list(after), [])


@EVERY
def test_stop_only_empties_a_plan(analyzer: Analyzer) -> None:
    """At every point of the course a settled stop empties the list or does nothing to it."""
    found = audit(analyzer.description.id)
    _, case, _ = demo()
    config = config_of(analyzer)
    settled = Stop("any", lambda tally: True)
    open_still = Stop("any", lambda tally: False)
    for count, before in enumerate(found.plans):
        done = found.done[:count]
        assert list(analyzer.plan(case, config, done, (open_still,))) == list(before)
        assert list(analyzer.plan(case, config, done, (settled,))) in ([], list(before))
        assert list(analyzer.plan(case, config, done, (settled, open_still))) == list(before)


@EVERY
def test_measure_path_resolves_to_a_measure(analyzer: Analyzer) -> None:
    """The path names a function of the five arguments of a Measure."""
    names = list(inspect.signature(measure_of(analyzer)).parameters)
    assert names == ["shard", "subject", "batch", "inputs", "tell"]


@EVERY
def test_same_seed_equal_result(analyzer: Analyzer) -> None:
    """Measuring a unit again gives the same numbers, samples and blobs."""
    found = audit(analyzer.description.id)
    again = run(analyzer, found.done[0].unit, found.blobs)
    first = found.partials[0]
    assert again.numbers == first.numbers
    assert again.samples == first.samples
    assert again.passes == first.passes
    assert {name: body_digest(blob) for name, blob in again.blobs.items()} == {
        name: body_digest(blob) for name, blob in first.blobs.items()
    }


@EVERY
def test_inputs_are_left_alone(analyzer: Analyzer) -> None:
    """Neither pictures, labels nor the blobs of others are written to."""
    found = audit(analyzer.description.id)
    subject, case, _ = demo()
    last = found.done[-1].unit
    batch, inputs = rows_of(last), {name: found.blobs[one] for name, one in last.inputs.items()}
    kept = deepcopy((batch.images, batch.labels, inputs))
    told = analyzer.description
    shard = Shard(
        told.id,
        told.version,
        config_of(analyzer),
        case.subject.digest,
        case.data.digest,
        last.rows,
        last.params,
        last.inputs,
        0,
        "test",
    )
    measure_of(analyzer)(shard, subject, batch, inputs, silent)
    np.testing.assert_array_equal(batch.images, kept[0])
    np.testing.assert_array_equal(batch.labels, kept[1])
    for name, blob in inputs.items():
        np.testing.assert_array_equal(blob, kept[2][name])


@EVERY
def test_partials_are_plain_finite_data(analyzer: Analyzer) -> None:
    """Numbers are finite, sample columns of one length hold scalars, states are known words."""
    for partial in audit(analyzer.description.id).partials:
        assert all(math.isfinite(number) for number in partial.numbers.values())
        assert len({len(column) for column in partial.samples.values()}) <= 1
        for column in partial.samples.values():
            assert all(one is None or type(one) in {int, float, str, bool} for one in column)
            assert all(math.isfinite(one) for one in column if type(one) is float)
        assert partial.claims is None or partial.claims in partial.blobs


@EVERY
def test_rows_told_are_the_rows_asked(analyzer: Analyzer) -> None:
    """Samples with rows speak of rows of their own unit, each once."""
    for one in audit(analyzer.description.id).done:
        rows = list(one.samples.get("row", ()))
        assert len(set(rows)) == len(rows)
        assert set(rows) <= set(range(*one.unit.rows))


@EVERY
def test_measurements_are_documented_and_in_range(analyzer: Analyzer) -> None:
    """Every measurement is a declared metric at its grade, within its range, once a scope."""
    specs = {one.name: one for one in analyzer.description.metrics}
    found = audit(analyzer.description.id).measured
    assert found
    for one in found:
        spec = specs[one.metric]
        assert one.grade == spec.grade
        if one.value is not None and spec.range is not None:
            assert spec.range[0] <= one.value <= spec.range[1]
        assert one.outcome == "measured" or one.note
    keys = Counter((one.metric, tuple(sorted(one.scope.items()))) for one in found)
    assert max(keys.values()) == 1


@EVERY
def test_promised_numbers_carry_what_the_judge_reads(analyzer: Analyzer) -> None:
    """Indicators bring a share and a limit, judged metrics a tally that closes."""
    told = analyzer.description
    found = audit(told.id).measured
    for name in told.indicators:
        matching = [one for one in found if one.metric == name]
        assert matching
        for one in matching:
            assert one.bound == "indicator"
            assert one.limit is not None
            assert one.outcome != "measured" or {"numerator", "denominator"} <= set(one.counts)
    for name in (one.name for one in told.metrics if one.judged):
        matching = [one for one in found if one.metric == name]
        assert matching
        for one in matching:
            tally = Tally(**one.counts)
            assert tally.standing + tally.fallen + tally.pending == tally.prefix == N
            assert one.value == pytest.approx(tally.standing / tally.prefix)


@EVERY
def test_nothing_done_has_no_values(analyzer: Analyzer) -> None:
    """Before the first commit every measurement has an outcome other than measured."""
    _, case, _ = demo()
    for one in analyzer.merge(case, config_of(analyzer), ()):
        assert one.outcome == "out_of_budget"
        assert one.note


def test_preflight_is_right_about_the_demo() -> None:
    """On the demo pictures the demo network is nearly always right, and fed as it should be."""
    found = {one.metric: one for one in audit("behaviour.preflight").measured}
    accuracy = found["accuracy"].value
    assert accuracy is not None
    assert accuracy >= 0.9
    assert found["preprocessing_fits"].counts["numerator"] == 0
