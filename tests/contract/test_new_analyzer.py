"""A new analyzer is one file and one line; everything else follows by itself.

The sources are copied, the two places are touched in the copy, and an audit runs through the
copy's own service, over gRPC, in its own child.
"""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from service.demo.shapes import draw, write_npz

ROOT = Path(__file__).parents[2]
BRIGHTNESS = '''
"""How bright the pictures are: the smallest analyzer that looks at images."""

from analyzers.contract import Analyzer, Description, Measurement, MetricSpec, Partial, Unit, blocks


def plan(case, config, done, stop):
    """One unit a block."""
    ran = {one.unit.rows for one in done}
    return [Unit(rows) for rows in blocks(case.n) if rows not in ran]


def measure(shard, subject, batch, inputs, tell):
    """Sum the mean brightness of a block."""
    tell(len(batch.rows), len(batch.rows), "looking")
    total = float(batch.images.mean(axis=(1, 2, 3)).sum())
    return Partial("measured", {"total": round(total, 6)}, {"row": list(batch.rows)})


def merge(case, config, done):
    """The mean over what was looked at."""
    if not done:
        return [Measurement("brightness", "out_of_budget", note="nothing was looked at")]
    seen = sum(len(one.samples["row"]) for one in done)
    total = sum(one.numbers["total"] for one in done)
    return [Measurement("brightness", "measured", value=total / seen)]


ANALYZER = Analyzer(
    Description(
        id="behaviour.brightness",
        version="1",
        title="Brightness",
        summary="How bright the pictures are.",
        reference="none: an example",
        schema={"type": "object", "additionalProperties": False},
        metrics=(MetricSpec("brightness", "Mean pixel value.", range=(0.0, 1.0)),),
    ),
    plan,
    merge,
    "analyzers.behaviour.brightness:measure",
)
'''
AUDIT = """
import json, sys
from pathlib import Path
from service.client import Client
from service.embedded import join
from service.rpc.ports import NewAudit, NewEvalSet, NewModel, ReportQuery

home, model, data = map(Path, sys.argv[1:])
policy = '''
apiVersion: assay/v1
require: [{id: clean, metric: accuracy, gte: 0.5}]
'''
with Client(join(home)) as client:
    subject = client.wait_operation(client.create_model(NewModel(client.upload(model, "model"))))
    held = client.wait_operation(client.create_eval_set(NewEvalSet(client.upload(data, "data"))))
    asked = client.create_audit(NewAudit(subject.name, held.name, policy=policy))
    audit = client.wait_operation(asked)
    report = client.report(ReportQuery(audit.name))
    files = {one.name: client.artifact(one) for one in report.artifacts}
    told = [one.id for one in client.capabilities().analyzers]
print(json.dumps({"facts": json.loads(files["evidence.json"])["facts"], "told": told,
                  "page": files["report.html"].decode()}))
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of the sources with the two places touched."""
    copy = tmp_path / "tree"
    for name in ("analyzers", "service", "proto"):
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    (copy / "analyzers" / "behaviour" / "brightness.py").write_text(BRIGHTNESS)
    catalog = copy / "analyzers" / "catalog.py"
    text = catalog.read_text()
    line = "    preflight.ANALYZER,\n"
    assert text.count(line) == 1
    text = text.replace(line, line + "    brightness.ANALYZER,\n")
    first = "from analyzers.behaviour import "
    assert text.count(first) == 1
    text = text.replace(first, f"{first}brightness, ")
    catalog.write_text(text)
    return copy


def test_two_places_are_enough(tree: Path, tmp_path: Path) -> None:
    """The toy runs in a child, is measured, described by the service, and shown in the report."""
    home, data = tmp_path / "home", tmp_path / "shapes.npz"
    write_npz(data, draw(30, seed=1))
    model = ROOT / "service" / "demo" / "nets" / "normal.onnx"
    environment = {**os.environ, "PYTHONPATH": f"{tree}:{tree / 'proto'}"}
    try:
        ran = subprocess.run(
            [sys.executable, "-c", AUDIT, str(home), str(model), str(data)],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr
        found = json.loads(ran.stdout)
    finally:
        _end(home)
    measured = {one["metric"]: one["value"] for one in found["facts"]["measurements"]}
    with_numpy = draw(30, seed=1).images.astype("float32") / 255
    assert measured["brightness"] == pytest.approx(float(with_numpy.mean()), abs=1e-4)
    assert "behaviour.brightness" in found["told"]
    assert "Brightness" in found["page"]


def _end(home: Path) -> None:
    """Ask the copy's service to end."""
    card = home / "service.json"
    if card.exists():
        os.kill(json.loads(card.read_text())["pid"], 15)
