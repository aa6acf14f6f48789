"""Our own Markdown becomes plain text that fits, and our pages use nothing else."""

import re

import pytest

from service.cli.readable import readable
from service.cli.topics import Topic, topics

PAGE = """\
# NAME: A title

Some **strong** words about `code` and [a link](LINK.md)
over two lines.

- first thing, which
  is long
- second

1. one
2. two

    assay check  MODEL
        deeper

## Next

End.
"""
TEXT = """\
NAME: A title

  Some strong words about
  `code` and a link over
  two lines.

  - first thing, which is
    long
  - second

  1. one
  2. two

      assay check  MODEL
          deeper

Next

  End."""
TOPICS = topics()
EVERY = pytest.mark.parametrize("topic", TOPICS, ids=[one.id for one in TOPICS])


def test_every_construct() -> None:
    """Headings, paragraphs, lists and code; words are filled anew, code stays as it is."""
    assert readable(PAGE, 27) == TEXT


def test_only_headings_are_styled() -> None:
    """On a terminal headings are bold; without the escapes it is the same text."""
    styled = readable(PAGE, 27, styled=True)
    assert re.findall(r"\033\[1m(.*?)\033\[0m", styled) == ["NAME: A title", "Next"]
    assert re.sub(r"\033\[[01]m", "", styled) == TEXT


def test_a_word_longer_than_the_line_stays_whole() -> None:
    """Paths and commands can be copied, whatever the width."""
    assert "  evalset@sha256:0000/1111-2222" in readable("To evalset@sha256:0000/1111-2222", 20)


@EVERY
@pytest.mark.parametrize("width", [30, 100])
def test_every_page_fits(topic: Topic, width: int) -> None:
    """Lines of any page keep to the width, but for code and for single words beyond it."""
    for line in readable(topic.page, width).splitlines():
        assert len(line) <= width or line.startswith("      ") or " " not in line.strip(" -")


@EVERY
def test_no_page_uses_what_is_not_rendered(topic: Topic) -> None:
    """No table, fence, quote, HTML or picture; nor is any mark left over in the text."""
    assert not re.search(r"^(\||```|>|<|!\[|\* |===|---)", topic.page, re.MULTILINE)
    assert not re.search(r"\]\(|\*\*|^#", readable(topic.page, 100), re.MULTILINE)
