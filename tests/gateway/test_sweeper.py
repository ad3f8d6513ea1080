"""Everybody's time limits are looked after, and never everybody's at once."""

from collections import Counter

from gateway.sweeper import EVERY, Sweeper
from tests.waiting import eventually


class Connection:
    def __init__(self) -> None:
        self.swept: list[float] = []

    def sweep(self, now: float) -> None:
        self.swept.append(now)


async def test_a_few_at_a_time_are_asked_and_all_of_them_as_often() -> None:
    sweeper, connections = Sweeper(), [Connection() for _ in range(1_000)]
    for connection in connections:
        sweeper.watch(connection)
    sweeper.forget(gone := connections.pop())
    sweeper.start()

    async def all_thrice() -> bool:
        return all(len(connection.swept) > 2 for connection in connections)

    await eventually(all_thrice)
    sweeper.stop()
    at_once = Counter(now for connection in connections for now in connection.swept)
    assert max(at_once.values()) < len(connections) / 4
    assert max(len(connection.swept) for connection in connections) <= 4
    assert all(connection.swept[2] - connection.swept[0] > 1.9 * EVERY for connection in connections)
    assert not gone.swept
