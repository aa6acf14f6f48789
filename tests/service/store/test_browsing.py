"""Audits as people look for them: words that are letters only, names, a subject's history."""

import pytest

from analyzers.contract import Json
from service.errors import AssayError, Code
from service.store.browsing import Browsing, Sought
from service.store.catalogue import Catalogue
from service.store.database import Database
from service.store.queue import Queue
from service.store.records import Lease, NewAudit, NewEvalSet, NewModel, NewReport

NAMES = ["net-100%.onnx", "net_v1.onnx", "NetXv1.onnx", "a/b\\c.onnx", "o'hare\".onnx"]


@pytest.fixture
async def browsing(database: Database, catalogue: Catalogue, queue: Queue) -> Browsing:
    """Five audits of ``local``, each of a model of another name, and one of another project."""
    await catalogue.add_eval_set(NewEvalSet("local", "named", "9" * 64, display_name="cars"), None)
    for place, name in enumerate(NAMES):
        await catalogue.add_model(NewModel("local", f"m{place}", f"{place}" * 64, name), None)
        await queue.enqueue(wish(f"m{place}", subject="signs" if place < 2 else ""))
    await queue.enqueue(NewAudit("other", "m", "d", options={"subject": "net", "file": "net"}))
    return Browsing(database)


def wish(model: str, subject: str = "", file: str = "", data: str = "named") -> NewAudit:
    """An audit to be queued."""
    return NewAudit("local", model, data, options={"subject": subject, "file": file})


async def found(browsing: Browsing, sought: Sought) -> list[str]:
    """Names of the models that are found, newest first."""
    page = await browsing.audits("local", sought, 50, "")
    return [one.model for one in page.items]


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("", NAMES[::-1]),
        ("NET", NAMES[2::-1]),
        ("%", NAMES[:1]),
        ("_", NAMES[1:2]),
        ("/", NAMES[3:4]),
        ("\\", NAMES[3:4]),
        ("'", NAMES[4:]),
        ('"', NAMES[4:]),
        ("signs", NAMES[1::-1]),
        ("CARS", NAMES[::-1]),
        ("' OR ''='", []),
        ("nothing", []),
        ("\N{AUTOMOBILE}", []),
    ],
)
async def test_words_are_letters_and_nothing_else(
    browsing: Browsing, words: str, names: list[str]
) -> None:
    """Whatever LIKE, its escape or SQL make of a letter, here it is that letter, in any case."""
    assert await found(browsing, Sought(words)) == names


async def test_states_and_verdicts_are_exact(browsing: Browsing, queue: Queue) -> None:
    """All wishes must hold at once."""
    lease = await claimed(queue)
    await queue.finish(lease, "SUCCEEDED", verdict="PASS")
    assert await found(browsing, Sought(verdict="PASS")) == NAMES[:1]
    assert await found(browsing, Sought(states=["SUCCEEDED"])) == NAMES[:1]
    assert await found(browsing, Sought("100", ["SUCCEEDED"], "PASS")) == NAMES[:1]
    assert await found(browsing, Sought("v1", ["SUCCEEDED"], "PASS")) == []
    assert await found(browsing, Sought(states=["QUEUED"])) == NAMES[:0:-1]


async def test_pages_continue_the_question_that_they_were_given_for(browsing: Browsing) -> None:
    """Page by page nothing is missing or twice; a token of another question is refused."""
    seen: list[str] = []
    token = ""
    for _ in range(3):
        page = await browsing.audits("local", Sought(), 2, token)
        seen += [one.model for one in page.items]
        token = page.next_token
    assert (seen, token) == (NAMES[::-1], "")
    first = await browsing.audits("local", Sought(), 2, "")
    for sought in (Sought("net"), Sought(verdict="PASS"), Sought(states=["QUEUED"])):
        with pytest.raises(AssayError) as refused:
            await browsing.audits("local", sought, 2, first.next_token)
        assert refused.value.code is Code.PAGE_TOKEN_INVALID


async def test_one_audit_has_its_names(browsing: Browsing) -> None:
    """Those of its model and data; another project's is not there."""
    page = await browsing.audits("local", Sought(), 1, "")
    one = await browsing.audit("local", page.items[0].row.id)
    assert one is not None
    assert one == page.items[0]
    assert (one.model, one.data, one.file_digest) == (NAMES[-1], "cars", "4" * 64)
    assert await browsing.audit("other", page.items[0].row.id) is None
    assert await browsing.audit("local", "nobody") is None


async def test_a_history_is_of_finished_audits_of_one_subject(
    browsing: Browsing, queue: Queue
) -> None:
    """Oldest first, each with its verdict and the last bracket of every threat."""
    for place in range(2):
        lease = await claimed(queue)
        for standing in (5, 4 - place):
            await queue.append_event(lease, bracket("Linf", standing))
        await queue.append_event(lease, bracket("L2", 9))
        await queue.append_event(lease, {"kind": "log", "level": "info", "text": "x"})
        report = NewReport("e" * 64, "f" * 64, {"requirements": [place]})
        await queue.finish(lease, "SUCCEEDED", verdict="FAIL", report=report)
    found = await browsing.releases("local", "signs", 10)
    assert [one.seen.model for one in found] == NAMES[:2]
    assert [one.verdict for one in found] == [{"requirements": [0]}, {"requirements": [1]}]
    told = [[(each["threat"], each["standing"]) for each in one.brackets] for one in found]
    assert told == [[("Linf", 4), ("L2", 9)], [("Linf", 3), ("L2", 9)]]
    (newest,) = await browsing.releases("local", "signs", 1)
    assert newest.seen.model == NAMES[1]
    for subject in ("sign", "SIGNS", "%", ""):
        assert await browsing.releases("local", subject, 10) == []
    assert await browsing.releases("other", "signs", 10) == []


async def claimed(queue: Queue) -> Lease:
    """The next audit of ``local``."""
    while True:
        lease = await queue.claim("worker")
        assert lease is not None
        if lease.project == "local":
            return lease


def bracket(threat: str, standing: int) -> dict[str, Json]:
    """An event as a commit leaves it."""
    return {"kind": "bracket", "threat": threat, "standing": standing}
