"""The evidence of an audit that looked through every lens, measured in this process."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import numpy as np

from analyzers.catalog import ALL
from analyzers.contract import Array, Batch, Case, DataFacts, Digest, Done, Json, Measure
from analyzers.engines.subject import OnnxSubject
from service.core.driver import Course, Step, instances_for
from service.core.evidence import facts_of
from service.core.lenses import looked_through
from service.core.policy import parse_policy
from service.demo.shapes import draw
from support.graphs import subject_of
from support.subjects import silent

NETS = Path(__file__).parents[2] / "service" / "demo" / "nets"
POLICY = """\
apiVersion: assay/v1
claim: set
seed: 0
threats:
  linf8: {norm: Linf, eps: 8/255, budget: smoke}
require:
  - {id: worst-case, metric: robust_accuracy, threat: linf8, gte: 0.40}
"""


@cache
def looked_at(net: str, count: int = 40) -> Mapping[str, Json]:
    """Evidence on a demo network and so many pictures; every claim is taken to be confirmed."""
    subject = subject_of((NETS / f"{net}.onnx").read_bytes())
    every = _pictures(count)
    case = Case(subject.facts, DataFacts("d" * 64, count, 10, eight_bit=True))
    wanted = looked_through(ALL, "quick")
    found = instances_for(ALL, parse_policy(POLICY, ALL), wanted)
    course = Course(case, found, seed=0, engine="test", stops={})
    blobs: dict[Digest, Array] = {}
    while steps := course.ready():
        course.commit(steps[0], _measured(steps[0], subject, every, blobs))
    facts = facts_of(
        course,
        subject={"name": f"{net}.onnx", "digest": "5" * 64, "classes": 10},
        data={"n": count, "digest": "d" * 64},
        engine={"device": "test"},
        versions={"assay": "0"},
        labels=[int(one) for one in every.labels],
    )
    return {"facts": facts, "run": {}}


def _pictures(count: int) -> Batch:
    shown = draw(count, seed=5)
    images = (shown.images.astype(np.float32) / np.float32(255)).transpose(0, 3, 1, 2)
    ids = [hashlib.sha256(image.tobytes()).hexdigest() for image in images]
    return Batch(range(count), np.ascontiguousarray(images), shown.labels.astype(np.int64), ids)


def _measured(step: Step, subject: OnnxSubject, every: Batch, blobs: dict[Digest, Array]) -> Done:
    module, _, name = step.instance.analyzer.measure.partition(":")
    measure: Measure = getattr(importlib.import_module(module), name)
    low, high = step.unit.rows
    rows = Batch(
        list(range(low, high)),
        every.images[low:high].copy(),
        every.labels[low:high].copy(),
        every.ids[low:high],
    )
    inputs = {name: blobs[digest] for name, digest in step.unit.inputs.items()}
    partial = measure(step.shard, subject, rows, inputs, silent)
    named = {
        name: hashlib.sha256(np.ascontiguousarray(blob).tobytes()).hexdigest()
        for name, blob in partial.blobs.items()
    }
    blobs.update({named[name]: blob for name, blob in partial.blobs.items()})
    samples = {name: list(column) for name, column in partial.samples.items()}
    for name in samples.keys() & {"state", "state8"}:
        samples[name] = ["broken" if one == "claimed" else one for one in samples[name]]
    numbers, passes = partial.numbers, partial.passes
    return Done(step.unit, partial.outcome, numbers, samples, named, passes, partial.note)
