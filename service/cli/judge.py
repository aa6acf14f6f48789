"""``assay judge``: evidence and a policy in, a verdict out. Needs no service and no model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import AsJson, Baseline, Debug, PolicyFile, UnderProfile, Waivers
from service.cli.verb import verb
from service.errors import AssayError, Code, Exit

if TYPE_CHECKING:
    from analyzers.contract import Json
    from service.gate import Beside


@verb
def judge(
    evidence: Annotated[
        Path, typer.Argument(metavar="EVIDENCE", help="evidence.json of an earlier run.")
    ],
    *,
    policy: PolicyFile = None,
    profile: UnderProfile = None,
    baseline: Baseline = "",
    waivers: Waivers = None,
    as_json: AsJson = False,
    debug: Debug = False,
) -> Exit:
    """Judge evidence again, offline: another policy costs no new attack."""
    from service.cli.baselines import NONE, read_baseline, read_waivers
    from service.cli.objects import tell
    from service.cli.policies import read_policy
    from service.cli.verdicts import exit_of, tell_verdict
    from service.gate import Beside

    written = read_policy(policy, profile, as_json=as_json)
    earlier = read_baseline(baseline)
    if earlier.name:
        raise AssayError(
            Code.REQUEST_INVALID,
            "`assay judge` asks no service, so it cannot know an audit by its name.",
            "Give the evidence.json of that audit: assay show NAME --out DIR writes it.",
        )
    beside = Beside(read_waivers(waivers), baseline, earlier.evidence, first=baseline == NONE)
    verdict = _verdict(evidence, written.text, beside)
    if as_json:
        tell({"verdict": verdict})
    else:
        tell_verdict(verdict)
    return exit_of(verdict["verdict"])


def _verdict(evidence: Path, policy: str, beside: "Beside") -> "dict[str, Json]":
    from service.gate import DAMAGE, judge_file

    try:
        return judge_file(evidence.read_bytes(), policy, beside=beside)
    except OSError as error:
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"There is no evidence file '{evidence}' that can be read.",
            f"Check the path; it was looked for in {Path.cwd()}.",
        ) from error
    except DAMAGE as error:
        # What was edited or cut may miss anything anywhere.
        raise AssayError(
            Code.EVIDENCE_INVALID,
            f"The evidence in '{evidence}' is damaged: a part is missing or of another kind.",
            "Give the evidence.json that `assay check` or `assay audit` wrote.",
        ) from error
