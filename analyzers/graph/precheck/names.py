"""Names out of a file: bounded, readable, without characters that steer a terminal or a page."""

import unicodedata

from analyzers.graph.precheck.limits import Limits, broken, shown

_STEERING = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Control and format characters, among them those that turn the direction of writing."""


def check_name(name: str | bytes, what: str, limits: Limits) -> None:
    """Refuse a name that is too long or no text; protobuf hands over as bytes what is no UTF-8."""
    if isinstance(name, bytes):
        raise broken(f"The name of {what} is no text: '{shown(name)}'.")
    if len(name) > limits.name_bytes or len(name.encode()) > limits.name_bytes:
        raise broken(
            f"The name of {what} has more than {limits.name_bytes} bytes: '{shown(name)}'."
        )
    if name.isascii() and name.isprintable():
        return
    if any(unicodedata.category(char) in _STEERING for char in name):
        raise broken(f"The name of {what} holds control characters: '{shown(name)}'.")
