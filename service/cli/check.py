"""``assay check``: measure a model and judge it by a policy."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from service.cli.options import (
    Architecture,
    AsJson,
    Baseline,
    Channels,
    Cues,
    Data,
    DataLayout,
    Deadline,
    Debug,
    Detach,
    DryRun,
    ExpectAccuracy,
    ExplainCache,
    Layout,
    Lenses,
    Limit,
    Model,
    NoConfig,
    Normalize,
    Out,
    OutputName,
    Pixels,
    PolicyFile,
    Seed,
    Server,
    UnderProfile,
    Waivers,
    Withhold,
)
from service.cli.terminal import say
from service.cli.verb import verb
from service.errors import Exit

if TYPE_CHECKING:
    from service.cli.wishes import Wish


@verb
def check(  # noqa: PLR0913 - the options of a command
    model: Model,
    data: Data,
    *,
    policy: PolicyFile = None,
    profile: UnderProfile = None,
    normalize: Normalize = None,
    layout: Layout = "nchw",
    arch: Architecture = "",
    output: OutputName = "",
    data_layout: DataLayout = "auto",
    channels: Channels = "rgb",
    pixels: Pixels = "auto",
    cues: Cues = None,
    withhold: Withhold = False,
    expect_accuracy: ExpectAccuracy = None,
    baseline: Baseline = "",
    waivers: Waivers = None,
    limit: Limit = None,
    seed: Seed = None,
    deadline: Deadline = None,
    server: Server = None,
    detach: Detach = False,
    dry_run: DryRun = False,
    explain_cache: ExplainCache = False,
    lenses: Lenses = None,
    out: Out = Path("assay-out"),
    as_json: AsJson = False,
    no_config: NoConfig = False,
    debug: Debug = False,
) -> Exit:
    """Audit a model and judge it by your policy. The verdict decides the exit code."""
    from service.cli.baselines import read_baseline, read_waivers
    from service.cli.durations import seconds_of
    from service.cli.policies import check_early, read_policy
    from service.cli.preprocessing import input_spec
    from service.cli.sources import cue_source, data_source, model_source
    from service.cli.wishes import Wish
    from service.intake.reading import Reading

    rules = read_policy(policy, profile, as_json=as_json)
    check_early(rules, server, seed)
    earlier = read_baseline(baseline)
    wish = Wish(
        model_source(model),
        data_source(data, limit),
        rules,
        Reading(data_layout, channels, pixels),
        cues=cue_source(cues),
        withheld=withhold,
        input_spec=input_spec(normalize, layout),
        architecture=arch,
        output=output,
        expected_accuracy=expect_accuracy,
        seed=seed,
        deadline_seconds=seconds_of(deadline),
        look=lenses or "usual",
        waivers=read_waivers(waivers),
        baseline=earlier.name,
        baseline_evidence=earlier.evidence,
    )
    if dry_run:
        from service.cli.auditing import audit_foreseen

        return audit_foreseen(wish, server, as_json=as_json)
    if detach:
        from service.cli.auditing import audit_detached

        return audit_detached(wish, server, as_json=as_json)
    return _run(wish, out, server=server, explain_cache=explain_cache, as_json=as_json)


def _run(
    wish: "Wish", out: Path, *, server: str | None, explain_cache: bool, as_json: bool
) -> Exit:
    from service.cli.auditing import audit_to_end
    from service.cli.caching import tell_cache
    from service.cli.connection import connected
    from service.cli.files import EVIDENCE, PAGE, VERDICT
    from service.cli.objects import tell
    from service.cli.verdicts import exit_of, tell_verdict

    with connected(server) as client:
        name, files = audit_to_end(client, wish, out)
    verdict = json.loads(files[VERDICT])
    if as_json:
        tell({"audit": name, "folder": str(out), "verdict": verdict})
        return exit_of(verdict["verdict"])
    tell_verdict(verdict)
    if explain_cache:
        tell_cache(files.get(EVIDENCE, b""))
    say(f"Report: {out / PAGE}")
    return exit_of(verdict["verdict"])
