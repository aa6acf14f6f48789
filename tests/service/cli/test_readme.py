"""README tells the truth about the command line: what it shows parses, and all verbs are there."""

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer

from service.cli.main import app
from service.core.policy import MINIMAL
from service.errors import Exit

README = (Path(__file__).parents[3] / "README.md").read_text()
COMMANDS: Any = typer.main.get_command(app)
SHELL = {"||", "&&", "|", ">", ";"}


def command_lines() -> list[list[str]]:
    """The words of every ``assay`` command: indented or fenced lines, list items, inline code."""
    lines = re.findall(r"^\s*(?:- )?(?:run: )?(assay [^`\n]+)$", README, re.MULTILINE)
    inline = re.findall(r"`(assay [^`\n]+)`", README)
    return [_words(line) for line in [*lines, *inline]]


def _words(line: str) -> list[str]:
    words = shlex.split(line, comments=True)[1:]
    end = next((place for place, word in enumerate(words) if word in SHELL), len(words))
    return words[:end]


@pytest.mark.parametrize("words", command_lines(), ids=" ".join)
def test_every_command_in_readme_parses(words: list[str]) -> None:
    """Verbs, options and their values are ones that the parser takes; nothing is run."""
    parse(words)


def parse(words: list[str]) -> None:
    """Parse a command as the command line would, without running it."""
    verb = COMMANDS.commands[words[0]]
    if len(words) > 1:
        verb.make_context(words[0], words[1:])


def test_a_wrong_command_would_be_noticed() -> None:
    """Control: an unknown verb and an unknown option do not parse."""
    with pytest.raises(KeyError):
        parse(["chekc", "model.onnx"])
    with pytest.raises(Exception, match="--polic"):
        parse(["check", "model.onnx", "--data", "data.npz", "--polic", "x"])


def test_every_verb_is_documented() -> None:
    """Whoever reads README has met every verb."""
    shown = {words[0] for words in command_lines()}
    assert set(COMMANDS.commands) - shown == set()


def test_the_table_of_exit_codes_is_whole() -> None:
    """Every exit code has a row that names it."""
    rows = re.findall(r"^\| (\d+) \|", README, re.MULTILINE)
    assert {int(row) for row in rows} == {int(code) for code in Exit}


def test_the_policy_shown_is_the_one_printed() -> None:
    """Without its comments, README's policy is what ``assay check`` prints."""
    [shown] = re.findall(r"```yaml\n(   apiVersion.*?)```", README, re.DOTALL)
    lines = [line.split(" #")[0].rstrip()[3:] for line in shown.splitlines()]
    assert [line for line in lines if line] == MINIMAL.splitlines()


def test_help_mentions_every_exit_code() -> None:
    """The epilog of ``assay --help`` and README list the same codes."""
    assert app.info.epilog is not None
    told = {int(code) for code in re.findall(r"\d+", app.info.epilog)}
    assert told == {int(code) for code in Exit}
