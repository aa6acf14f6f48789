"""assay.yaml beside the model: every flag may stand there, what is typed wins, mistakes show."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import Result

from analyzers.contract import InputSpec
from service.cli.audit import audit
from service.cli.check import check
from service.cli.config_file import keys_of, read_config
from service.cli.main import app
from service.cli.preflight import preflight
from service.errors import AssayError, Code
from service.intake.reading import AS_USUAL, Reading
from service.rpc.ports import NewAudit, NewEvalSet, NewModel
from support.command_line import assay
from support.rpc_server import Served, serving

POLICY = """\
apiVersion: assay/v1
require:
  - {id: clean, metric: accuracy, gte: 0.9}
"""
EVERYTHING = """\
data: eval/data.npz[0:40]
policy: policy.yaml
profile: pr
waivers: waivers.yaml
baseline: projects/local/audits/last
normalize: 0.5,0.5,0.5/0.2,0.2,0.2
layout: nhwc
arch: demo-cnn6
output: scores
data-layout: nhwc
channels: bgr
pixels: 0-255
cues: eval/cues.npz[2:9]
expect-accuracy: 1
limit: 20
seed: 7
deadline: 5m
server: ADDRESS
explain-cache: true
lenses: quick
withhold: true
out: report
debug: false
"""
VERBS: Any = typer.main.get_command(app)
AUDITING = (preflight, check, audit)


@pytest.fixture
def served() -> Iterator[Served]:
    """A server of its own for each test."""
    with serving() as running:
        yield running


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model with data and a policy beside it; the command is typed somewhere else."""
    (tmp_path / "nets" / "eval").mkdir(parents=True)
    bodies = {
        "model.onnx": "model",
        "eval/data.npz": "data",
        "eval/cues.npz": "cues",
        "policy.yaml": POLICY,
        "waivers.yaml": "[]",
    }
    for name, body in bodies.items():
        (tmp_path / "nets" / name).write_text(body)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    return tmp_path / "nets" / "model.onnx"


def write(model: Path, text: str, served: Served | None = None) -> None:
    """Put a file beside the model."""
    said = text.replace("ADDRESS", served.address if served else "nowhere:1")
    model.with_name("assay.yaml").write_text(said)


def received(served: Served) -> tuple[NewModel, NewEvalSet, NewAudit]:
    """The three wishes that came in, whatever other pictures came beside the data."""
    got = served.api.received
    [model] = [one for one in got if isinstance(one, NewModel)]
    [data] = [one for one in got if isinstance(one, NewEvalSet) and not one.reading.cues]
    [asked] = [one for one in got if isinstance(one, NewAudit)]
    return model, data, asked


def test_every_flag_may_stand_in_the_file(served: Served, model: Path) -> None:
    """With nothing typed but the model, all of them arrive, and paths are those of the file."""
    write(model, EVERYTHING, served)
    found = assay("check", str(model), "--detach")
    assert found.exit_code == 0, found.stderr
    net, data, asked = received(served)
    assert net.input_spec == InputSpec("nhwc", mean=(0.5, 0.5, 0.5), std=(0.2, 0.2, 0.2))
    assert (net.architecture, net.output) == ("demo-cnn6", "scores")
    assert (data.display_name, data.rows) == ("data.npz", (0, 20))
    assert (data.reading, data.withheld) == (Reading("nhwc", "bgr", "0-255"), True)
    [cues] = [
        one for one in served.api.received if isinstance(one, NewEvalSet) and one.reading.cues
    ]
    assert (cues.display_name, cues.rows) == ("cues.npz", (2, 9))
    assert cues.reading == replace(data.reading, cues=True)
    assert asked.cue_set
    assert (asked.policy, asked.profile, asked.look) == (POLICY, "pr", "quick")
    assert (asked.seed, asked.expected_accuracy) == (7, 1.0)
    assert (asked.waivers, asked.baseline) == ("[]", "projects/local/audits/last")
    assert found.stderr.startswith(f"From {model.with_name('assay.yaml')}: data {model.parent}")
    assert "channels bgr" in found.stderr.splitlines()[0]


def test_the_sample_holds_every_key() -> None:
    """No option of the three verbs is forgotten above, but for what makes no sense there."""
    named = {line.partition(":")[0] for line in EVERYTHING.splitlines()}
    assert named == set(keys_of(AUDITING))
    options = {
        word.removeprefix("--")
        for verb in ("preflight", "check", "audit")
        for one in VERBS.commands[verb].params
        for word in one.opts
        if word.startswith("--")
    }
    assert options == named | {"no-config", "dry-run", "detach", "json"}


@pytest.mark.parametrize("option", ["dry-run", "detach"])
def test_no_file_ends_every_check_without_a_verdict(
    served: Served, model: Path, option: str
) -> None:
    """It would exit with 0 whatever the model is, and the gate would be off."""
    write(model, f"{EVERYTHING}{option}: true\n", served)
    found = assay("check", str(model))
    assert (found.exit_code, served.api.received) == (2, [])
    assert option in found.stderr


def test_what_is_typed_wins(served: Served, model: Path, tmp_path: Path) -> None:
    """An option on the command line replaces the file's, is not told, and is relative to here."""
    write(model, EVERYTHING, served)
    own = tmp_path / "elsewhere" / "own.npz"
    own.write_text("own")
    found = assay(
        "check", str(model), "--detach", "--data", "own.npz", "--channels", "rgb", "--limit", "5"
    )
    assert found.exit_code == 0, found.stderr
    _, data, _ = received(served)
    assert (data.display_name, data.rows, data.reading.channels) == ("own.npz", (0, 5), "rgb")
    told = found.stderr.splitlines()[0]
    assert "pixels 0-255" in told
    assert not any(word in told for word in ("data.npz", "channels", "limit"))


def test_a_verb_takes_what_it_has_an_option_for(served: Served, model: Path) -> None:
    """One file serves all verbs: preflight passes over policy, seed and out."""
    write(model, "policy: none.yaml\nseed: 3\ndata: eval/none.npz\n")
    found = assay("preflight", str(model), "--server", served.address)
    assert "policy" not in found.stderr.splitlines()[0]
    assert "There is no data file" in found.stderr


def test_a_baseline_that_is_a_path_is_relative_to_the_file(served: Served, model: Path) -> None:
    """A folder beside the model, though its name is a text to the command line."""
    (model.parent / "last").mkdir()
    (model.parent / "last" / "evidence.json").write_text("{}")
    write(model, EVERYTHING.replace("projects/local/audits/last", "last"), served)
    assert assay("check", str(model), "--detach").exit_code == 0
    _, _, asked = received(served)
    assert (asked.baseline, asked.baseline_evidence) == ("", b"{}")


def test_no_file_changes_nothing(served: Served, model: Path) -> None:
    """Without a file, or told to leave it out, data must be typed, and the usual reading holds."""
    typed = ("--data", str(model.parent / "eval" / "data.npz"), "--server", served.address)
    rest = ("--policy", str(model.with_name("policy.yaml")), "--detach")
    assert assay("check", str(model), "--detach").exit_code == 2
    write(model, "channels: bgr\nnonsense: 1\n")
    found = assay("check", str(model), *typed, *rest, "--no-config")
    assert found.exit_code == 0, found.stderr
    assert received(served)[1].reading == AS_USUAL
    assert "assay.yaml" not in found.stderr


def test_an_empty_file_says_nothing(model: Path) -> None:
    """Comments alone are a file that asks for nothing."""
    write(model, "# later\n")
    found = assay("preflight", str(model), "--data", "none.npz")
    assert "assay.yaml: nothing." in found.stderr
    assert "FILE_NOT_FOUND" in found.stderr


def refused(found: Result) -> str:
    """The sentence and remedy of a refusal of the file."""
    assert found.exit_code == 2
    assert found.stderr.startswith("CONFIG_FILE_INVALID: ")
    assert "Traceback" not in found.stderr
    return found.stderr


MISTAKES = {
    "normalise: cifar10": ("normalise", "Did you mean normalize?"),
    "data_layout: nhwc": ("data_layout", "Did you mean data-layout?"),
    "zzz: 1": ("zzz", "Use one of: arch, baseline, channels"),
    "no-config: true": ("no-config", "What to do"),
    "1: 2": ("'1'", "which is no option"),
    "limit: ten": ("limit: ten", "not a whole number of at least 1"),
    "limit: 0": ("limit: 0", "not a whole number of at least 1"),
    "limit: 1.5": ("limit: 1.5", "not a whole number"),
    "limit: true": ("limit: True", "not a whole number"),
    "seed: -1": ("seed: -1", "not a whole number of at least 0"),
    "expect-accuracy: 95": ("expect-accuracy: 95", "not a number of at least 0 and at most 1"),
    "expect-accuracy: .nan": ("expect-accuracy: nan", "not a number"),
    "explain-cache: 1": ("explain-cache: 1", "not true or false"),
    "channels: gbr": ("channels: gbr", "not one of rgb, bgr"),
    "layout: 3": ("layout: 3", "not one of nchw, nhwc"),
    "arch: 18": ("arch: 18", "not text"),
    "policy: [a, b]": ("policy: ['a', 'b']", "not a path"),
    "data:": ("data: None", "not text"),
    "normalize: {mean: 1}": ("normalize", "not text"),
    "limit: 1\nlimit: 2": ("limit", "written twice"),
    "- limit": ("not a YAML mapping", "--no-config"),
    "limit: [": ("not readable YAML", "--no-config"),
    "a: !!python/object/apply:os.system [id]": ("not readable YAML", "--no-config"),
    "when: 2026-13-45": ("not readable YAML", "--no-config"),
    "[" * 3000: ("not readable YAML", "--no-config"),
    "#" * (65 << 10): ("larger than 64 KiB", "--no-config"),
    "arch: \xff": ("not text in UTF-8", "--no-config"),
}


@pytest.mark.parametrize("text", MISTAKES, ids=lambda text: text[:30])
def test_mistakes_are_named(model: Path, text: str) -> None:
    """Unknown keys get a suggestion, wrong values the type that is expected; nothing is run."""
    model.with_name("assay.yaml").write_bytes(text.encode("latin-1"))
    said = refused(assay("check", str(model), "--detach"))
    for part in MISTAKES[text]:
        assert part in said


def test_what_a_file_says_moves_no_cursor(model: Path) -> None:
    """Whoever sends a model may send a file with it: its words are shown without control signs."""
    write(model, 'arch: "a\\e[2J\\nb"\n')
    found = assay("preflight", str(model), "--data", "none.npz")
    assert "arch a[2Jb." in found.stderr
    assert "\x1b" not in found.stderr


def test_help_needs_no_good_file(model: Path) -> None:
    """Whoever asks for help gets it."""
    write(model, "zzz: 1")
    assert assay("check", str(model), "--help").exit_code == 0


def test_an_alias_bomb_is_one_wrong_value(model: Path) -> None:
    """Ten lists of ten of the one before are held once and never written out."""
    rows = [f"a{at}: &a{at} [{', '.join([f'*a{at - 1}'] * 10)}]" for at in range(1, 9)]
    write(model, "\n".join(["a0: &a0 [x]", *rows]))
    assert "which is no option" in refused(assay("check", str(model), "--detach"))


@pytest.mark.parametrize("address", ["203.0.113.9:50551", "0.0.0.0:50551"])
def test_a_file_names_no_server_elsewhere(tmp_path: Path, address: str) -> None:
    """A file that came with a model may not send model and data away; this machine it may name."""
    path, keys = tmp_path / "assay.yaml", keys_of([check])
    path.write_text(f"server: '{address}'\n")
    with pytest.raises(AssayError, match="not on this machine") as caught:
        read_config(path, keys)
    assert caught.value.code is Code.CONFIG_FILE_INVALID
    path.write_text("server: 127.0.0.1:50551\n")
    assert read_config(path, keys) == {"server": "127.0.0.1:50551"}
