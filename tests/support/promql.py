"""Enough of PromQL to try alert rules: it reads an expression and says what labels its answer has.

Prometheus itself takes an expression that names a metric or a value nobody exports, or compares
vectors whose labels can never match; such an alert is silent for ever. Here all of it is an error.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

Labels = Mapping[str, frozenset[str] | None]
"""The labels of a metric, each with all its values; None where they are open."""

TOKEN: Final = re.compile(
    r"\s*(?:(?P<duration>\d+[smhdw])|(?P<number>\d+(?:\.\d+)?)|(?P<name>[A-Za-z_:][\w:]*)"
    r'|(?P<text>"(?:[^"\\]|\\.)*")|(?P<sign>=~|!~|==|!=|<=|>=|[-+*/%<>=(){}\[\],]))'
)
AGGREGATIONS: Final = ("avg", "count", "max", "min", "sum")
OVER_TIME: Final = ("changes", "increase", "max_over_time", "min_over_time", "rate")
OF_COUNTERS: Final = ("increase", "rate")
"""Meaningless on what may fall."""
LEVELS: Final = (
    ("or",),
    ("and", "unless"),
    ("==", "!=", "<=", "<", ">=", ">"),
    ("+", "-"),
    ("*", "/", "%"),
)
COUNTERS: Final = ("_total", "_count", "_sum", "_bucket")


class SilentError(ValueError):
    """An expression that is no PromQL, or can never say anything."""


@dataclass(frozen=True)
class Vector:
    """Series with these labels; over a range of time or now."""

    labels: frozenset[str]
    ranged: bool = False
    counter: bool = False


Value = Vector | None
"""None is a number."""


def check(expression: str, metrics: Mapping[str, Labels]) -> frozenset[str]:
    """The labels of the alerts that an expression raises; SilentError where it cannot raise any."""
    reader = _Reader(_tokens(expression), metrics)
    found = reader.level(0)
    if reader.ahead():
        raise SilentError(f"nothing is expected before {reader.ahead()!r}")
    if found is None or found.ranged:
        raise SilentError("an alert needs a vector of now")
    if not reader.compared:
        raise SilentError("nothing is compared, so the alert would always be raised")
    return found.labels


def _tokens(expression: str) -> list[str]:
    found: list[str] = []
    place = 0
    while place < len(expression.rstrip()):
        match = TOKEN.match(expression, place)
        if match is None:
            raise SilentError(f"cannot be read from {expression[place:]!r} on")
        found.append(match.group().strip())
        place = match.end()
    return found


@dataclass
class _Reader:
    """One pass over the tokens; each method reads one thing."""

    tokens: list[str]
    metrics: Mapping[str, Labels]
    compared: bool = False
    place: int = field(default=0)

    def ahead(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def take(self, *wanted: str) -> str:
        found = self.ahead()
        if not found or (wanted and found not in wanted):
            raise SilentError(f"{' or '.join(wanted) or 'more'} is expected before {found!r}")
        self.place += 1
        return found

    def level(self, depth: int) -> Value:
        """Operators of one precedence and what binds tighter."""
        if depth == len(LEVELS):
            return self.operand()
        found = self.level(depth + 1)
        while self.ahead() in LEVELS[depth]:
            sign = self.take()
            self.compared = self.compared or depth == 2
            found = _joined(sign, found, self.level(depth + 1))
        return found

    def operand(self) -> Value:
        word = self.take()
        if word == "(":
            return self.closed()
        if word[0].isdigit():
            float(word)
            return None
        if word in AGGREGATIONS:
            return self.aggregation()
        if word in OVER_TIME and self.ahead() == "(":
            return self.over_time(word)
        return self.selector(word)

    def closed(self) -> Value:
        found = self.level(0)
        self.take(")")
        return found

    def aggregation(self) -> Value:
        by, names = True, list[str]()
        if self.ahead() in ("by", "without"):
            by, names = self.take() == "by", self.names()
        self.take("(")
        found = self.closed()
        if found is None or found.ranged:
            raise SilentError("only a vector of now can be aggregated")
        missing = set(names) - found.labels
        if missing:
            raise SilentError(f"there is no label {missing.pop()!r} to aggregate by")
        return Vector(frozenset(label for label in found.labels if (label in names) == by))

    def names(self) -> list[str]:
        self.take("(")
        found = [self.take()]
        while self.take(",", ")") == ",":
            found.append(self.take())
        return found

    def over_time(self, function: str) -> Value:
        self.take("(")
        found = self.closed()
        if found is None or not found.ranged:
            raise SilentError(f"{function} needs a range of time")
        if function in OF_COUNTERS and not found.counter:
            raise SilentError(f"{function} needs a counter")
        return Vector(found.labels)

    def selector(self, name: str) -> Value:
        if name not in self.metrics:
            raise SilentError(f"nobody exports {name!r}")
        labels = self.metrics[name]
        if self.ahead() == "{":
            self.take()
            while self.ahead() != "}":
                self.matcher(name, labels)
                if self.ahead() != "}":
                    self.take(",")
            self.take("}")
        ranged = self.ahead() == "["
        if ranged:
            self.take()
            if not re.fullmatch(r"\d+[smhdw]", self.take()):
                raise SilentError("a range needs a duration")
            self.take("]")
        return Vector(frozenset(labels), ranged, name.endswith(COUNTERS))

    def matcher(self, name: str, labels: Labels) -> None:
        label, sign, text = self.take(), self.take("=", "!=", "=~", "!~"), self.take()
        if label not in labels:
            raise SilentError(f"{name} has no label {label!r}")
        known = labels[label]
        wanted = text.strip('"').split("|") if "~" in sign else [text.strip('"')]
        if known is not None and not known.issuperset(wanted):
            raise SilentError(f"{name} never has {label}={text}")


def _joined(sign: str, left: Value, right: Value) -> Value:
    for one in (left, right):
        if one is not None and one.ranged:
            raise SilentError(f"{sign} joins no ranges of time")
    if left is None or right is None:
        if sign in ("and", "or", "unless"):
            raise SilentError(f"{sign} joins vectors only")
        return left or right
    if left.labels != right.labels:
        raise SilentError(
            f"{sign} joins {_told(left.labels)} with {_told(right.labels)}, which differ"
        )
    return Vector(left.labels)


def _told(labels: frozenset[str]) -> str:
    return f"({', '.join(sorted(labels))})"
