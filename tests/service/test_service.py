"""The whole of it through a real channel: evidence, verdict, report, cache, cancel, mistakes."""

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from analyzers.contract import InputSpec
from service.core.evidence import evidence_digest
from service.demo.shapes import draw, write_npz
from service.errors import AssayError, Code
from service.rpc import ports
from support.running import NETS, Running, policy, running

TEST_SEED = 4242
N = 24


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Some pictures of the demo set."""
    path = tmp_path_factory.mktemp("data") / "shapes.npz"
    write_npz(path, draw(60, seed=TEST_SEED))
    return path


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One service for the module."""
    with running(tmp_path_factory.mktemp("home") / "home") as one:
        yield one


@pytest.fixture(scope="module")
def passed(service: Running, data: Path) -> ports.AuditView:
    """An audit of the robust demo net that passes."""
    return service.audit(NETS / "robust.onnx", data, policy(0.1), rows=(0, N))


def test_robust_net_passes_and_normal_net_fails(
    service: Running, data: Path, passed: ports.AuditView
) -> None:
    """The two demo nets end on the two sides of one policy."""
    assert passed.verdict == "PASS"
    failed = service.audit(NETS / "normal.onnx", data, policy(0.1), rows=(0, N))
    assert failed.verdict == "FAIL"


def test_report_files_agree(service: Running, passed: ports.AuditView) -> None:
    """Evidence, verdict and page belong to one audit and name each other by digest."""
    evidence = service.evidence(passed.name)
    verdict = json.loads(service.file(passed.name, "verdict.json"))
    page = service.file(passed.name, "report.html")
    assert verdict["evidence_digest"] == evidence_digest(evidence) == passed.evidence_digest
    assert b"PASS" in page
    assert b"keep the correct label within Linf 8/255" in page


def test_pictures_of_counterexamples_are_in_the_page(
    service: Running, passed: ports.AuditView
) -> None:
    """A broken image is shown beside the picture it was made from."""
    assert service.file(passed.name, "report.html").count(b"data:image/png") >= 2


def test_gate_judges_the_same_evidence_again(service: Running, passed: ports.AuditView) -> None:
    """Another threshold needs no model; the same one gives the same verdict."""
    again = service.client.evaluate_gate(ports.GateQuery(policy(0.1), audit=passed.name))
    harder = service.client.evaluate_gate(ports.GateQuery(policy(0.99), audit=passed.name))
    assert (again.verdict, harder.verdict) == ("PASS", "FAIL")
    raw = service.file(passed.name, "evidence.json")
    offline = service.client.evaluate_gate(ports.GateQuery(policy(0.1), evidence=raw))
    assert offline.evidence_digest == again.evidence_digest


def test_second_audit_runs_nothing_and_says_the_same(
    service: Running, data: Path, passed: ports.AuditView
) -> None:
    """An unchanged model is answered from finished shards: equal facts, no pass made."""
    again = service.audit(NETS / "robust.onnx", data, policy(0.1), rows=(0, N))
    assert again.evidence_digest == passed.evidence_digest
    run = service.evidence(again.name)["run"]
    assert run["cache"]["misses"] == 0 < run["cache"]["hits"]


@pytest.mark.deep
def test_fresh_home_reproduces_the_facts(
    tmp_path: Path, data: Path, passed: ports.AuditView
) -> None:
    """Another service with nothing remembered measures the very same facts."""
    with running(tmp_path / "other") as other:
        found = other.audit(NETS / "robust.onnx", data, policy(0.1), rows=(0, N))
        assert other.evidence(found.name)["run"]["cache"]["hits"] == 0
    assert found.evidence_digest == passed.evidence_digest


def children() -> list[int]:
    """Process ids of forked children: they lead a session and descend from a zygote."""
    found: list[int] = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rsplit(")", 1)[1].split()
            parent = Path(f"/proc/{fields[1]}/cmdline").read_bytes()
        except OSError:
            continue
        own = Path(f"/proc/{stat.parent.name}/cmdline").read_bytes()
        if b"sandbox.zygote" in parent and b"sandbox.zygote" in own:
            found.append(int(stat.parent.name))
    return found


def test_killed_child_changes_no_fact(tmp_path: Path, data: Path, passed: ports.AuditView) -> None:
    """An audit whose child is killed in the middle resumes and ends with equal facts."""
    with running(tmp_path / "other") as other:
        name = other.begin(NETS / "robust.onnx", data, policy(0.1), rows=(0, N))
        killed = 0
        told = list[ports.Progress]()
        for event in other.client.watch_audit(name):
            if isinstance(event.body, ports.Progress):
                told.append(event.body)
            if told and told[-1].stage == "attacks.linf" and not killed:
                for child in children():
                    os.kill(child, signal.SIGKILL)
                    killed += 1
        found = other.client.audit(name)
        assert killed
        assert other.evidence(name)["run"]["retries"] >= 1
        assert all(1 <= one.place <= one.places for one in told)
        assert told[-1].seconds_left is not None
    assert found.evidence_digest == passed.evidence_digest


def test_stopped_service_resumes_where_it_was(
    tmp_path: Path, data: Path, passed: ports.AuditView
) -> None:
    """A service that is stopped during an audit gives it back; the next one ends it the same."""
    home = tmp_path / "home"
    with running(home) as first:
        name = first.begin(NETS / "robust.onnx", data, policy(0.1), rows=(0, N))
        for event in first.client.watch_audit(name):
            if isinstance(event.body, ports.Bracket):
                break
    with running(home) as second:
        for _ in second.client.watch_audit(name):
            pass
        found = second.client.audit(name)
        run = second.evidence(name)["run"]
    assert found.evidence_digest == passed.evidence_digest
    assert run["attempts"] == 1
    assert run["cache"]["hits"] > 0


def test_watch_resumes_behind_a_cursor(service: Running, passed: ports.AuditView) -> None:
    """Kept events come in order; asked again behind one, only later ones come."""
    events = list(service.client.watch_audit(passed.name))
    kept = [one.sequence for one in events]
    assert kept == sorted(kept)
    assert isinstance(events[-1].body, ports.Finished)
    rest = list(service.client.watch_audit(passed.name, after=events[1].sequence))
    assert [one.sequence for one in rest] == kept[2:]


def test_cancel_ends_the_audit_and_keeps_what_is_done(service: Running, data: Path) -> None:
    """A cancelled audit is CANCELLED, has no report, and a repeat of it starts further on."""
    name = service.begin(NETS / "robust.onnx", data, policy(0.3, "7/255"))
    for event in service.client.watch_audit(name):
        if isinstance(event.body, ports.Bracket):
            service.client.cancel_audit(name)
    view = service.client.audit(name)
    assert view.state == "cancelled"
    assert view.verdict is None
    with pytest.raises(AssayError) as caught:
        service.client.report(ports.ReportQuery(name))
    assert caught.value.code is Code.NOT_READY


def test_expected_accuracy_that_is_missed_names_the_preprocessing(
    service: Running, data: Path
) -> None:
    """A model fed wrongly is unusable, and the error says which preprocessing would do."""
    wrong = InputSpec(mean=(0.9, 0.9, 0.9), std=(0.05, 0.05, 0.05))
    with pytest.raises(AssayError) as caught:
        service.audit(NETS / "robust.onnx", data, policy(0.1), spec=wrong, expected_accuracy=0.95)
    assert caught.value.code is Code.PREPROCESSING_MISMATCH
    assert "normalize" in caught.value.remedy


@pytest.mark.deep
def test_weights_with_an_architecture_are_audited_like_the_export(
    service: Running, data: Path
) -> None:
    """Weights (safetensors) plus --arch go through the same stages and to the same verdict."""
    found = service.audit(
        NETS / "robust.safetensors", data, policy(0.1), rows=(0, N), architecture="demo-cnn6"
    )
    assert found.verdict == "PASS"
    subject = service.evidence(found.name)["facts"]["subject"]
    assert subject["format"] == "safetensors"
    assert subject["conversion"]["architecture"] == "demo-cnn6"
    assert subject["source_weights"] == subject["conversion"]["weights"]
    assert subject["conversion_trust"] == "restricted"
    measured = service.evidence(found.name)["facts"]["measurements"]
    (entropy,) = (
        one for one in measured if one["metric"] == "filters.entropy" and not one["scope"]
    )
    assert "those of the upload. Batch norm folded: no." in entropy["note"]


def mistake(service: Running, model: Path, data: Path) -> AssayError:
    """The error of an audit that cannot be."""
    with pytest.raises(AssayError) as caught:
        service.audit(model, data, policy())
    return caught.value


def test_weights_without_an_architecture(service: Running, data: Path) -> None:
    """Weights alone are no model; the error says how to name their architecture."""
    error = mistake(service, NETS / "robust.safetensors", data)
    assert error.code is Code.ARCHITECTURE_MISSING


def test_labels_and_shapes_that_do_not_fit(service: Running, data: Path, tmp_path: Path) -> None:
    """Labels beyond the outputs and pictures of another size are refused before anything runs."""
    held = np.load(data)
    np.savez(tmp_path / "far.npz", images=held["images"], labels=held["labels"] + 1)
    np.savez(tmp_path / "small.npz", images=held["images"][:, :28, :28], labels=held["labels"])
    far = mistake(service, NETS / "robust.onnx", tmp_path / "far.npz")
    small = mistake(service, NETS / "robust.onnx", tmp_path / "small.npz")
    assert (far.code, small.code) == (Code.LABELS_OUT_OF_RANGE, Code.IMAGE_SHAPE_MISMATCH)


def test_what_this_version_cannot_do_is_refused(service: Running, passed: ports.AuditView) -> None:
    """Waivers or a baseline that cannot be read are not silently ignored."""
    for told, code in (
        ({"waivers": "- {}"}, Code.POLICY_INVALID),
        ({"baseline_evidence": b"{"}, Code.EVIDENCE_INVALID),
        ({"baseline": "projects/local/audits/none"}, Code.NOT_READY),
    ):
        wish = ports.NewAudit(passed.model, passed.eval_set, policy=policy())
        with pytest.raises(AssayError) as caught:
            service.client.create_audit(replace(wish, **told))
        assert caught.value.code is code


REGRESS = "regress: {on: [clean, wc], max_drop: 20pt}\n"
ACCEPTED = """
- id: W-1
  match: {requirement: wc}
  reason: the old cameras leave in spring
  owner: owner@example.org
  approved_by: approver@example.org
  created: 2026-11-01
  expires: 2027-01-15
  floor: {gte: 0.05}
"""


def test_the_newest_release_is_what_a_model_is_held_against(
    service: Running, data: Path, tmp_path: Path
) -> None:
    """The same model is no worse than itself; one in its place that falls at once is."""
    rules = policy(0.1) + REGRESS
    first, same = (service.audit(NETS / "robust.onnx", data, rules, rows=(0, N)) for _ in range(2))
    said = json.loads(service.file(same.name, "verdict.json"))
    assert (said["verdict"], said["baseline"]["name"]) == ("PASS", first.name.rpartition("/")[2])
    other = tmp_path / "robust.onnx"
    # With a doc string: the very bytes are known to the service under another name.
    other.write_bytes((NETS / "normal.onnx").read_bytes() + b"\x32\x01x")
    worse = service.audit(other, data, policy(0.001) + REGRESS, rows=(0, N))
    said = json.loads(service.file(worse.name, "verdict.json"))
    (change,) = [one for one in said["requirements"] if one["id"] == "wc:regress"]
    assert change["state"] == said["verdict"] == "FAIL"
    assert change["paired"]["n01"] > 0
    assert said["baseline"]["name"] == same.name.rpartition("/")[2]
    assert b"held against the baseline" in service.file(worse.name, "report.html")


def nudged(model: Path, target: Path) -> Path:
    """The same network with every weight a little off."""
    body = onnx.ModelProto.FromString(model.read_bytes())
    for tensor in body.graph.initializer:
        values = numpy_helper.to_array(tensor)
        if values.dtype == np.float32 and values.ndim > 1:
            off = np.random.default_rng(0).normal(1, 0.02, values.shape).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values * off, tensor.name))
    target.write_bytes(body.SerializeToString())
    return target


def test_what_broke_the_last_release_is_shown_to_the_next_model(
    service: Running, data: Path, tmp_path: Path
) -> None:
    """Its pictures, some of which break it too; an unchanged model is not shown its own."""
    rules = policy(0.1).replace("8/255}", "8/255, budget: smoke}") + REGRESS
    assert "smoke" in rules
    last = service.audit(NETS / "robust.onnx", data, rules, rows=(0, N)).name
    service.client.set_baseline(last)
    try:
        again = service.audit(NETS / "robust.onnx", data, rules, rows=(0, N)).name
        model = nudged(NETS / "robust.onnx", tmp_path / "robust.onnx")
        new = service.audit(model, data, rules, rows=(0, N)).name
    finally:
        service.client.set_baseline(last, withdraw=True)
    before, same, after = (
        json.loads(service.file(name, "evidence.json")) for name in (last, again, new)
    )
    assert same["facts"] == before["facts"]
    assert (same["run"]["cache"]["misses"], same["run"]["earlier"]) == (0, "")
    assert after["run"]["earlier"] == last.rpartition("/")[2]
    (counts,) = [
        one["counts"] for one in after["facts"]["measurements"] if one["metric"] == "earlier_breaks"
    ]
    (broke,) = before["run"]["breaks"].values()
    rows = {row for unit in broke for one in unit.values() for row in one["rows"]}
    assert len(rows) >= counts["denominator"] >= counts["numerator"] > 0


def test_a_waiver_turns_the_verdict_and_not_the_finding(
    service: Running, data: Path, passed: ports.AuditView
) -> None:
    """Until its last day and above its floor; judged again by date without a model."""
    rules = policy(0.99)
    assert service.client.evaluate_gate(ports.GateQuery(rules, audit=passed.name)).verdict == "FAIL"
    for day, verdict in (("2027-01-15", "PASS"), ("2027-01-16", "FAIL"), ("2026-10-31", "FAIL")):
        query = ports.GateQuery(rules, audit=passed.name, waivers=ACCEPTED, date=day)
        assert service.client.evaluate_gate(query).verdict == verdict
    high = ACCEPTED.replace("0.05}", "0.99}")
    query = ports.GateQuery(rules, audit=passed.name, waivers=high, date="2027-01-15")
    assert service.client.evaluate_gate(query).verdict == "FAIL"


def test_an_audit_with_a_waiver_goes_on_to_its_floor(
    service: Running, data: Path, passed: ports.AuditView
) -> None:
    """Where the same without it ends early, with nothing known from below."""
    today = datetime.now(UTC).date()
    text = ACCEPTED.replace("2026-11-01", str(today))
    text = text.replace("2027-01-15", str(today + timedelta(days=30)))
    found: list[tuple[str, bool]] = []
    for waivers in ("", text):
        wish = ports.NewAudit(
            passed.model, passed.eval_set, policy=policy(0.99, "6/255"), waivers=waivers
        )
        name = service.client.create_audit(wish).target
        for _ in service.client.watch_audit(name):
            pass
        said = json.loads(service.file(name, "verdict.json"))
        (line,) = [one for one in said["requirements"] if one["id"] == "wc"]
        found.append((said["verdict"], line["interval"][0] > 0))
    assert found == [("FAIL", False), ("PASS", True)]


def test_a_baseline_may_come_as_a_file(service: Running, passed: ports.AuditView) -> None:
    """Evidence that another service wrote says what the audit's name says."""
    rules = policy(0.1) + REGRESS
    raw = service.file(passed.name, "evidence.json")
    named, given = (
        json.loads(service.client.evaluate_gate(one).verdict_json)
        for one in (
            ports.GateQuery(rules, audit=passed.name, baseline=passed.name),
            ports.GateQuery(rules, audit=passed.name, baseline_evidence=raw),
        )
    )
    assert named["requirements"] == given["requirements"]
    changes = [one["paired"] for one in named["requirements"] if "paired" in one]
    assert [(one["n10"], one["n01"], one["difference"]) for one in changes] == [(0, 0, 0.0)] * 2


def test_model_in_use_cannot_be_removed(service: Running, passed: ports.AuditView) -> None:
    """What an audit stands on stays."""
    with pytest.raises(AssayError) as caught:
        service.client.delete_model(passed.model)
    assert caught.value.code is Code.IN_USE


def test_pages_and_metrics(service: Running, passed: ports.AuditView) -> None:
    """Health, readiness, metrics and the report are there for a browser and for Prometheus."""
    base = f"http://127.0.0.1:{service.service.http_port}"

    def read(path: str) -> str:
        with urllib.request.urlopen(base + path, timeout=10) as answer:  # noqa: S310 - our own http
            return answer.read().decode()

    assert read("/healthz")
    assert read("/readyz")
    metrics = read("/metrics")
    assert 'assay_verdicts_total{verdict="pass"}' in metrics
    assert "assay_sandbox_level 2.0" in metrics
    assert "grpc_server_handled_total" in metrics
    audit = passed.name.rpartition("/")[2]
    assert "PASS" in read(f"/reports/{audit}")
    assert audit in read("/audits")


def test_capabilities_name_what_is_here(service: Running) -> None:
    """A client learns analyzers, formats, limits and the machine without guessing."""
    told = service.client.capabilities()
    assert {"behaviour.preflight", "attacks.linf", "structure.filters"} <= {
        one.id for one in told.analyzers
    }
    assert told.sandbox_level == "L2"
    assert told.threats == ["Linf"] or list(told.threats) == ["Linf"]
