"""Mails by SMTP."""

import asyncio
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from services.notifications.delivery.channel import HandOver, Later, Letter, Refused, Unreachable
from services.notifications.delivery.wording import Wording, deliverable

TIMEOUT = 15.0  # seconds for each answer of the server
FAREWELL = 2.0  # seconds to take leave of it
LOCAL = ("localhost", "127.0.0.1", "::1")
CLOSING = 421


class SmtpServer:
    """A channel to one SMTP server; the connection is kept for as long as there is something to send."""

    def __init__(self, url: str, wording: Wording) -> None:
        parts = urlsplit(url)
        self._implicit_tls = parts.scheme == "smtps"
        self._host = parts.hostname or "localhost"
        self._port = parts.port or (465 if self._implicit_tls else 25)
        self._username = unquote(parts.username) if parts.username else None
        self._password = unquote(parts.password) if parts.password else None
        self._wording = wording
        self._client: SMTP | None = None

    async def send(self, letter: Letter, hand_over: HandOver) -> None:
        mail = self._wording.mail(letter)
        client = await self._connected()
        await self._envelope(client, deliverable(letter.address))
        await hand_over()
        # From here on only the server's answer tells. A connection that breaks now may break after the mail was taken
        # (RFC 1047), so that is not caught: not sending twice is preferred to sending at least once.
        try:
            await client.data(mail.as_bytes())
        except SMTPResponseException as error:
            if error.code // 100 != 2:  # the library takes only 250 for a yes
                await self._answered(error)

    async def close(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(SMTPException, OSError):
                async with asyncio.timeout(FAREWELL):  # whatever was asked last may not be answered yet
                    await client.quit()
            client.close()

    async def _connected(self) -> SMTP:
        if self._client is None or not self._client.is_connected:
            # A password is never sent in the clear, except to this machine.
            must_encrypt = self._username is not None and self._host not in LOCAL and not self._implicit_tls
            client = SMTP(
                hostname=self._host,
                port=self._port,
                username=self._username,
                password=self._password,
                use_tls=self._implicit_tls,
                start_tls=True if must_encrypt else None,
                timeout=TIMEOUT,
            )
            try:
                await client.connect()
            except (SMTPException, OSError) as error:
                raise Unreachable(_describe(error)) from error
            self._client = client
        return self._client

    async def _envelope(self, client: SMTP, address: str) -> None:
        is_plain = address.isascii()
        if not is_plain and not client.supports_extension("smtputf8"):
            raise Refused("the mail server takes no address beyond ASCII")
        try:
            await client.mail(self._wording.sender.addr_spec, options=None if is_plain else ["SMTPUTF8"])
        except (SMTPException, OSError) as error:  # our own address or login is refused: no letter can be sent
            await self.close()
            raise Unreachable(_describe(error)) from error
        try:
            await client.rcpt(address, encoding="ascii" if is_plain else "utf-8")
        except SMTPResponseException as error:
            await self._answered(error)
        except (SMTPException, OSError) as error:
            await self.close()
            raise Unreachable(_describe(error)) from error

    async def _answered(self, error: SMTPResponseException) -> None:
        """The server said no to this letter: for ever (5xx) or for now (4xx). The connection is good for the next. Anything else
        is no answer, and is raised again."""
        if error.code // 100 not in (4, 5):
            raise error
        if error.code == CLOSING:
            await self.close()
            raise Unreachable(_describe(error)) from error
        if self._client is not None:
            try:
                await self._client.rset()
            except (SMTPException, OSError):
                await self.close()
        kind = Refused if error.code >= 500 else Later
        raise kind(_describe(error)) from error


def _describe(error: Exception) -> str:
    text = f"{error.code} {error.message}" if isinstance(error, SMTPResponseException) else repr(error)
    return text[:300]
