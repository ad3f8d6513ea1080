"""HTTP clients that know no certificates: to read those of the world takes each client longer than most tests."""

import ssl
from typing import Any

import httpx

TRUSTS_NOBODY = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def plain_client(**values: Any) -> httpx.AsyncClient:
    """For servers on this machine, which speak no TLS."""
    return httpx.AsyncClient(verify=TRUSTS_NOBODY, trust_env=False, **values)
