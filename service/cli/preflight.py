"""``assay preflight``: is the model fed as it expects to be? No attack is run."""

import json
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from service.cli.options import (
    Architecture,
    AsJson,
    Channels,
    Data,
    DataLayout,
    Debug,
    ExpectAccuracy,
    Layout,
    Limit,
    Model,
    NoConfig,
    Normalize,
    OutputName,
    Pixels,
    Server,
)
from service.cli.terminal import say
from service.cli.verb import verb
from service.errors import Exit

if TYPE_CHECKING:
    from analyzers.contract import Json

_ANALYZER = "behaviour.preflight"


@verb
def preflight(  # noqa: PLR0913 - the options of a command
    model: Model,
    data: Data,
    *,
    normalize: Normalize = None,
    layout: Layout = "nchw",
    arch: Architecture = "",
    output: OutputName = "",
    data_layout: DataLayout = "auto",
    channels: Channels = "rgb",
    pixels: Pixels = "auto",
    expect_accuracy: ExpectAccuracy = None,
    limit: Limit = None,
    server: Server = None,
    as_json: AsJson = False,
    no_config: NoConfig = False,
    debug: Debug = False,
) -> Exit:
    """Tell the clean accuracy, and what another preprocessing would give."""
    from service.cli.auditing import audit_to_end
    from service.cli.connection import connected
    from service.cli.files import EVIDENCE
    from service.cli.objects import tell
    from service.cli.preprocessing import input_spec
    from service.cli.sources import data_source, model_source
    from service.cli.wishes import Wish
    from service.intake.reading import Reading
    from service.rpc.ports import AnalyzerSpec

    wish = Wish(
        model_source(model),
        data_source(data, limit),
        None,
        Reading(data_layout, channels, pixels),
        input_spec=input_spec(normalize, layout),
        architecture=arch,
        output=output,
        expected_accuracy=expect_accuracy,
        look=None,
        analyzers=(AnalyzerSpec(_ANALYZER),),
        evidence_only=True,
    )
    with connected(server) as client, TemporaryDirectory() as folder:
        files = audit_to_end(client, wish, Path(folder)).files
    evidence = json.loads(files[EVIDENCE])
    if as_json:
        tell({"measurements": list(_measured(evidence).values())})
        return Exit.PASS
    for line in told(evidence):
        say(line)
    return Exit.PASS


def told(evidence: "Mapping[str, Json]") -> list[str]:
    """What preflight found, in lines."""
    from service.cli.tables import aligned
    from service.report import wording

    found = _measured(evidence)
    lines = [wording.plain(f"Clean accuracy: {found['accuracy']['note']}")]
    fits = found["preprocessing_fits"]
    if fits["view"]:
        data = fits["view"]["data"]
        rows = zip(data["options"], data["values"], strict=True)
        lines.append(wording.plain(f"{fits['view']['title']}:"))
        lines += aligned([("", wording.plain(name), f"{value:.1%}") for name, value in rows])
    better = fits["note"] or "No known preprocessing is better than the one declared."
    return [*lines, wording.plain(better)]


def _measured(evidence: "Mapping[str, Json]") -> "dict[str, Json]":
    """What preflight measured, by metric."""
    every = evidence["facts"]["measurements"]
    return {one["metric"]: one for one in every if one["analyzer"] == _ANALYZER}
