"""``assay init`` writes a policy that works, and never over another one unasked."""

import shlex
from pathlib import Path

import pytest

from service.cli.policies import Rules, read_policy
from service.core.profiles import PROFILES, Name, policy_text
from support.command_line import assay


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder in which the command is typed."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("profile", list(PROFILES))
def test_each_profile_is_written_as_it_stands(here: Path, profile: Name) -> None:
    """The file holds the profile's text and reads as a policy."""
    ran = assay("init", "--profile", profile)
    assert ran.exit_code == 0
    written = read_policy(here / "robustness.yaml")
    assert written.text == policy_text(profile)
    assert profile in ran.output


def test_the_next_commands_name_the_file(here: Path) -> None:
    """The two commands that follow are printed last, quoted for a shell."""
    ran = assay("init", "-o", "my policy.yaml")
    *_, first, second = ran.output.splitlines()
    assert shlex.split(first)[:2] == ["assay", "preflight"]
    assert shlex.split(second)[:2] == ["assay", "check"]
    assert shlex.split(second)[-2:] == ["--policy", "my policy.yaml"]
    assert Rules((here / "my policy.yaml").read_text()).checked


def test_a_file_is_kept_unless_forced(here: Path) -> None:
    """Exit 2 and not a byte changed; with --force it is replaced, all of it."""
    kept = here / "robustness.yaml"
    kept.write_text("mine\n" * 1000)
    refused = assay("init")
    assert refused.exit_code == 2
    assert "--force" in refused.output
    assert kept.read_text() == "mine\n" * 1000
    assert assay("init", "--force").exit_code == 0
    assert kept.read_text() == policy_text("pr")


def test_a_link_to_nowhere_is_kept_too(here: Path) -> None:
    """What is there counts, not whether it can be read."""
    (here / "robustness.yaml").symlink_to(here / "elsewhere.yaml")
    assert assay("init").exit_code == 2
    assert not (here / "elsewhere.yaml").exists()


@pytest.mark.parametrize(
    "words", [("-o", "no/such/file.yaml"), ("-o", ".", "--force"), ("-o", ".")]
)
def test_a_place_that_cannot_be_written_is_usage(words: tuple[str, ...]) -> None:
    """A missing folder, and a folder in place of a file, are told in two lines."""
    ran = assay("init", *words)
    assert ran.exit_code == 2
    assert "What to do" in ran.output


def test_an_unknown_profile_is_usage() -> None:
    """The parser lists the profiles."""
    assert assay("init", "--profile", "prod").exit_code == 2
