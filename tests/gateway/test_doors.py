"""How many connections may come in, and what is said where the system allows fewer."""

import asyncio
import resource

import pytest
import structlog

from gateway.clients import Networks
from gateway.server.doors import Doors, open_wide
from tests.gateway.test_protocol import Client


def test_one_address_has_so_many_connections_and_no_more() -> None:
    doors = Doors(most=10, most_each=2, proxies=Networks([]))
    first, second, third = (Client(doors) for _ in range(3))

    assert [one.transport.aborted for one in (first, second, third)] == [False, False, True]
    third.protocol.connection_lost(None)
    first.protocol.connection_lost(None)
    assert not Client(doors).transport.aborted


def test_an_address_of_the_next_version_is_counted_with_its_network() -> None:
    doors = Doors(most=10, most_each=1, proxies=Networks([]))
    leave = doors.enter("2001:db8::1")

    assert leave is not None
    assert doors.enter("2001:db8::ffff:2") is None
    assert doors.enter("2001:db8:0:1::1") is not None
    leave()
    assert doors.enter("2001:db8::ffff:2") is not None


def test_who_takes_a_connection_over_has_its_place() -> None:
    doors = Doors(most=1, most_each=1, proxies=Networks([]))
    client = Client(doors)
    client.protocol.takeover(asyncio.Protocol())
    assert Client(doors).transport.aborted

    client.protocol.leave()
    assert not Client(doors).transport.aborted


@pytest.mark.parametrize("error", [ValueError, OSError])
def test_where_no_more_files_may_be_opened_it_is_said(error: type[Exception], monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr(resource, "setrlimit", refuse)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (256, resource.RLIM_INFINITY))
    with structlog.testing.capture_logs() as said:
        open_wide(128)
        assert said == []
        open_wide(129)

    assert [line["event"] for line in said] == ["few_open_files"]


def test_a_proxy_has_everybodys_connections_up_to_the_limit_of_all() -> None:
    doors = Doors(most=3, most_each=1, proxies=Networks(["203.0.113.0/24"]))

    assert [Client(doors).transport.aborted for _ in range(4)] == [False, False, False, True]
