"""Names of witnesses and their index: known answers, and what is refused."""

import json
from typing import Any

import pytest

from service.errors import AssayError, Code, Exit
from service.witnesses.index import WRITTEN, read_index, stem
from support.witnesses import entry_of, index_of, picture

ENTRY = entry_of(picture(0), picture(1), row=7)
OTHER = entry_of(picture(2), picture(3), row=8)


def test_a_name_tells_row_sample_and_classes() -> None:
    """The row comes first, so that a listing is in order; the threat comes last."""
    key = "attacks.linf@Linf:8/255:white:gate"
    name = stem(17, "3f2a9c10" + "0" * 56, label=3, became=5, threat=key)
    assert name == "row00017-3f2a9c10-3-to-5-linf-Linf-8of255-white-gate"
    assert WRITTEN.fullmatch(f"{name}-8bit.png")


@pytest.mark.parametrize(
    "name", ["../row00001-3f2a9c10-1.png", "index.html", "row1.png", "a/b.npy"]
)
def test_other_names_are_not_ours(name: str) -> None:
    """Neither a path nor somebody else's file looks like a witness."""
    assert WRITTEN.fullmatch(name) is None


def test_an_index_is_read_as_it_was_written() -> None:
    """Nothing is lost on the way through the file."""
    index = index_of(ENTRY, OTHER)
    assert read_index(index.as_file()) == index
    body = json.loads(index.as_file())
    assert (body["form"], body["witnesses"][0]["became"]) == ("assay/witnesses/1", {"8-bit": 2})


def test_rows_choose_witnesses() -> None:
    """All without a row, the named ones with it, and a row that has none is told."""
    index = index_of(ENTRY, OTHER)
    assert index.of_rows([]) == [ENTRY, OTHER]
    assert index.of_rows([8]) == [OTHER]
    with pytest.raises(AssayError) as refused:
        index.of_rows([7, 9])
    assert (refused.value.code, refused.value.exit) == (Code.REQUEST_INVALID, Exit.USAGE)
    assert "row 9" in refused.value.sentence


def changed(**fields: Any) -> bytes:  # noqa: ANN401 - values of any kind, bad ones too
    """The index with its witness changed."""
    body = json.loads(index_of(ENTRY).as_file())
    body["witnesses"][0] |= fields
    return json.dumps(body).encode()


BAD = {
    "nothing": b"",
    "no json": b"{",
    "list": b"[]",
    "form": index_of().as_file().replace(b"assay/witnesses/1", b"assay/witnesses/9"),
    "path": changed(clean={"name": "../../etc/passwd", "pixels": "0" * 64}),
    "absolute": changed(clean={"name": "/etc/passwd", "pixels": "0" * 64}),
    "hidden": changed(clean={"name": ".bashrc", "pixels": "0" * 64}),
    "eps": changed(eps="8/0"),
    "negative": changed(label=-1),
    "depth": changed(became={"16-bit": 1}),
    "text": changed(row="7"),
    "size": index_of().as_file().replace(b"   3,\n   4,\n   5", b"   9999,\n   9999,\n   9999"),
    "spec": index_of().as_file().replace(b'"layout": "nchw"', b'"lay": 1'),
    "long": b" " * (5 << 20) + index_of().as_file(),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_no_index_is_an_integrity_error(case: str) -> None:
    """Damaged, foreign and hostile files end with 6, before any file that they name is opened."""
    with pytest.raises(AssayError) as refused:
        read_index(BAD[case])
    assert (refused.value.code, refused.value.exit) == (Code.EVIDENCE_INVALID, Exit.INTEGRITY)


def test_the_index_that_was_changed_is_read() -> None:
    """Control: the one that the bad ones were made from is fine."""
    assert read_index(changed(eps="8/255")).witnesses == [ENTRY]
