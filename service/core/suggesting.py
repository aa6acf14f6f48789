"""What somebody may have meant who wrote a word that is not known."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import get_args

from pydantic import BaseModel

_MOST = 3
_ALIKE = 0.65
"""Of difflib's ratio: `epz` is near `eps` (0.67), `atleast` is not near `threat` (0.62)."""


def nearest(word: str, known: Iterable[str]) -> list[str]:
    """The known words that read most like this one, best first; case does not count."""
    folded = {one.casefold(): one for one in known}
    return [folded[one] for one in get_close_matches(word.casefold(), folded, _MOST, _ALIKE)]


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question that names the nearest known word; empty when none is near."""
    found = nearest(word, known)
    return f"Did you mean {found[0]}?" if found else ""


def keys_at(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that may stand at a place inside a model, as they are written."""
    for step in place:
        below = _fields(model).get(str(step))
        # Numbers of a list and names of a mapping are no fields: what they hold is reached already.
        model = _model_in(below) or model
    return [*_fields(model)]


def _fields(model: type[BaseModel]) -> dict[str, object]:
    return {field.alias or name: field.annotation for name, field in model.model_fields.items()}


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model that a type is, or holds: ``tuple[Model, ...]``, ``Model | None``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_model_in, get_args(annotation))), None)
