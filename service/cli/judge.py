"""``assay judge``: evidence and a policy in, a verdict out. Needs no service and no model."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from service.cli.options import Debug, PolicyFile
from service.cli.verb import verb
from service.errors import AssayError, Code, Exit

if TYPE_CHECKING:
    from analyzers.contract import Json


@verb
def judge(
    evidence: Annotated[
        Path, typer.Argument(metavar="EVIDENCE", help="evidence.json of an earlier run.")
    ],
    *,
    policy: PolicyFile = None,
    debug: Debug = False,
) -> Exit:
    """Judge evidence again, offline: another policy costs no new attack."""
    from service.cli.policies import read_policy
    from service.cli.verdicts import exit_of, tell_verdict

    written = read_policy(policy)
    verdict = _verdict(evidence, written.text)
    tell_verdict(verdict)
    return exit_of(verdict["verdict"])


def _verdict(evidence: Path, policy: str) -> "dict[str, Json]":
    from service.gate import judge_file

    try:
        return judge_file(evidence.read_bytes(), policy)
    except OSError as error:
        raise AssayError(
            Code.FILE_NOT_FOUND,
            f"There is no evidence file '{evidence}' that can be read.",
            f"Check the path; it was looked for in {Path.cwd()}.",
        ) from error
    except (LookupError, TypeError, ValueError, AttributeError, RecursionError) as error:
        # What was edited or cut may miss anything anywhere.
        raise AssayError(
            Code.EVIDENCE_INVALID,
            f"The evidence in '{evidence}' is damaged: a part is missing or of another kind.",
            "Give the evidence.json that `assay check` or `assay audit` wrote.",
        ) from error
