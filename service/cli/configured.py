"""Verbs whose options may also stand in a file beside the model."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from service.cli.terminal import note
from service.cli.verb import ended
from service.errors import AssayError

_NAME = "assay.yaml"


def configured(verbs: Sequence[Callable[..., object]]) -> type[TyperCommand]:
    """A command that reads what a file says before what was typed, which therefore wins.

    One file serves all of ``verbs``; each takes from it what it has an option for.
    """

    class Configured(TyperCommand):
        """Puts the words of the file before those of the command line."""

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:  # noqa: ANN401 - typer's own kind of context
            given, _, _ = self.make_parser(ctx).parse_args(args=list(args))
            try:
                words = _words(given, [str(one.name) for one in self.params], verbs)
            except AssayError as error:
                raise typer.Exit(ended(error, as_json=bool(given.get("as_json")))) from error
            return super().parse_args(ctx, [*words, *args])

    return Configured


def _words(
    given: dict[str, Any], own: Sequence[str], verbs: Sequence[Callable[..., object]]
) -> list[str]:
    """Options as one would type them, for whatever was not typed."""
    model = given.get("model")
    if not isinstance(model, str) or given.get("help") or given.get("no_config"):
        return []
    path = Path(model).expanduser().parent / _NAME
    if not path.is_file():
        return []
    from service.cli.config_file import keys_of, read_config, told

    found = read_config(path, keys_of(verbs))
    names = {name: name.replace("-", "_") for name in found}
    taken = {
        name: value
        for name, value in found.items()
        if names[name] in own and names[name] not in given
    }
    note(told(path, taken))
    return [word for name, value in taken.items() for word in _typed(name, value)]


def _typed(name: str, value: object) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    return [f"--{name}={value}"]
