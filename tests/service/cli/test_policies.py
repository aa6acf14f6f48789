"""A policy is read and checked before anything is sent."""

import sys
from pathlib import Path

import pytest

from service.cli.policies import Rules, check_early, read_policy
from service.core.policy import MINIMAL, profile_of
from service.errors import AssayError, Code, Exit


def test_without_a_policy_a_minimal_one_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    """Standard output holds a policy that can be redirected into a file and used as it is."""
    with pytest.raises(AssayError) as caught:
        read_policy(None)
    assert (caught.value.code, caught.value.exit) == (Code.POLICY_MISSING, Exit.USAGE)
    printed = capsys.readouterr().out
    assert printed == MINIMAL
    assert Rules(printed).checked.threats["linf8"].eps == "8/255"


def test_the_text_stays_as_it_was_written(tmp_path: Path) -> None:
    """What travels is the author's own text, comments included."""
    path = tmp_path / "policy.yaml"
    path.write_text(f"# ours\n{MINIMAL}")
    rules = read_policy(path)
    assert (rules.written, rules.text) == (f"# ours\n{MINIMAL}",) * 2
    assert rules.checked == Rules(MINIMAL).checked


def test_a_profile_is_beneath_the_text(tmp_path: Path) -> None:
    """What travels is what the author wrote and the profile's name; judged by is both."""
    path = tmp_path / "policy.yaml"
    path.write_text(MINIMAL)
    rules = read_policy(path, "release")
    assert rules.written == MINIMAL
    assert profile_of(rules.checked) == "release"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (MINIMAL.replace("gte", "gtee"), Code.POLICY_INVALID),
        (MINIMAL.replace("robust_accuracy", "robustness"), Code.POLICY_INVALID),
        (MINIMAL.replace("Linf", "L2"), Code.THREAT_UNSUPPORTED),
        ("\0", Code.POLICY_INVALID),
        ("", Code.POLICY_INVALID),
        ("x" * ((1 << 20) + 1), Code.POLICY_INVALID),
    ],
    ids=["typo", "metric", "norm", "binary", "empty", "huge"],
)
def test_mistakes_in_a_policy_are_found_here(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, code: Code
) -> None:
    """A typo, a metric or a norm that nothing measures costs neither a service nor an upload."""
    path = tmp_path / "policy.yaml"
    path.write_text(text)
    monkeypatch.setenv("ASSAY_HOME", str(tmp_path / "nobody"))
    with pytest.raises(AssayError) as caught:
        check_early(read_policy(path), None, None)
    assert (caught.value.code, caught.value.exit) == (code, Exit.USAGE)


def test_files_that_are_no_policy(tmp_path: Path) -> None:
    """A missing file, a folder and bytes that are no text each say so."""
    raw = tmp_path / "raw.yaml"
    raw.write_bytes(b"\xff\xfe\xff")
    codes: list[Code] = []
    for path in (tmp_path / "none.yaml", tmp_path, raw):
        with pytest.raises(AssayError) as caught:
            read_policy(path)
        codes.append(caught.value.code)
    assert codes == [Code.FILE_NOT_FOUND, Code.POLICY_INVALID, Code.POLICY_INVALID]


@pytest.mark.parametrize(("seed", "warned"), [(None, False), (0, False), (7, True)])
def test_only_another_seed_is_warned_about(
    capsys: pytest.CaptureFixture[str], seed: int | None, *, warned: bool
) -> None:
    """The policy's own seed, given or not, needs no warning; another one explores."""
    check_early(Rules(MINIMAL), "a service", seed)
    assert ("explores" in capsys.readouterr().err) is warned


def test_where_no_service_can_run_the_policy_is_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """On another system nothing that only Linux has may be touched: a mistake is told as one."""
    monkeypatch.setattr("platform.system", lambda: "Windows")
    monkeypatch.setitem(sys.modules, "service.embedded", None)
    with pytest.raises(AssayError) as caught:
        check_early(Rules(MINIMAL.replace("gte", "gtee")), None, None)
    assert caught.value.code is Code.POLICY_INVALID
