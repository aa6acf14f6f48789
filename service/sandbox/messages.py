"""What a child may say, as a closed schema: its answers are data, checked before use."""

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.@:/-]{1,120}$")]
Scalar = int | float | str | bool | None
Column = list[Scalar]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class BlobHead(_Message):
    """A tensor that follows: its body is raw and little-endian, its shape stands here."""

    name: Name
    dtype: Literal["uint8", "int32", "int64", "float32", "float64"]
    shape: list[Annotated[int, Field(ge=0, le=2**40)]] = Field(max_length=8)

    @property
    def size(self) -> int:
        """Length of the body in bytes."""
        return math.prod(self.shape) * np.dtype(self.dtype).itemsize


class Ready(_Message):
    """The child is locked and waits for a request."""

    type: Literal["ready"]
    level: int


class Progress(_Message):
    """Work in flight."""

    type: Literal["progress"]
    done: int = Field(ge=0)
    total: int = Field(ge=0)
    note: str = Field(default="", max_length=200)


class Answer(_Message):
    """What a one-shot stage found: facts and the blobs that follow."""

    type: Literal["answer"]
    facts: dict[Name, Any]
    blobs: list[BlobHead] = Field(default=[], max_length=16)


class PartialAnswer(_Message):
    """What a measurement found, before verification."""

    type: Literal["partial"]
    outcome: Literal["measured", "not_applicable", "not_available", "out_of_budget", "error"]
    numbers: dict[Name, int | float]
    samples: dict[Name, Column]
    passes: dict[Literal["forward", "backward"], Annotated[int, Field(ge=0)]]
    claims: Name | None
    note: str = Field(default="", max_length=1000)
    blobs: list[BlobHead] = Field(max_length=16)

    @model_validator(mode="after")
    def _whole(self) -> "PartialAnswer":
        lengths = {len(column) for column in self.samples.values()}
        if len(lengths) > 1:
            message = "sample columns of different lengths"
            raise ValueError(message)
        if any(not math.isfinite(number) for number in self.numbers.values()):
            message = "a number that is not finite"
            raise ValueError(message)
        if self.claims is not None and self.claims not in {one.name for one in self.blobs}:
            message = "claims without their witnesses"
            raise ValueError(message)
        return self


class Refused(_Message):
    """The child cannot do it and says why in the user's words."""

    type: Literal["refused"]
    code: str = Field(max_length=64)
    sentence: str = Field(max_length=500)
    remedy: str = Field(max_length=500)


class Failed(_Message):
    """An exception nobody expected; the note is for the log, never for the user."""

    type: Literal["failed"]
    memory: bool
    note: str = Field(max_length=8000)


Message = Ready | Progress | Answer | PartialAnswer | Refused | Failed
SAID: TypeAdapter[Message] = TypeAdapter(Annotated[Message, Field(discriminator="type")])
