"""Lists in pages: every row once, whatever happens meanwhile, and tokens that are good for one."""

import base64
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path

import pytest
from sqlalchemy import insert, text

from service.errors import AssayError, Code
from service.store import tables
from service.store.catalogue import DEFAULT_PAGE, LONGEST_PAGE, Catalogue
from service.store.database import Database
from service.store.queue import Queue
from service.store.records import NewAudit, NewModel

NO_CONDITIONS: Mapping[str, Sequence[str]] = {}


async def pages(catalogue: Catalogue, limit: int) -> AsyncGenerator[list[str], None]:
    """The ids of each page of models, one page after the other."""
    after = ""
    while True:
        page = await catalogue.list_models("local", limit, after)
        yield [row.id for row in page.items]
        after = page.next_token
        if not after:
            return


async def add_models(catalogue: Catalogue, names: Sequence[str]) -> None:
    """Models of the project, one after the other."""
    for name in names:
        await catalogue.add_model(NewModel("local", name, "f" * 64), None)


async def test_pages_hold_every_row_once_while_rows_are_added(catalogue: Catalogue) -> None:
    """Rows that were there at the first page each come exactly once, newest first."""
    names = [f"n{number:02}" for number in range(25)]
    await add_models(catalogue, names)
    seen: list[str] = []
    async for page in pages(catalogue, 4):
        seen += page
        await add_models(catalogue, [f"late{len(seen)}"])
    there = ["m", *names]
    assert [name for name in seen if name in there] == there[::-1]
    assert not [name for name in seen if name.startswith("late")]


async def test_numbered_pages_would_repeat_rows(database: Database, catalogue: Catalogue) -> None:
    """Why pages continue behind a row: counted offsets show a row twice when one is added."""
    await add_models(catalogue, ["a", "b", "c"])
    query = text(
        "SELECT id FROM model WHERE project = 'local' "
        "ORDER BY create_time DESC, id DESC LIMIT 2 OFFSET :start"
    )
    seen: list[str] = []
    for start in (0, 2):
        async with database.read() as connection:
            seen += list(await connection.scalars(query, {"start": start}))
        await add_models(catalogue, [f"late{start}"])
    assert len(seen) > len(set(seen))


async def test_rows_of_one_moment_each_come_once(database: Database, catalogue: Catalogue) -> None:
    """The id decides among equal times, so a page may end between them."""
    await add_models(catalogue, [f"n{number:02}" for number in range(10)])
    async with database.write() as connection:
        await connection.execute(text("UPDATE model SET create_time = 5"))
    seen = [name async for page in pages(catalogue, 3) for name in page]
    assert seen == sorted(seen, reverse=True)
    assert len(set(seen)) == len(seen) == 11


async def test_a_row_that_is_removed_does_not_disturb_the_others(catalogue: Catalogue) -> None:
    """The row where the last page ended may go away before the next page is asked for."""
    await add_models(catalogue, ["a", "b", "c", "d"])
    seen: list[str] = []
    async for page in pages(catalogue, 2):
        seen += page
        await catalogue.delete_model("local", page[-1])
    assert seen == ["d", "c", "b", "a", "m"]


@pytest.mark.parametrize(
    ("asked", "given"), [(0, DEFAULT_PAGE), (-3, 1), (7, 7), (10**9, LONGEST_PAGE)]
)
async def test_the_length_of_a_page_is_kept_in_bounds(
    database: Database, catalogue: Catalogue, asked: int, given: int
) -> None:
    """No length, a senseless one and a huge one are all answered."""
    rows = [
        {"project": "local", "id": f"n{number}", "state": "QUEUED"}
        for number in range(LONGEST_PAGE + 1)
    ]
    async with database.write() as connection:
        await connection.execute(insert(tables.model), rows)
    page = await catalogue.list_models("local", asked, "")
    assert len(page.items) == given
    assert page.next_token


async def test_the_last_page_says_so(catalogue: Catalogue) -> None:
    """A page that ends with the last row has no token, however well it is filled."""
    await add_models(catalogue, ["a"])
    assert (await catalogue.list_models("local", 2, "")).next_token == ""
    assert (await catalogue.list_models("local", 1, "")).next_token != ""


async def test_a_token_that_was_changed_anywhere_is_refused(catalogue: Catalogue) -> None:
    """Flipping any byte gives PAGE_TOKEN_INVALID; as it was given it works."""
    await add_models(catalogue, ["a", "b"])
    token = (await catalogue.list_models("local", 1, "")).next_token
    assert [row.id for row in (await catalogue.list_models("local", 1, token)).items] == ["a"]
    raw = base64.urlsafe_b64decode(token)
    changed = [raw[:at] + bytes([raw[at] ^ 1]) + raw[at + 1 :] for at in range(len(raw))]
    wrong = [base64.urlsafe_b64encode(one).decode() for one in changed]
    for bad in [*wrong, token[:-4], token + "AAAA", "AAAA", "!", "ä"]:
        with pytest.raises(AssayError) as refused:
            await catalogue.list_models("local", 1, bad)
        assert refused.value.code is Code.PAGE_TOKEN_INVALID


async def test_a_token_continues_only_the_list_that_it_was_given_for(
    catalogue: Catalogue, queue: Queue
) -> None:
    """Another project, collection or condition is another question; the page's length is not."""
    for _ in range(3):
        await queue.enqueue(NewAudit("local", "m", "d"))
    chosen = {"state": ["QUEUED", "LEASED"]}
    token = (await catalogue.list_audits("local", 1, "", chosen)).next_token
    same = {"state": ["LEASED", "QUEUED"]}
    assert len((await catalogue.list_audits("local", 50, token, same)).items) == 2
    for question in (
        catalogue.list_audits("other", 1, token, chosen),
        catalogue.list_audits("local", 1, token, NO_CONDITIONS),
        catalogue.list_audits("local", 1, token, {**chosen, "model": ["m"]}),
        catalogue.list_models("local", 1, token),
        catalogue.list_eval_sets("local", 1, token),
    ):
        with pytest.raises(AssayError) as refused:
            await question
        assert refused.value.code is Code.PAGE_TOKEN_INVALID


async def test_a_token_of_another_database_is_refused(catalogue: Catalogue, tmp_path: Path) -> None:
    """The seal rests on a secret that each database has for itself."""
    await add_models(catalogue, ["a", "b"])
    token = (await catalogue.list_models("local", 1, "")).next_token
    database = await Database.open(f"sqlite+aiosqlite:///{tmp_path / 'second.db'}")
    with pytest.raises(AssayError) as refused:
        await Catalogue(database).list_models("local", 1, token)
    await database.close()
    assert refused.value.code is Code.PAGE_TOKEN_INVALID


async def test_conditions_choose_audits(catalogue: Catalogue, queue: Queue) -> None:
    """State, model and verdict each narrow the list, within the project."""
    await catalogue.add_model(NewModel("local", "m2", "f" * 64), None)
    made = [await queue.enqueue(NewAudit("local", name, "d")) for name in ("m", "m2", "m")]
    await queue.enqueue(NewAudit("other", "m", "d"))
    lease = await queue.claim("w")
    assert lease is not None
    assert await queue.finish(lease, "SUCCEEDED", verdict="FAIL")
    first, second, third = (one.id for one in made)

    async def chosen(**conditions: Sequence[str]) -> list[str]:
        page = await catalogue.list_audits("local", 50, "", conditions)
        return [row.id for row in page.items]

    assert lease.audit == first
    assert await chosen() == [third, second, first]
    assert await chosen(model=["m"]) == [third, first]
    assert await chosen(state=["QUEUED"], model=["m"]) == [third]
    assert await chosen(verdict=["FAIL", "PASS"]) == [first]
    assert await chosen(eval_set=["elsewhere"]) == []
