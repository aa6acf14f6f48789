"""YAML as people write it into a file for us: plain data, no key twice."""

import re
from typing import Any, Final

import yaml
from yaml.nodes import MappingNode
from yaml.tokens import Token

_DEEPEST: Final = 50
"""Brackets in brackets; looking for keys before each of thousands takes seconds."""


class _Strict(yaml.SafeLoader):
    """YAML that refuses a key written twice: the second would silently win."""

    def fetch_flow_collection_start(self, TokenClass: type[Token]) -> None:  # noqa: N803 - its name
        if self.flow_level >= _DEEPEST:
            message = "its brackets are nested too deeply"
            raise yaml.YAMLError(message)
        super().fetch_flow_collection_start(TokenClass)  # pyright: ignore[reportUnknownMemberType]  # untyped in PyYAML's stubs

    def construct_mapping(self, node: MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]  # pyright: ignore[reportUnknownMemberType]  # untyped in PyYAML's stubs
        twice = sorted({str(key) for key in keys if keys.count(key) > 1})
        if twice:
            message = f"the key '{twice[0]}' is written twice"
            raise yaml.YAMLError(message)
        return super().construct_mapping(node, deep=deep)


# YAML 1.1 takes on, off, yes and no for truth values, so a key `on` would not be what it says.
_Strict.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in forms if tag != "tag:yaml.org,2002:bool"]
    for first, forms in _Strict.yaml_implicit_resolvers.items()
}
_Strict.add_implicit_resolver(  # pyright: ignore[reportUnknownMemberType]  # untyped in the stubs
    "tag:yaml.org,2002:bool", re.compile("^(true|True|TRUE|false|False|FALSE)$"), list("tTfF")
)


def read_yaml(text: str) -> object:
    """What a text says; ValueError with the reason when it is no YAML that can be read."""
    try:
        return yaml.load(text, Loader=_Strict)  # noqa: S506 - a SafeLoader, made stricter
    except Exception as error:
        # Beside its own errors the reader lets those of its constructors through: a thirteenth
        # month, a tag that does not fit its text, lists nested a thousand deep.
        raise ValueError(_first_line(error)) from error


def write_yaml(body: object) -> str:
    """A text that reads as this body."""
    return yaml.safe_dump(body, sort_keys=False, allow_unicode=True)


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or ["it has no content"])[0].rstrip(".")
