"""Verbs over a real connection, against a service that remembers and runs nothing."""

import signal
import subprocess
import threading
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import Result

from analyzers.contract import InputSpec
from service.errors import AssayError, Code
from service.intake.reading import Reading
from service.rpc.ports import (
    AnalyzerSpec,
    AuditView,
    Bracket,
    EventBody,
    Finished,
    NewAudit,
    NewEvalSet,
    NewModel,
    Problem,
    ReportQuery,
    ReportView,
)
from support.command_line import COMMAND, IMPORTS, assay, loaded
from support.rpc_server import Served, serving

POLICY = """\
apiVersion: assay/v1
require:
  - {id: clean, metric: accuracy, gte: 0.9}
"""
BROKEN = Problem("CHILD_CRASHED", "The model's process crashed.", "Try again.")
BRACKET = Bracket("Linf:8/255:white:gate", population=40, prefix=20, standing=2, fallen=18)


@pytest.fixture
def served() -> Iterator[Served]:
    """A server of its own for each test."""
    with serving() as running:
        yield running


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A model, data and a policy; the service here opens none of them."""
    bodies = {"model.onnx": "model", "data.npz": "data", "policy.yaml": POLICY}
    for name, body in bodies.items():
        (tmp_path / name).write_text(body)
    return {name: str(tmp_path / name) for name in bodies}


def ask(served: Served, *words: str) -> Result:
    """Run a verb against the server."""
    return assay(*words, "--server", served.address)


def on_files(verb: str, files: dict[str, str], *more: str) -> tuple[str, ...]:
    """A verb on the three files."""
    data, policy = files["data.npz"], files["policy.yaml"]
    return (verb, files["model.onnx"], "--data", data, "--policy", policy, *more)


def detached(served: Served, files: dict[str, str]) -> str:
    """The name of an audit that a detached check has queued."""
    return ask(served, *on_files("check", files, "--detach")).stdout.splitlines()[-1]


@contextmanager
def happening(served: Served, *events: EventBody) -> Generator[None]:
    """Let events happen to the first audit that is asked for."""

    def happen() -> None:
        end = time.monotonic() + 20
        while not served.api.events and time.monotonic() < end:
            time.sleep(0.01)
        [name] = served.api.events
        for event in events:
            served.run(served.api.happen(name, event))

    thread = threading.Thread(target=happen)
    thread.start()
    yield
    thread.join()


def received(served: Served, kind: type[NewModel | NewEvalSet | NewAudit]) -> object:
    """The one wish of a kind that came in, without what the client adds."""
    [found] = [one for one in served.api.received if isinstance(one, kind)]
    return replace(found, request_id="")


def test_every_option_reaches_the_service(served: Served, files: dict[str, str]) -> None:
    """Preprocessing, architecture, slice, reading, seed and expectation arrive as typed."""
    files["data.npz"] += "[100:300]"
    options = "--normalize 0.5,0.5,0.5/0.2,0.2,0.2 --layout nhwc --arch demo-cnn6 --limit 50"
    options += " --seed 7 --expect-accuracy 0.9 --detach"
    options += " --data-layout nhwc --channels bgr --pixels 0-255"
    found = ask(served, *on_files("check", files, *options.split()))
    assert found.exit_code == 0
    model, data = received(served, NewModel), received(served, NewEvalSet)
    audit = received(served, NewAudit)
    assert isinstance(model, NewModel)
    assert isinstance(data, NewEvalSet)
    assert isinstance(audit, NewAudit)
    spec = InputSpec("nhwc", mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    assert (model.input_spec, model.architecture) == (spec, "demo-cnn6")
    assert (model.display_name, data.display_name) == ("model.onnx", "data.npz")
    assert (data.rows, data.reading) == ((100, 150), Reading("nhwc", "bgr", "0-255"))
    assert (audit.policy, audit.seed, audit.expected_accuracy) == (POLICY, 7, 0.9)
    assert "explores" in found.stderr


def test_a_look_travels_by_its_name(served: Served, files: dict[str, str]) -> None:
    """The service knows what its lenses are, and what is usual for a profile."""
    ask(served, *on_files("check", files, "--profile", "pr", "--detach"))
    usual = received(served, NewAudit)
    served.api.received.clear()
    ask(served, *on_files("audit", files, "--lenses", "full", "--detach"))
    named = received(served, NewAudit)
    assert isinstance(usual, NewAudit)
    assert isinstance(named, NewAudit)
    assert (usual.look, usual.profile, usual.analyzers) == ("usual", "pr", [])
    assert (named.look, named.profile, named.analyzers) == ("full", None, [])


def test_a_mistake_in_the_policy_costs_no_upload(served: Served, files: dict[str, str]) -> None:
    """It is found here before a byte is sent; where nothing is to be sent, the service finds it."""
    Path(files["policy.yaml"]).write_text(POLICY.replace("gte", "gtee"))
    found = ask(served, *on_files("check", files, "--detach"))
    assert (found.exit_code, served.api.blobs) == (2, {})
    assert "POLICY_INVALID" in found.stderr
    Path(files["policy.yaml"]).write_text(POLICY)
    assert detached(served, files)
    Path(files["policy.yaml"]).write_text(POLICY.replace("gte", "gtee"))
    assert ask(served, *on_files("check", files, "--detach")).exit_code == 0
    asked = [one.policy for one in served.api.received if isinstance(one, NewAudit)]
    assert "gtee" in asked[-1]


def test_nothing_is_packed_for_a_policy_with_a_mistake(
    served: Served, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Packing a model and its weights takes longer than reading a policy; without any it begins."""
    begun: list[Path] = []

    def packed(model: Path) -> None:
        begun.append(model)
        raise AssayError(Code.CANCELLED, "Packing began.", "")

    monkeypatch.setattr("service.cli.submission.packed", packed)
    Path(files["model.onnx"] + ".data").touch()
    for text, code in ((POLICY.replace("gte", "gtee"), "POLICY_INVALID"), (POLICY, "CANCELLED")):
        Path(files["policy.yaml"]).write_text(text)
        assert code in ask(served, *on_files("check", files, "--detach")).stderr
    assert len(begun) == 1


@pytest.mark.parametrize("verb", ["check", "audit"])
@pytest.mark.parametrize("more", [["--detach"], ["--json"]])
def test_an_empty_policy_is_none_whatever_is_known(
    served: Served, files: dict[str, str], verb: str, more: list[str]
) -> None:
    """A checkout that failed leaves an empty file, which must not pass for nothing to require."""
    assert detached(served, files)
    Path(files["policy.yaml"]).write_text(" \n")
    served.api.received.clear()
    found = ask(served, *on_files(verb, files, *more))
    assert found.exit_code == 2
    assert "POLICY_INVALID" in found.output
    assert not [one for one in served.api.received if isinstance(one, NewAudit)]


@pytest.mark.parametrize("old", [False, True])
def test_what_cannot_be_withheld_is_not_audited(
    served: Served, files: dict[str, str], *, old: bool
) -> None:
    """A service that knows nothing of it would hand out every picture."""
    served.api.shows_everything = old
    found = ask(served, *on_files("check", files, "--withhold", "--detach"))
    assert found.exit_code == (2 if old else 0)
    assert ("too old to withhold" in found.stderr) is old
    assert len([one for one in served.api.received if isinstance(one, NewAudit)]) == (not old)


def test_a_repeated_check_loads_no_catalogue(served: Served, files: dict[str, str]) -> None:
    """What the service has is not sent again, so nothing heavy is needed; the control sends it."""
    words = [*on_files("check", files, "--detach"), "--server", served.address]
    heavy = ["numpy", "yaml", "service.core.policy", "analyzers.catalog"]
    assert loaded(words, [*heavy, "grpc"]) == [*heavy, "grpc"]
    assert loaded(words, [*heavy, "grpc"]) == ["grpc"]


def test_detach_prints_the_name_last(served: Served, files: dict[str, str]) -> None:
    """A script reads the audit's name from the last line, and the exit code claims no verdict."""
    found = ask(served, *on_files("check", files, "--detach"))
    assert found.exit_code == 0
    assert found.stdout.splitlines()[-1] in served.api.events


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        (None, 3),
        (Finished("succeeded", "PASS"), 0),
        (Finished("succeeded", "FAIL"), 1),
        (Finished("succeeded", "INCONCLUSIVE"), 3),
        (Finished("failed", None, problem=BROKEN), 4),
    ],
)
def test_status_exits_like_the_verdict(
    served: Served, files: dict[str, str], ending: Finished | None, code: int
) -> None:
    """3 while there is none, the verdict's code once there is one, the error's when it broke."""
    name = detached(served, files)
    if ending is not None:
        served.run(served.api.happen(name, ending))
    for spelling in (name, name.rpartition("/")[2]):
        found = ask(served, "status", spelling)
        assert found.exit_code == code
        assert found.stdout.startswith(ending.state if ending else "queued")


def test_status_of_an_unknown_audit(served: Served) -> None:
    """A name that nobody has is a usage error."""
    found = ask(served, "status", "nowhere")
    assert found.exit_code == 2
    assert found.stderr.startswith("NOT_FOUND: ")


def test_list_shows_names_whole_and_newest_first(served: Served, files: dict[str, str]) -> None:
    """Names are never cut, so that they can be copied; --limit keeps the newest."""
    assert "no audits" in ask(served, "list").stderr
    names = [detached(served, files) for _ in range(3)]
    lines = ask(served, "list").stdout.splitlines()[1:]
    assert [line.split()[0] for line in lines] == names[::-1]
    assert len(ask(served, "list", "--limit", "2").stdout.splitlines()) == 3


def test_show_fetches_again_and_removes_what_is_old(
    served: Served, files: dict[str, str], tmp_path: Path
) -> None:
    """Files of this audit are written whole; another audit's verdict does not stay beside them."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "verdict.json").write_text("old")
    (out / "notes.txt").write_text("mine")
    name = detached(served, files)
    assert ask(served, "show", name, "--out", str(out)).exit_code == 2
    assert (out / "verdict.json").read_text() == "old"
    served.run(served.api.happen(name, Finished("succeeded")))
    assert ask(served, "show", name, "--out", str(out)).exit_code == 3
    assert sorted(path.name for path in out.iterdir()) == [
        "evidence.json",
        "notes.txt",
        "report.html",
        "summary.md",
    ]
    assert (out / "report.html").stat().st_size == 1_500_000


def test_bytes_that_were_not_announced_are_refused(
    served: Served, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A report whose bytes do not match their digest is an integrity error and is not written."""
    name = detached(served, files)
    served.run(served.api.happen(name, Finished("succeeded")))
    honest = served.api.report

    async def altered(query: ReportQuery) -> ReportView:
        view = await honest(query)
        changed = [replace(one, data=one.data and b"!" + one.data[1:]) for one in view.artifacts]
        return replace(view, artifacts=changed)

    monkeypatch.setattr(served.api, "report", altered)
    found = ask(served, "show", name, "--out", str(tmp_path / "out"))
    assert found.exit_code == 6
    assert found.stderr.startswith("BLOB_DIGEST_MISMATCH: ")
    assert not (tmp_path / "out").exists()


def test_cancel_asks_the_service(served: Served, files: dict[str, str]) -> None:
    """Another terminal can end an audit."""
    name = detached(served, files)
    assert ask(served, "cancel", name).exit_code == 0
    assert isinstance(view := served.api.rows[name], AuditView)
    assert view.state == "cancelled"


def test_an_audit_is_followed_to_its_end(
    served: Served, files: dict[str, str], tmp_path: Path
) -> None:
    """Evidence and report are written, no verdict is; brackets show on the way."""
    out = tmp_path / "out"
    with happening(served, BRACKET, Finished("succeeded")):
        found = ask(served, *on_files("audit", files, "--out", str(out)))
    assert found.exit_code == 0
    names = sorted(path.name for path in out.iterdir())
    assert names == ["evidence.json", "report.html", "summary.md"]
    assert "standing 2/20" in found.stderr


def test_an_audit_that_breaks_leaves_nothing(
    served: Served, files: dict[str, str], tmp_path: Path
) -> None:
    """What broke it decides the exit code, and no folder is made."""
    out = tmp_path / "out"
    with happening(served, Finished("failed", problem=BROKEN)):
        found = ask(served, *on_files("check", files, "--out", str(out)))
    assert found.exit_code == 4
    assert "CHILD_CRASHED: The model's process crashed.\n" in found.stderr
    assert not out.exists()


def test_preflight_asks_for_preflight_only(served: Served, files: dict[str, str]) -> None:
    """No attack is asked for."""
    with happening(served, Finished("failed", problem=BROKEN)):
        ask(served, "preflight", files["model.onnx"], "--data", files["data.npz"])
    audit = received(served, NewAudit)
    assert isinstance(audit, NewAudit)
    assert audit.analyzers == [AnalyzerSpec("behaviour.preflight", {})]


def test_ctrl_c_cancels_and_says_how_to_go_on(served: Served, files: dict[str, str]) -> None:
    """An interrupted check ends its audit at the service and exits with 130."""
    words = [*COMMAND, *on_files("check", files), "--server", served.address]
    with subprocess.Popen(
        words, stderr=subprocess.PIPE, text=True, env={"PYTHONPATH": IMPORTS}
    ) as process:
        end = time.monotonic() + 20
        while not served.api.watchers and time.monotonic() < end:
            time.sleep(0.01)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert "Run the same command again" in said
    assert "Traceback" not in said
    [name] = served.api.events
    assert isinstance(view := served.api.rows[name], AuditView)
    assert view.state == "cancelled"


def test_an_address_without_a_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nobody there is an infrastructure error, worth a retry."""
    monkeypatch.setattr("service.cli.connection._READY_SECONDS", 0.5)
    found = assay("list", "--server", f"unix:{tmp_path / 'none'}")
    assert found.exit_code == 4
    assert found.stderr.startswith("UNREACHABLE: ")


def test_a_plain_install_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the server extra, verbs that need a service name it, and no time is lost waiting."""

    def nothing(name: str) -> None:
        del name

    monkeypatch.setattr("service.cli.connection.find_spec", nothing)
    for words in (("list",), ("serve",)):
        found = assay(*words)
        assert found.exit_code == 4
        assert "pip install 'assay[server]'" in found.stderr


def test_errors_of_the_service_keep_their_code(served: Served) -> None:
    """What the service says is what is shown."""
    served.api.plant = AssayError(Code.STORE_UNAVAILABLE, "The disk is full.", "Make room.")
    found = ask(served, "status", "some")
    assert found.exit_code == 4
    assert found.stderr.startswith("STORE_UNAVAILABLE: The disk is full.\nWhat to do: Make room.")
