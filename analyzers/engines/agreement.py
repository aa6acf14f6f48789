"""The canonical form of an upload that goes furthest and still answers as the uploaded bytes do."""

from typing import Final

from analyzers.contract import Refusal
from analyzers.engines.selfcheck import SelfCheck, self_check
from analyzers.graph.canonical import CanonicalModel, canonicalise
from analyzers.graph.normalise import Wish
from analyzers.graph.packed import whole
from analyzers.graph.reading import read_model

_LESS_AND_LESS: Final = (
    *((True, True, True), (True, False, True), (False, True, True), (False, False, True)),
    *((True, True, False), (False, False, False)),
)
"""Whether to convert to the working opset, to free the batch, to cut a softmax off."""
_MENDED_BY_LESS: Final = frozenset(
    {"MODEL_BROKEN", "MODEL_CANONICAL_DIFFERS", "MODEL_OPERATOR_UNSUPPORTED"}
)
"""The runtime lacks some operators in their newest version only."""


Agreed = tuple[CanonicalModel, SelfCheck]


def agreed(upload: bytes, output: str = "") -> Agreed:
    """Normalise as far as the answers allow; refused when not even the plain rewriting agrees."""
    refusals: list[Refusal] = []
    for convert, free, cut in _LESS_AND_LESS:
        try:
            model = canonicalise(upload, Wish(output, convert=convert, free=free, cut=cut))
            check = self_check(model, upload)
        except Refusal as refusal:
            if refusal.code not in _MENDED_BY_LESS:
                raise
            if not refusals:
                read_model(whole(upload))  # what reading refuses, no lesser wish can mend
            # Not with the frames it came through: they hold a whole model each.
            refusals.append(Refusal(refusal.code, refusal.sentence, refusal.remedy))
        else:
            return _freer(upload, output, (model, check))
    raise refusals[-1]


def _freer(upload: bytes, output: str, plain: Agreed) -> Agreed:
    """Another try at the batch axis of a file that computes its sizes: in these they are known."""
    model, check = plain
    if check.batch == "free" or model.upload_batch == "free":
        return plain
    try:
        settled = canonicalise(upload, Wish(output, settle=True))
        other = self_check(settled, upload)
    except Refusal:
        return plain
    return (settled, other) if other.batch == "free" else plain
