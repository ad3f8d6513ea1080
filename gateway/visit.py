"""One request on its way through: who sent it, what its answer will carry, and what is noted when it is over."""

from gateway.clients import Client
from gateway.inbound import Inbound
from gateway.outbound import Headers

CLIENT_GONE = 499  # as proxies note it; nobody receives it


class Visit:
    """`headers` are those of the answer, whoever gives it. `peer` is the address of the other end of the connection."""

    __slots__ = ("client", "headers", "inbound", "peer", "route", "service", "status", "user_id")

    def __init__(self, inbound: Inbound, client: Client, peer: str, headers: Headers) -> None:
        self.inbound, self.client, self.peer, self.headers = inbound, client, peer, headers
        self.route, self.service = "unmatched", "gateway"
        self.status = CLIENT_GONE
        self.user_id: int | None = None
