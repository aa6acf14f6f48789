"""The subject: a canonical file under one preprocessing."""

from dataclasses import replace

from analyzers.contract import InputSpec, SubjectFacts
from service.core.canonical import digest
from service.errors import AssayError, Code
from service.intake.fit import check_input_spec
from service.intake.models import Canonical


def subject_of(canonical: Canonical, declared: InputSpec) -> SubjectFacts:
    """The subject under one preprocessing.

    Its digest covers canonical file, map and output, and the uploaded file where that is asked
    again: what it answered may not be remembered for another upload of the same graph.
    """
    facts = canonical.facts
    spec = input_spec_of(canonical, declared)
    channels, height, width = facts["shape"]
    name = digest(
        {
            "model": canonical.digest,
            "input": spec.as_json(),
            "output": facts["output_name"],
            "upload": facts["upload"],
        }
    )
    return SubjectFacts(
        digest=name,
        classes=facts["classes"],
        shape=(channels, height, width),
        batch=facts["batch"],
        freed=facts["batch"] == "free" and facts["upload_batch"] == "one",
        gradient_gap=facts["gradient_gap"],
        uploaded=bool(facts["upload"]),
        twin=facts["twin"],
        bn_folded=facts["bn_folded"],
        parameters=facts["parameters"],
        source_weights=facts.get("conversion", {}).get("weights", ""),
    )


def input_spec_of(canonical: Canonical, declared: InputSpec) -> InputSpec:
    """The declared preprocessing, with what only the file can say: its type and its axes."""
    facts = canonical.facts
    check_input_spec(declared, facts["shape"][0])
    if facts["layout"] != declared.layout and not facts["either_layout"]:
        raise AssayError(
            Code.PREPROCESSING_INVALID,
            f"The model's input is laid out as {facts['layout'].upper()}, and "
            f"{declared.layout.upper()} was declared.",
            f"Give --layout {facts['layout']}.",
        )
    given = {"dtype": facts["dtype"], "axes": tuple(facts["axes"])}
    if facts["dtype"].startswith("float"):
        return replace(declared, **given)
    if declared.mean or declared.std or declared.scale != 1.0:
        raise AssayError(
            Code.PREPROCESSING_INVALID,
            f"The model takes whole numbers ({facts['dtype']}), to which no normalisation fits.",
            "Leave --normalize out: pixels are given as 0 to 255, for int8 as -128 to 127.",
        )
    middle = {"mean": tuple(facts["mean"]), "std": tuple(facts["std"])}
    return replace(declared, scale=facts["scale"], **middle, **given)
