"""``assay export``: your torch module to a file that can be audited, on your own machine."""

import contextlib
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import Debug
from service.cli.terminal import note, say
from service.cli.verb import verb
from service.errors import AssayError, Code, Exit

if TYPE_CHECKING:
    from service.export import Comparison, Exported

_SHAPE = re.compile(r"\d{1,9}(x\d{1,9})*", re.ASCII | re.IGNORECASE)
_MEGABYTE = 1_000_000
_NEXT = """\
Next:
  assay check {path} --data data.npz
with --normalize, if your own code normalises images before the model."""


@verb
def export(
    factory: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:FACTORY",
            help="A function without arguments that returns a torch.nn.Module, or such a module; "
            "looked up from the current folder.",
        ),
    ],
    *,
    shape: Annotated[
        str,
        typer.Option("--input", metavar="NxCxHxW", help="Shape of a batch, as in 1x3x224x224."),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="The ONNX file to write.")
    ] = Path("model.onnx"),
    opset: Annotated[
        int, typer.Option("--opset", metavar="N", help="Version of the operators, 18 to 23.")
    ] = 20,
    weights: Annotated[
        Path | None,
        typer.Option(
            "--weights", metavar="FILE", help="State dict (.pt or .safetensors) to load first."
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    debug: Debug = False,
) -> Exit:
    """Write a torch module to ONNX here, so that no code has to be uploaded."""
    from service.export import export_named

    with contextlib.redirect_stdout(sys.stderr):  # what the module's own code prints is no result
        done = export_named(
            factory,
            _sizes(shape),
            output,
            weights=weights,
            opset=opset,
            force=force,
            tell=note,
        )
    for line in _told(done):
        say(line)
    say(_NEXT.format(path=shlex.quote(str(done.path))))
    return Exit.PASS


def _sizes(shape: str) -> tuple[int, ...]:
    if not _SHAPE.fullmatch(shape.strip()):
        raise AssayError(
            Code.REQUEST_INVALID,
            f"'{shape}' is not the shape of a batch.",
            "Write numbers with x between them: --input 1x3x224x224.",
        )
    return tuple(int(size) for size in shape.lower().strip().split("x"))


def _told(done: "Exported") -> list[str]:
    """What was written, and how far it can be relied on."""
    product = done.product
    kept = f", {product.batch_norms} batch norms kept" if product.batch_norms else ""
    lines = [
        f"Wrote {done.path} ({_size(len(product.raw))}, {product.classes} classes, "
        f"opset {product.opset}{kept}).",
        _compared(product.comparison),
    ]
    if product.batch == "one":
        lines.append("It takes one image at a time: its forward counts images in plain Python.")
    if product.gradient_gap:
        lines.append(f"White-box attacks will not be available: {product.gradient_gap}")
    return lines


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= _MEGABYTE else f"{count / 1e3:.1f} kB"


def _compared(found: "Comparison | None") -> str:
    if found is None:
        return "Its answers were not compared with the module's: onnxruntime is not installed."
    return (
        f"It answers as the module does: the largest difference is "
        f"{found.largest_difference:.1e} where the largest score is {found.largest_score:.3g}, "
        f"and the class is the same in {found.same_class} of {found.answers} answers, "
        "to one image and to three."
    )
