"""Searching one's own messages."""

from collections.abc import Iterator
from typing import Any, LiteralString

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.messaging import queries
from services.messaging.actions import reading
from services.messaging.search import highlight, pattern, words_of
from tests.harness import Harness
from tests.services.messaging.conversation import write
from tests.services.messaging.people import ANNA, BOB, EVE, introduce


@pytest.fixture
async def acquaintances(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)


async def search(service: Harness, who: int, query: str, **params: Any) -> dict[str, Any]:
    answer = await service.person(who).get("/api/messages/search", params={"query": query} | params)
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def texts(service: Harness, who: int, query: str, **params: Any) -> list[str]:
    return [m["message"] for m in (await search(service, who, query, **params))["messages"]]


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for below in plan.get("Plans", ()):
        yield from nodes(below)


@pytest.mark.usefixtures("acquaintances")
async def test_only_own_messages_are_found_newest_first(service: Harness) -> None:
    await write(service, ANNA, BOB, "Physics on Monday")
    await write(service, BOB, ANNA, "No physics today")
    await write(service, BOB, EVE, "Physics is our secret")

    assert await texts(service, ANNA, "physics") == ["No physics today", "Physics on Monday"]
    assert await texts(service, EVE, "PHYSICS") == ["Physics is our secret"]


@pytest.mark.usefixtures("acquaintances")
async def test_every_word_must_occur_in_any_order_and_as_a_part(service: Harness) -> None:
    await write(service, ANNA, BOB, "Homework for tomorrow")
    await write(service, ANNA, BOB, "Homework was yesterday")

    assert await texts(service, ANNA, "morrow home") == ["Homework for tomorrow"]


@pytest.mark.usefixtures("acquaintances")
async def test_the_other_side_can_be_chosen(service: Harness) -> None:
    await write(service, ANNA, BOB, "lesson with Bob")
    await write(service, EVE, ANNA, "lesson with Eve")

    found = await search(service, ANNA, "lesson", user_id=EVE)

    assert [(m["other_user_id"], m["other_user_name"]) for m in found["messages"]] == [(EVE, "Eve Stranger")]
    assert await texts(service, ANNA, "lesson", user_id=ANNA) == []


@pytest.mark.usefixtures("acquaintances")
@pytest.mark.parametrize("query", ["%", "_", "\\", "100%", "a_b", "x\\y"])
async def test_signs_of_patterns_are_plain_characters(service: Harness, query: str) -> None:
    await write(service, ANNA, BOB, "nothing of the kind")
    await write(service, ANNA, BOB, "100% sure of a_b and x\\y")

    assert await texts(service, ANNA, query) == ["100% sure of a_b and x\\y"]


@pytest.mark.usefixtures("acquaintances")
async def test_deleted_messages_are_not_found_and_edited_ones_by_their_new_words(service: Harness) -> None:
    gone, edited = await write(service, ANNA, BOB, "apple one"), await write(service, ANNA, BOB, "apple two")
    await service.person(ANNA).delete(f"/api/messages/{gone['id']}")
    await service.person(ANNA).patch(f"/api/messages/{edited['id']}", json={"message": "pear"})

    assert await texts(service, BOB, "apple") == []
    assert await texts(service, BOB, "pear") == ["pear"]


@pytest.mark.usefixtures("acquaintances")
async def test_what_was_found_is_paged_and_highlighted(service: Harness) -> None:
    for n in range(5):
        await write(service, ANNA, BOB, f"<b>Lesson</b> {n}")

    page = await search(service, BOB, "lesson", page=2, page_size=2)

    assert (page["total"], page["page"], page["total_pages"]) == (5, 2, 3)
    assert [m["highlight"] for m in page["messages"]] == [f"&lt;b&gt;<mark>Lesson</mark>&lt;/b&gt; {n}" for n in (2, 1)]


@pytest.mark.usefixtures("acquaintances")
@pytest.mark.parametrize("params", [{}, {"query": ""}, {"query": "   "}, {"query": "x" * 101}, {"query": "x", "user_id": 0}])
async def test_a_search_for_nothing_is_refused(service: Harness, params: dict[str, Any]) -> None:
    assert (await service.person(ANNA).get("/api/messages/search", params=params)).status_code == 422


@pytest.mark.usefixtures("acquaintances")
async def test_search_uses_its_index(service: Harness) -> None:
    """People and words are one condition of one index: other people's messages are never read."""
    params = {"mine": [ANNA], "longest": pattern("physics"), "all": [pattern("physics")], "most": 1000}
    async with service.database.transaction() as tx:
        await tx.run("SET LOCAL enable_seqscan = off")
        plan = "\n".join(r["QUERY PLAN"] for r in await tx.rows(f"EXPLAIN {queries.COUNT_INDEXED}", **params))

    assert "messages_search" in plan
    assert "Index Cond" in plan
    condition = next(line for line in plan.splitlines() if "Index Cond" in line)
    assert "@>" in condition
    assert "~~*" in condition


@pytest.mark.usefixtures("acquaintances")
async def test_the_plan_kept_for_all_searches_reads_ones_own_messages_only(service: Harness) -> None:
    statement = queries.SEARCH_INDEXED
    for number, name in enumerate(("mine", "longest", "all", "limit", "offset", "user_id"), 1):
        statement = statement.replace(f"%({name})s", f"${number}")
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO messages (sender_id, recipient_id, position, text, created_at)
               SELECT 1000 + n %% 50, 2000, n, 'about the lesson ' || n, now() FROM generate_series(1, 5000) AS n
               UNION ALL SELECT 101, 102, n, 'about the lesson ' || n, now() FROM generate_series(1, 50) AS n"""
        )
        await tx.run("ANALYZE messages")
        await tx.run("SET LOCAL enable_seqscan = off")  # with so few rows it may be cheaper, depending on what tests before left
        await tx.run("SET LOCAL plan_cache_mode = force_generic_plan")
        await tx.connection.execute(f"PREPARE find (bigint[], text, text[], bigint, bigint, bigint) AS {statement}".encode())
        plan = await tx.rows("EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE find ('{101}', '%%lesson%%', '{%%lesson%%}', 20, 0, 101)")
        await tx.connection.execute("DEALLOCATE find")

    assert "messages_search" in str(plan)
    assert [n["Actual Rows"] for n in nodes(plan[0]["QUERY PLAN"][0]["Plan"]) if n.get("Relation Name") == "messages"] == [50]


@pytest.mark.usefixtures("acquaintances")
async def test_common_words_are_found_as_rare_ones_are(service: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(6):
        sender, recipient = ((ANNA, BOB), (EVE, ANNA), (BOB, EVE))[n % 3]
        await write(service, sender, recipient, f"Lesson {n} about {'physics' if n % 2 else 'chemistry'}")
    asked: list[tuple[int, str, dict[str, Any]]] = [
        (ANNA, "lesson", {}),
        (ANNA, "about physics", {}),
        (ANNA, "lesson", {"user_id": EVE}),
        (EVE, "LESSON", {"page": 2, "page_size": 2}),
        (BOB, "nothing", {}),
    ]

    monkeypatch.setattr(reading, "COMMON", 0)
    common = [await search(service, who, query, **params) for who, query, params in asked]
    monkeypatch.setattr(reading, "COMMON", 1_000_000)
    rare = [await search(service, who, query, **params) for who, query, params in asked]

    assert common == rare
    assert [found["total"] for found in common] == [4, 2, 2, 4, 0]


@pytest.mark.usefixtures("acquaintances")
@pytest.mark.parametrize("statement", [queries.COUNT_NEWEST, queries.SEARCH_NEWEST, queries.LATELY_FOUND])
async def test_the_newest_messages_are_read_until_there_are_enough(service: Harness, statement: LiteralString) -> None:
    values = {"user_id": 101, "other_id": None, "mine": "{101}", "all": "{%%lesson%%}", "most": 20, "lately": 20}
    values |= {"limit": 20, "offset": 0}
    names = [name for name in values if f"%({name})s" in statement]
    kinds = ["text[]" if name == "all" else "bigint[]" if name == "mine" else "bigint" for name in names]
    for number, name in enumerate(names, 1):
        statement = statement.replace(f"%({name})s", f"${number}")
    given = ", ".join("NULL" if values[name] is None else f"'{values[name]}'" for name in names)
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO messages (sender_id, recipient_id, position, text, created_at)
               SELECT 1000 + n %% 50, 2000, n, 'about the lesson ' || n, now() FROM generate_series(1, 5000) AS n
               UNION ALL SELECT 101, 102, n, 'about the lesson ' || n, now() FROM generate_series(1, 5000) AS n"""
        )
        await tx.run("ANALYZE messages")
        await tx.run("SET LOCAL plan_cache_mode = force_generic_plan")
        await tx.connection.execute(f"PREPARE newest ({', '.join(kinds)}) AS {statement}".encode())
        plan = await tx.rows(f"EXPLAIN (ANALYZE, FORMAT JSON) EXECUTE newest ({given})")
        await tx.connection.execute("DEALLOCATE newest")

    read = [n for n in nodes(plan[0]["QUERY PLAN"][0]["Plan"]) if n.get("Relation Name") == "messages"]
    assert {n["Index Name"] for n in read} == {"messages_of_low", "messages_of_high"}
    assert sum(n["Actual Rows"] + n.get("Rows Removed by Filter", 0) for n in read) <= 20


@pytest.mark.usefixtures("acquaintances")
async def test_more_than_a_thousand_are_not_counted_and_still_found(service: Harness) -> None:
    await write(service, ANNA, BOB, "lesson")
    async with service.database.transaction() as tx:
        await tx.run(
            """INSERT INTO messages (sender_id, recipient_id, position, text, created_at)
               SELECT 101, 102, n, 'lesson ' || n, now() FROM generate_series(2, 1100) AS n"""
        )

    found = await search(service, ANNA, "lesson", page=11, page_size=100)

    assert (found["total"], found["total_pages"]) == (1000, 10)
    assert len(found["messages"]) == 100


def test_a_long_text_is_cut_around_the_first_match() -> None:
    text = f"{'a' * 500} needle {'b' * 500}"

    assert highlight(text, ["needle"]) == f"…{'a' * 79} <mark>needle</mark> {'b' * 79}…"


@given(st.text(), st.text(min_size=1).filter(lambda q: q.split()))
def test_a_highlight_holds_no_markup_but_its_own(text: str, query: str) -> None:
    marked = highlight(text, words_of(query))

    plain = marked.replace("<mark>", "").replace("</mark>", "")
    assert "<" not in plain
    assert ">" not in plain
    assert marked.count("<mark>") == marked.count("</mark>")
