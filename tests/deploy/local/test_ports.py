"""Ports: free ones, the same as last time, and none that an outgoing connection could be given."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import development, ports
from deploy.local.errors import LaunchError
from deploy.local.settings import Settings
from deploy.local.suite import choose_ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server((ports.LOOPBACK, ports.choose())) as server:
        yield server.getsockname()[1]


def test_a_remembered_port_is_kept_while_it_is_free() -> None:
    port = ports.choose()

    assert ports.choose(port) == port


def test_a_remembered_port_that_somebody_took_is_replaced(taken: int) -> None:
    assert ports.choose(taken) != taken


def test_a_port_promised_to_another_process_is_not_chosen() -> None:
    port = ports.choose()

    assert ports.choose(port, frozenset({port})) != port


def test_no_port_is_given_twice_before_anybody_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "SPAN", 60)
    monkeypatch.setattr(ports, "TRIES", 60)

    chosen = [ports.choose() for _ in range(20)]

    assert len(set(chosen)) == 20


def test_a_service_does_not_return_to_a_port_that_a_server_was_given_meanwhile(tmp_path: Path) -> None:
    before = choose_ports(tmp_path / "ports.json")

    after = choose_ports(tmp_path / "ports.json", taken=frozenset({before["messaging"]}))

    assert after["messaging"] != before["messaging"]


def test_ports_are_below_those_lent_to_outgoing_connections() -> None:
    first = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert all(ports.choose() < first for _ in range(20))


def test_the_services_find_their_ports_again(tmp_path: Path) -> None:
    chosen = choose_ports(tmp_path / "ports.json")

    assert len(set(chosen.values())) == 7
    assert choose_ports(tmp_path / "ports.json") == chosen


def test_a_port_asked_for_and_taken_is_told_in_one_sentence(taken: int) -> None:
    with pytest.raises(LaunchError, match=f"Port {taken} is taken"):
        development.gateway_port(Settings({"EDUSTREAM_PORT": str(taken)}))


@pytest.mark.parametrize("port", ["http", "0", "70000", "-1"])
def test_a_port_that_is_none_is_told_in_one_sentence(port: str) -> None:
    with pytest.raises(LaunchError, match="between 1 and 65535"):
        development.gateway_port(Settings({"EDUSTREAM_PORT": port}))


@pytest.mark.parametrize("host", ["::", "::1", "192.0.2.1", "nobody.invalid"])
def test_an_address_that_is_none_of_this_machine_is_told_in_one_sentence(host: str) -> None:
    with pytest.raises(LaunchError, match=f"EDUSTREAM_HOST is '{host}'"):
        development.gateway_port(Settings({"EDUSTREAM_HOST": host, "EDUSTREAM_PORT": str(ports.choose())}))


@pytest.mark.parametrize("host", ["0.0.0.0", "127.0.0.1", "127.0.0.2", "localhost"])
def test_an_address_of_this_machine_is_taken(host: str) -> None:
    port = ports.choose()

    assert development.gateway_port(Settings({"EDUSTREAM_HOST": host, "EDUSTREAM_PORT": str(port)})) == port


def test_the_next_port_is_taken_when_nobody_asked_for_one(taken: int) -> None:
    assert ports.next_free(taken) > taken
