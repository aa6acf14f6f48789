"""Pages as data: exactly what the template wrote, in parts that a script can build."""

import json

from service.report.live import audit_page, audits_page
from service.report.tree import as_json, parts_of

HOSTILE = "<img src=x onerror=alert(1)>\u2028</script>"


def test_parts_are_elements_by_name_attributes_and_text() -> None:
    """Only what is marked; entities decoded, capitals of SVG kept, void elements closed."""
    found = parts_of(
        b"<html><head><title>One &amp; two</title></head><body><p id=a>still</p>"
        b'<p id="b" data-live>so <b>it</b>\n  is &lt;b&gt;<br>x</p>'
        b'<svg id="c" data-live viewBox="0 0 1 1"><rect x="1"/><title>no</title></svg>'
        b"</body></html>"
    )
    assert found.title == "One & two"
    assert list(found.parts) == ["b", "c"]
    assert as_json(found.parts["b"]) == [
        "p",
        {"id": "b", "data-live": ""},
        ["so ", ["b", {}, ["it"]], " is <b>", ["br", {}, []], "x"],
    ]
    assert as_json(found.parts["c"]) == [
        "svg",
        {"id": "c", "data-live": "", "viewBox": "0 0 1 1"},
        [["rect", {"x": "1"}, []], ["title", {}, ["no"]]],
    ]


def test_lists_are_told_by_their_rows() -> None:
    """Each row is a part of its own, and the list is the order of their ids."""
    page = audits_page([{"id": "b", "state": "running"}, {"id": "a", "state": "queued"}])
    found = parts_of(page)
    assert found.lists == {"rows": ["row-b", "row-a"]}
    assert {"row-a", "row-b", "none"} == set(found.parts)


def test_hostile_names_are_text_and_nothing_else() -> None:
    """A name that is markup comes back as the same letters inside one piece of text."""
    audit = {"id": "a", "state": "running", "subject": HOSTILE, "model": HOSTILE}
    for page in (audit_page(audit), audits_page([audit])):
        told = json.dumps({name: as_json(one) for name, one in parts_of(page).parts.items()})
        assert '["img"' not in told
        assert '"onerror"' not in told
        assert "<img src=x onerror=alert(1)>" in told


def test_the_end_is_told() -> None:
    """A finished audit points to its report, a failed one stays."""
    ends = {state: parts_of(audit_page({"id": "a", "state": state})).over for state in STATES}
    assert ends == {"queued": "", "running": "", "succeeded": "report", "failed": "end"}


STATES = ("queued", "running", "succeeded", "failed")
