"""Write ``docs/operators.md``: which operators have gradients here, which not, and why.

``python tools/operator_table.py`` writes it; ``--check`` exits 1 where it is stale.
"""

import argparse
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # run as a script, the checkout it lies in comes first

from onnx import defs  # noqa: E402 - after the path

from analyzers.engines.operators import FAMILIES, ROUNDING, SUPPORTED  # noqa: E402 - after the path
from analyzers.engines.operators.variants import REFUSED  # noqa: E402 - after the path
from analyzers.graph.reading import OLDEST_OPSET  # noqa: E402 - after the path

PAGE = ROOT / "docs" / "operators.md"

WITHOUT_RULE: Mapping[str, frozenset[str]] = {
    "holds a graph of its own, which is refused at upload": frozenset(
        {"If", "Loop", "Scan", "SequenceMap"}
    ),
    "answers with a sequence or an optional, not with a tensor": frozenset(
        {
            *("ConcatFromSequence", "Optional", "OptionalGetElement", "OptionalHasElement"),
            *("SequenceAt", "SequenceConstruct", "SequenceEmpty", "SequenceErase"),
            *("SequenceInsert", "SequenceLength", "SplitToSequence"),
        }
    ),
    "works on text": frozenset(
        {"RegexFullMatch", "StringConcat", "StringNormalizer", "StringSplit", "TfIdfVectorizer"}
    ),
    "is random: the same picture would be answered differently": frozenset(
        {
            *("Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform"),
            "RandomUniformLike",
        }
    ),
    "is a training loss": frozenset({"NegativeLogLikelihoodLoss", "SoftmaxCrossEntropyLoss"}),
    "runs along time": frozenset(
        {
            *("CausalConvWithState", "GRU", "LSTM", "LinearAttention", "RNN"),
            "TensorScatter",
        }
    ),
    "belongs to sound": frozenset(
        {"BlackmanWindow", "DFT", "HammingWindow", "HannWindow", "MelWeightMatrix", "STFT"}
    ),
    "belongs to detection": frozenset({"MaxRoiPool", "NonMaxSuppression", "RoiAlign"}),
    "decodes files": frozenset({"ImageDecoder"}),
    "reads bits or counts what has no slope": frozenset({"BitCast", "Unique"}),
}
_LATER = "no classifier met so far needs it"
_TYPES = "text, complex numbers, 8-bit floats or numbers below 8 bits"


def newest() -> dict[str, int]:
    """Every standard operator with the opset of its newest form."""
    found = {one.name: one.since_version for one in defs.get_all_schemas() if one.domain == ""}
    return dict(sorted(found.items()))


def why_not(operator: str) -> str:
    """Why an operator has no rule."""
    return next((why for why, named in WITHOUT_RULE.items() if operator in named), _LATER)


def page() -> str:
    """The whole page."""
    return "\n".join([*_head(), *_supported(), *_refused(), *_missing(), ""])


def _head() -> Iterator[str]:
    have, every = len(SUPPORTED), newest()
    yield "# Operators with gradients"
    yield ""
    yield "Written by `tools/operator_table.py`; a test says when it is stale."
    yield ""
    yield (
        f"Of the {len(every)} operators of the standard domain (opset {OLDEST_OPSET} to "
        f"{defs.onnx_opset_version()}) {have} have a rule, {len(REFUSED)} of these refuse one "
        f"variant, and {len(every.keys() - SUPPORTED)} have none. An operator without a rule "
        "makes gradients unavailable (`GRADIENT_UNAVAILABLE: op X at node Y`); the audit goes on "
        "and cannot pass on gradients it did not have."
    )
    yield ""
    yield (
        f"No operator takes {_TYPES}. Half precision is computed in float32, and quantised "
        f"operators ({', '.join(sorted(ROUNDING))}) pass the slope straight through: both make "
        "the gradient a twin's, which the evidence names and which carries no PASS alone."
    )


def _supported() -> Iterator[str]:
    every = newest()
    yield from (
        "",
        "## Supported",
        "",
        "| family | operators (opset of the newest form) |",
        "|---|---|",
    )
    for family, rules in FAMILIES.items():
        named = ", ".join(f"{one} ({every[one]})" for one in sorted(rules))
        yield f"| {family} | {named} |"


def _refused() -> Iterator[str]:
    yield from ("", "## Refused variants of supported operators", "")
    yield from ("| operator | refused |", "|---|---|")
    yield from (f"| {operator} | {REFUSED[operator]} |" for operator in sorted(REFUSED))


def _missing() -> Iterator[str]:
    yield from ("", "## Without a rule", "", "| why | operators |", "|---|---|")
    reasons: dict[str, list[str]] = {}
    for operator in newest().keys() - SUPPORTED:
        reasons.setdefault(why_not(operator), []).append(operator)
    for why, operators in sorted(reasons.items()):
        yield f"| {why} | {', '.join(sorted(operators))} |"


def main(arguments: list[str] | None = None) -> int:
    """Write the page, or say whether it is fresh."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare")
    fresh = page()
    if parser.parse_args(arguments).check:
        return 0 if PAGE.exists() and PAGE.read_text("utf-8") == fresh else 1
    PAGE.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
