"""``assay init``: a policy to begin with, every line explained."""

import shlex
from pathlib import Path
from typing import Annotated

import typer

from service.cli.options import Debug
from service.cli.terminal import say
from service.cli.verb import verb
from service.core.profiles import Name, policy_text
from service.errors import AssayError, Code, Exit

_NEXT = """\
Set the shares under `gte` to what you require. Next:
  assay preflight model.onnx --data data.npz
  assay check model.onnx --data data.npz --policy {path}"""


@verb
def init(
    *,
    profile: Annotated[
        Name,
        typer.Option(
            "--profile",
            help="smoke: seconds, never a PASS; pr: for every change; release: more images, of "
            "every class; deep: everything on every image.",
        ),
    ] = "pr",
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The policy file to write.")
    ] = Path("robustness.yaml"),
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    debug: Debug = False,
) -> Exit:
    """Write a policy to begin with: a profile's, with a comment on every line."""
    try:
        with output.open("w" if force else "x", encoding="utf-8") as file:
            file.write(policy_text(profile))
    except FileExistsError as error:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"There is already a file '{output}'.",
            "Name another one with -o FILE, or let it be replaced with --force.",
        ) from error
    except OSError as error:
        raise AssayError(
            Code.REQUEST_INVALID,
            f"'{output}' cannot be written: {str(error.strerror).lower()}.",
            "Name a file in a folder that exists and that you may write to: -o FILE.",
        ) from error
    say(f"Wrote {output}, a policy of the profile {profile}.")
    say(_NEXT.format(path=shlex.quote(str(output))))
    return Exit.PASS
