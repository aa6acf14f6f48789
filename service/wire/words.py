"""Words of the domain against the values of enums."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType
from typing import Generic, Literal, TypeVar, get_args

from analyzers.contract import Bound, Grade, InputType, Layout, Outcome, Severity, ViewKind
from assay.v1 import (
    audit_service_pb2,
    capabilities_service_pb2,
    common_pb2,
    eval_set_service_pb2,
    model_service_pb2,
)
from service.intake.reading import Channels
from service.rpc.ports import Claim, LogLevel, Look, Profile, State, VerdictWord
from service.wire.fields import invalid

W = TypeVar("W", bound=str)
N = TypeVar("N", bound=int)


class Words(Generic[W, N]):
    """Words of a Literal against the values of an enum that end in them."""

    def __init__(self, module: ModuleType, prefix: str, words: Sequence[W]) -> None:
        self.numbers: dict[W, N] = {
            word: getattr(module, f"{prefix}_{word.upper().replace('-', '_')}") for word in words
        }
        self.words: dict[int, W] = {number: word for word, number in self.numbers.items()}
        self.unspecified: N = getattr(module, f"{prefix}_UNSPECIFIED")

    def to_pb(self, word: W | None) -> N:
        """The value of a word; none is unspecified."""
        return self.unspecified if word is None else self.numbers[word]

    def from_pb(self, number: int, field: str) -> W:
        """The word of a value that must be set."""
        if number not in self.words:
            raise invalid(field, f"is {number}, which this version does not know")
        return self.words[number]

    def if_set(self, number: int, field: str) -> W | None:
        """The word of a value; unspecified is none."""
        return None if number == self.unspecified else self.from_pb(number, field)


STATES: Words[State, common_pb2.ExecutionState] = Words(
    common_pb2, "EXECUTION_STATE", get_args(State)
)
VERDICTS: Words[VerdictWord, common_pb2.Verdict] = Words(
    common_pb2, "VERDICT", get_args(VerdictWord)
)
PROFILES: Words[Profile, common_pb2.Profile] = Words(common_pb2, "PROFILE", get_args(Profile))
LOOKS: Words[Look, audit_service_pb2.Look] = Words(audit_service_pb2, "LOOK", get_args(Look))
CLAIMS: Words[Claim, common_pb2.Claim] = Words(common_pb2, "CLAIM", get_args(Claim))
CHANNEL_ORDERS: Words[Channels, eval_set_service_pb2.ChannelOrder] = Words(
    eval_set_service_pb2, "CHANNEL_ORDER", get_args(Channels)
)
PIXEL_RANGES: Words[Literal["0-1", "0-255"], eval_set_service_pb2.PixelRange] = Words(
    eval_set_service_pb2, "PIXEL_RANGE", ("0-1", "0-255")
)
LAYOUTS: Words[Layout, common_pb2.Layout] = Words(common_pb2, "LAYOUT", get_args(Layout))
ELEMENT_TYPES: Words[InputType, common_pb2.ElementType] = Words(
    common_pb2, "ELEMENT_TYPE", get_args(InputType)
)
OUTCOMES: Words[Outcome, common_pb2.Outcome] = Words(common_pb2, "OUTCOME", get_args(Outcome))
BOUNDS: Words[Bound, common_pb2.Bound] = Words(common_pb2, "BOUND", get_args(Bound))
GRADES: Words[Grade, common_pb2.Grade] = Words(common_pb2, "GRADE", get_args(Grade))
SEVERITIES: Words[Severity, common_pb2.Severity] = Words(common_pb2, "SEVERITY", get_args(Severity))
VIEW_KINDS: Words[ViewKind, common_pb2.ViewKind] = Words(
    common_pb2, "VIEW_KIND", get_args(ViewKind)
)
LOG_LEVELS: Words[LogLevel, audit_service_pb2.LogLevel] = Words(
    audit_service_pb2, "LOG_LEVEL", get_args(LogLevel)
)
BATCH_MODES: Words[Literal["free", "one"], model_service_pb2.BatchMode] = Words(
    model_service_pb2, "BATCH_MODE", ("free", "one")
)
FOLDINGS: Words[Literal["yes", "no"], model_service_pb2.BatchNormFolding] = Words(
    model_service_pb2, "BATCH_NORM_FOLDING", ("yes", "no")
)
COMPARISONS: Words[Literal["above", "below"], capabilities_service_pb2.Comparison] = Words(
    capabilities_service_pb2, "COMPARISON", ("above", "below")
)
