"""``assay demo``: two small networks that look alike until they are attacked."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import Debug, Server
from service.cli.terminal import note, say
from service.cli.verb import verb
from service.errors import Exit

if TYPE_CHECKING:
    from analyzers.contract import Json
    from service.client import Client

POLICY = """\
apiVersion: assay/v1
claim: set
seed: 0
threats:
  linf8: {norm: Linf, eps: 8/255}
require:
  - {id: clean, metric: accuracy, gte: 0.95}
  - {id: worst-case, metric: robust_accuracy, threat: linf8, gte: 0.40}
"""
_NETS = "service.demo"
_EXPECTED = {"normal": "FAIL", "robust": "PASS"}
_BEFORE = """\
Two small networks name ten shapes. On clean pictures one is as good as the other, but only one of
them was trained to stand changes of up to 8/255 a pixel, which nobody sees. The policy asks for
95% on clean pictures and for 40% under attack."""
_AFTER = """\
One network fails and one passes, although their clean accuracy hardly tells them apart. The
reports show the pictures that fooled them, and what the five lenses see inside each network: open
the two report.html side by side in a browser.
Next, your own model: save images and labels with numpy.savez('data.npz', images=..., labels=...)
and run
  assay check model.onnx --data data.npz --policy {policy} --out assay-out"""


@dataclass(frozen=True)
class _Case:
    """What the demo ran one network on, and where it left its report."""

    net: str
    verdict: "Mapping[str, Json]"
    page: Path


@verb
def demo(
    *,
    out: Annotated[
        Path, typer.Option("--out", metavar="DIR", file_okay=False, help="Folder for everything.")
    ] = Path("assay-demo"),
    limit: Annotated[
        int, typer.Option("--limit", metavar="N", min=20, max=2000, help="Number of pictures.")
    ] = 100,
    server: Server = None,
    debug: Debug = False,
) -> Exit:
    """Audit two built-in networks: one that fails and one that passes."""
    from service.cli.connection import connected

    note(_BEFORE)
    out.mkdir(parents=True, exist_ok=True)
    data, policy = out / "shapes.npz", out / "policy.yaml"
    policy.write_text(POLICY)
    _draw(data, limit)
    with connected(server) as client:
        cases = [_checked(client, net, data, out / net) for net in _EXPECTED]
    say()
    for line in _table(cases):
        say(line)
    say()
    if any(case.verdict["verdict"] != _EXPECTED[case.net] for case in cases):
        say("This is not how the demo should end; the reports tell why.")
        return Exit.INFRASTRUCTURE
    say(_AFTER.format(policy=policy))
    return Exit.PASS


def _draw(path: Path, count: int) -> None:
    """Pictures that neither network was trained on."""
    from service.demo.shapes import draw, write_npz

    figures = json.loads((files(_NETS) / "nets" / "nets.json").read_text())
    write_npz(path, draw(count, seed=figures["data"]["test"]["seed"]))


def _checked(client: "Client", net: str, data: Path, out: Path) -> _Case:
    from service.cli.auditing import audit_to_end
    from service.cli.files import PAGE, VERDICT
    from service.cli.policies import Rules
    from service.cli.sources import DataSource
    from service.cli.wishes import Wish

    note(f"\nThe {net} network:")
    with as_file(files(_NETS) / "nets" / f"{net}.onnx") as model:
        wish = Wish(model, DataSource(data), Rules(POLICY), look="quick")
        found = audit_to_end(client, wish, out).files
    return _Case(net, json.loads(found[VERDICT]), out / PAGE)


def _table(cases: Sequence[_Case]) -> list[str]:
    from service.cli.tables import aligned

    head = ("NETWORK", "CLEAN", "UNDER ATTACK", "REQUIRED", "VERDICT", "REPORT")
    return aligned([head, *(_row(case) for case in cases)])


def _row(case: _Case) -> tuple[str, ...]:
    clean, attacked = case.verdict["requirements"]
    return (
        case.net,
        _share(clean),
        _share(attacked),
        f"{clean['threshold']:.0%} / {attacked['threshold']:.0%}",
        str(case.verdict["verdict"]),
        str(case.page),
    )


def _share(line: "Mapping[str, Json]") -> str:
    """The observed share with its counts: a run that failed early has not seen every picture."""
    counts = line["counts"]
    if counts is None or line["observed"] is None:
        return "unknown"
    return f"{line['observed']:.1%} ({counts['standing']} of {counts['prefix']})"
