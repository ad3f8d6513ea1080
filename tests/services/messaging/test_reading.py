"""Threads, conversations and unread counts."""

import psycopg
import pytest

from services.messaging import queries
from tests.harness import Harness
from tests.servers import Databases
from tests.services.messaging.conversation import threads, write
from tests.services.messaging.people import ANNA, BOB, EVE, changed, introduce, purged


@pytest.fixture(autouse=True)
async def acquaintances(service: Harness) -> None:
    await introduce(service, ANNA, BOB, EVE)


async def test_a_thread_shows_the_other_side_and_its_newest_message(service: Harness) -> None:
    await write(service, ANNA, BOB, "First")
    last = await write(service, ANNA, BOB, "See you tomorrow!")

    (thread,) = await threads(service, BOB)

    assert thread == {
        "other_user_id": ANNA,
        "other_user_name": "Anna Student",
        "other_user_avatar": f"http://localhost:8000/api/avatars/{ANNA}.webp",
        "last_message": "See you tomorrow!",
        "last_message_id": last["id"],
        "last_message_sender_id": ANNA,
        "last_message_is_deleted": False,
        "last_message_at": last["created_at"],
        "unread_count": 2,
    }


async def test_threads_are_listed_newest_first(service: Harness) -> None:
    await write(service, ANNA, BOB)
    await write(service, EVE, ANNA)
    await write(service, BOB, ANNA)

    assert [t["other_user_id"] for t in await threads(service, ANNA)] == [BOB, EVE]


async def test_the_sender_has_nothing_unread(service: Harness) -> None:
    await write(service, ANNA, BOB)

    assert [t["unread_count"] for t in await threads(service, ANNA)] == [0]


async def test_strangers_see_nothing_of_a_thread(service: Harness) -> None:
    await write(service, ANNA, BOB)
    eve = service.person(EVE)

    assert await threads(service, EVE) == []
    assert (await eve.get(f"/api/messages/threads/{ANNA}")).json()["messages"] == []
    assert (await eve.get("/api/messages/unread/count")).json() == {"unread_count": 0}


async def test_page_one_holds_the_newest_messages_in_the_order_they_were_sent(service: Harness) -> None:
    for n in range(1, 8):
        await write(service, ANNA if n % 2 else BOB, BOB if n % 2 else ANNA, str(n))
    anna = service.person(ANNA)

    pages = [(await anna.get(f"/api/messages/threads/{BOB}?page={p}&page_size=3")).json() for p in (1, 2, 3, 4)]

    assert [[m["message"] for m in p["messages"]] for p in pages] == [["5", "6", "7"], ["2", "3", "4"], ["1"], []]
    assert {(p["total"], p["total_pages"]) for p in pages} == {(7, 3)}
    assert [p["page"] for p in pages] == [1, 2, 3, 4]


@pytest.mark.parametrize("query", ["page=0", "page_size=0", "page_size=101", "page=x"])
async def test_an_impossible_page_is_refused(service: Harness, query: str) -> None:
    for path in ("threads", f"threads/{BOB}"):
        assert (await service.person(ANNA).get(f"/api/messages/{path}?{query}")).status_code == 422


async def test_a_conversation_not_begun_is_empty(service: Harness) -> None:
    answer = await service.person(ANNA).get("/api/messages/threads/424242")

    assert (answer.status_code, answer.json()) == (200, {"messages": [], "total": 0, "page": 1, "total_pages": 0})


async def test_a_thread_follows_the_other_sides_name(service: Harness) -> None:
    await write(service, ANNA, BOB)

    await service.deliver(changed(BOB, 2, last_name="Renamed"))

    assert [t["other_user_name"] for t in await threads(service, ANNA)] == ["Bob Renamed"]


async def test_a_purged_account_leaves_its_messages_under_no_name(service: Harness) -> None:
    await write(service, BOB, ANNA, "Still here")

    await service.deliver(purged(BOB, 3))

    (thread,) = await threads(service, ANNA)
    assert (thread["other_user_name"], thread["last_message"]) == ("Deleted user", "Still here")
    async with service.database.reading() as tx:
        rows = await tx.rows("SELECT name, email FROM people WHERE id = %(id)s", id=BOB)
    assert rows == [{"name": "Deleted user", "email": ""}]


async def test_everything_needs_a_token(service: Harness) -> None:
    anonymous = service.client()
    answers = [await anonymous.get(f"/api/messages/{p}") for p in ("threads", "threads/1", "unread/count")]
    answers.append(await anonymous.post("/api/messages", json={"recipient_id": BOB, "message": "Hi"}))

    assert [a.status_code for a in answers] == [401] * 4
    assert {a.headers["www-authenticate"] for a in answers} == {"Bearer"}


async def test_the_thread_list_is_read_in_the_order_of_its_index_however_many_there_are(
    service: Harness, databases: Databases
) -> None:
    """Checked on the plan that is kept for everybody: one that sorts all threads of a person is slow for whoever has many."""
    statement = queries.THREADS.replace("%(owner_id)s", "$1").replace("%(limit)s", "$2").replace("%(offset)s", "$3")
    people = "INSERT INTO people SELECT id, 1, 'x', '', '', true FROM generate_series(1000, 4000) AS id ON CONFLICT DO NOTHING"
    sides = """
    INSERT INTO threads SELECT owner, 4000, 1, 0, now() FROM generate_series(1000, 3999) AS owner
    UNION ALL SELECT 4000, other, 1, 0, now() FROM generate_series(1000, 3999) AS other
    """
    async with service.database.transaction() as tx:
        await tx.connection.execute(people)
        await tx.connection.execute(sides)
    with psycopg.connect(databases.owners["messaging"], autocommit=True) as owner:
        owner.execute("ANALYZE threads")
    async with service.database.transaction() as tx:
        await tx.run("SET LOCAL plan_cache_mode = force_generic_plan")
        await tx.run("SET LOCAL random_page_cost = 4")
        await tx.connection.execute(f"PREPARE list (bigint, bigint, bigint) AS {statement}".encode())
        plan = "\n".join(r["QUERY PLAN"] for r in await tx.rows("EXPLAIN EXECUTE list (1, 50, 0)"))
        await tx.connection.execute("DEALLOCATE list")

    page = plan[plan.index("Limit") :]
    assert "Index Scan using threads_newest" in page
    assert "Sort" not in page
