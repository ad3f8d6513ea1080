"""Who is asking: the client's address, believed from a header only when a trusted proxy wrote it."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import NamedTuple

Network = IPv4Network | IPv6Network


class Client(NamedTuple):
    """`address` is the client's; `key` is what its limits are counted under; `scheme` and `host` are those it used."""

    address: str
    key: str
    scheme: str
    host: bytes


@lru_cache(maxsize=10_000)
def limit_key(address: str) -> str:
    """The address itself, or the /64 network of an IPv6 one: everybody there owns 2^64 of them."""
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        return str(IPv6Network((parsed, 64), strict=False).network_address)
    return address


@lru_cache(maxsize=10_000)
def _parse(text: str) -> IPv4Address | IPv6Address | None:
    if "%" in text:  # a zone means nothing beyond its own machine, and may hold any characters
        return None
    try:
        parsed = ip_address(text.strip().removeprefix("[").removesuffix("]"))
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


class Networks:
    """Addresses and networks that a setting names."""

    def __init__(self, networks: list[str]) -> None:
        """Raises ValueError for what is not an address or network."""
        self._networks = [ip_network(n, strict=False) for n in networks]
        self.contain = lru_cache(maxsize=10_000)(self._contain)

    def __bool__(self) -> bool:
        return bool(self._networks)

    def _contain(self, address: str) -> bool:
        parsed = _parse(address)
        return parsed is not None and any(parsed in network for network in self._networks)


class TrustedProxies(Networks):
    """Networks whose `x-forwarded-*` headers are believed."""

    def client(self, peer: str, scheme: str, host: bytes, forwarded: dict[bytes, bytes] | None) -> Client:
        """The client behind `peer`. In `x-forwarded-for` the rightmost address that is not itself a trusted proxy's counts:
        what stands further left was written by whoever pleased."""
        if not self._networks or not self.contain(peer):
            return Client(peer, limit_key(peer), scheme, host)
        forwarded = forwarded or {}
        address = peer
        for hop in reversed(forwarded.get(b"x-forwarded-for", b"").decode("latin-1").split(",")):
            parsed = _parse(hop)
            if parsed is None:
                break
            address = str(parsed)
            if not self.contain(address):
                break
        proto = forwarded.get(b"x-forwarded-proto", b"").strip().lower()
        return Client(
            address,
            limit_key(address),
            proto.decode() if proto in (b"http", b"https") else scheme,
            forwarded.get(b"x-forwarded-host", host),
        )
