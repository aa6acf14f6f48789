"""From files to an audit in the service: send, have them read, ask for the audit."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from service.cli.displays import Display
from service.cli.packing import has_to_pack, packed, packed_data
from service.cli.wishes import Wish
from service.client import Client
from service.errors import AssayError, Code
from service.rpc.ports import (
    Estimate,
    EvalSetView,
    FileRef,
    ModelView,
    NewAudit,
    NewEvalSet,
    NewModel,
    OperationView,
)
from service.rpc.uploads import FileKind

_LONGEST_NAME = 200


def submit(client: Client, wish: Wish, display: Display) -> str:
    """The name of the audit that was queued."""
    return client.create_audit(_asked(client, wish, display)).target


def estimate(client: Client, wish: Wish, display: Display) -> Estimate:
    """What the audit would cost at most; model and data are taken in, and nothing else runs."""
    asked = replace(_asked(client, wish, display), validate_only=True)
    display.step("Timing the model.")
    found = client.wait_operation(client.create_audit(asked)).estimate
    return found or Estimate(0, 0, 0.0)


def _asked(client: Client, wish: Wish, display: Display) -> NewAudit:
    """Model and data in the service, and the audit of them that is wished for."""
    if has_to_pack(wish.model, wish.data.path):  # which takes longer than reading a policy
        wish.check()
    with packed(wish.model) as whole:
        model_file = _send(client, whole, "model", display, wish.check)
    with packed_data(wish.data.path, display.step) as whole:
        data_file = _send(client, whole, "data", display, wish.check)
    display.step("Reading model and data.")
    making_model = client.create_model(
        NewModel(
            model_file,
            architecture=wish.architecture,
            output=wish.output,
            input_spec=wish.input_spec,
            display_name=_shown(wish.model),
        )
    )
    making_set = client.create_eval_set(
        NewEvalSet(
            data_file,
            rows=wish.data.rows,
            reading=wish.reading,
            withheld=wish.withheld,
            display_name=_shown(wish.data.path),
        )
    )
    making_cues = _cues(client, wish, display)
    model = client.wait_operation(making_model)
    eval_set = client.wait_operation(making_set)
    if wish.withheld and not eval_set.withheld:  # it would hand out what nobody may see
        raise AssayError(
            Code.REQUEST_INVALID,
            f"The service at {client.address} is too old to withhold pictures.",
            "Update it, or leave --withhold out.",
        )
    _tell(model, eval_set, display)
    return NewAudit(
        model.name,
        eval_set.name,
        cue_set=client.wait_operation(making_cues).name if making_cues else "",
        policy=wish.rules.written if wish.rules else "",
        profile=wish.rules.profile if wish.rules else None,
        seed=wish.seed,
        deadline_seconds=wish.deadline_seconds,
        expected_accuracy=wish.expected_accuracy,
        analyzers=wish.analyzers,
        look=wish.look,
        evidence_only=wish.evidence_only,
        waivers=wish.waivers,
        baseline=wish.baseline,
        baseline_evidence=wish.baseline_evidence,
        subject=_shown(wish.model),
    )


def _cues(client: Client, wish: Wish, display: Display) -> OperationView[EvalSetView] | None:
    """Pictures with cues in conflict on their way in, where some are given."""
    if wish.cues is None:
        return None
    return client.create_eval_set(
        NewEvalSet(
            _send(client, wish.cues.path, "data", display, wish.check),
            rows=wish.cues.rows,
            reading=replace(wish.reading, cues=True),
            display_name=_shown(wish.cues.path),
        )
    )


def _send(
    client: Client, path: Path, kind: FileKind, display: Display, before: Callable[[], None]
) -> FileRef:
    name = _shown(path)
    display.step(f"Sending {name}, unless the service has it.")

    def sent(so_far: int, total: int) -> None:
        display.sent(name, so_far, total)

    return client.upload(path, kind, sent, before=before)


def _tell(model: ModelView, eval_set: EvalSetView, display: Display) -> None:
    """What a person should know before the audit begins."""
    subject, data = model.facts, eval_set.facts
    if subject is None or data is None:
        return
    display.step(
        f"{subject.classes} classes, {subject.parameters:,} parameters; {data.n:,} images."
    )
    if subject.batch == "one":
        display.step(
            "A batch would change the model's answers, so images run one by one: slower, but "
            "otherwise the same."
        )
    if subject.freed:
        display.step(
            "The model file fixes its batch axis at 1. It was opened, answers batches as it "
            "answers single images, and breaks are replayed one by one."
        )
    if subject.twin:
        display.step(
            f"Warning: the model's own slopes say nothing ({subject.twin}); the attack climbs "
            "those of a twin without rounding, and that alone never earns a PASS."
        )
    if subject.gradient_gap:
        display.step(
            f"Warning: gradients are not available ({subject.gradient_gap}), and attacks need them."
        )


def _shown(path: Path) -> str:
    return "".join(char for char in path.name if char.isprintable())[:_LONGEST_NAME]
