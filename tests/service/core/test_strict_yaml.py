"""Text that people write: plain data comes out, and nothing that surprises or takes for ever."""

import time

import pytest

from service.core.strict_yaml import read_yaml


def test_plain_data_comes_out() -> None:
    """Mappings, lists, numbers and texts as YAML has them; a range is no number."""
    assert read_yaml("a: [1, 2.5]\nb: {c: true}\nd: 0-255\n") == {
        "a": [1, 2.5],
        "b": {"c": True},
        "d": "0-255",
    }
    assert read_yaml("") is None


def test_only_true_and_false_are_truth_values() -> None:
    """A key `on`, a class `no` or a country's code stays the word that was written."""
    assert read_yaml("{on: [yes, no, off, y, N], a: [True, FALSE]}") == {
        "on": ["yes", "no", "off", "y", "N"],
        "a": [True, False],
    }


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: 1\na: 2", "the key 'a' is written twice"),
        ("x: {b: 1, b: 1}", "the key 'b' is written twice"),
        ("a: [", "while parsing"),
        ("a: !!python/name:os.system", "could not determine a constructor"),
        ("a: 2026-13-45", "month"),
        ("a: *b", "alias"),
        ("[" * 51, "nested too deeply"),
    ],
)
def test_what_is_no_plain_data_is_refused(text: str, reason: str) -> None:
    """A reason of one line, whatever the reader stumbled over."""
    with pytest.raises(ValueError, match=reason) as refused:
        read_yaml(text)
    assert "\n" not in str(refused.value)


def test_ordinary_nesting_is_taken() -> None:
    """Control: fifty brackets are read."""
    assert read_yaml("[" * 50 + "]" * 50) is not None


@pytest.mark.parametrize("opening", ["[", "{", "[{"])
def test_deep_nesting_takes_no_time(opening: str) -> None:
    """Thousands of brackets cost seconds where they are all looked at."""
    begun = time.process_time()
    with pytest.raises(ValueError, match="nested too deeply"):
        read_yaml(opening * 20_000)
    assert time.process_time() - begun < 3
