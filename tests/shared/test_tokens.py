"""Access tokens: verified once, remembered, refused the moment they are revoked; keys that come and go."""

import asyncio
import time
from functools import partial
from typing import Any

import httpx
import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.auth.keys import SigningKey
from shared import tokens
from shared.errors import Unavailable
from shared.tokens import InvalidToken, Role, TokenVerifier
from tests.gateway import keys
from tests.gateway.standin import Exchange, StandIn
from tests.harness import SIGNING_KEY, token
from tests.waiting import eventually

OTHER_KEY = SigningKey.from_secret(b"\1" * 32)
FUTURE = time.time() + 86_400  # however long the whole suite takes


class Auth:
    """The owner of the keys, as a verifier sees it."""

    def __init__(self, *keys: SigningKey) -> None:
        self.keys = list(keys)
        self.asked = 0
        self.fails: Exception | None = None
        self.hangs = asyncio.Event()
        self.hangs.set()  # set: it does not

    async def fetch(self) -> dict[str, Any]:
        self.asked += 1
        await self.hangs.wait()
        if self.fails:
            raise self.fails
        return {"keys": [key.jwk for key in self.keys]}


class Clock:
    """Monotonic time, to be moved."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def monotonic(self) -> float:
        return time.monotonic() + self.ahead

    time = staticmethod(time.time)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(tokens, "time", clock)
    return clock


def signed(claims: dict[str, Any], key: SigningKey = SIGNING_KEY, **header: Any) -> str:
    return jwt.encode(claims, key._key, algorithm="EdDSA", headers={"kid": key.kid} | header)


def payload(**changes: Any) -> dict[str, Any]:
    good: dict[str, Any] = jwt.decode(token(7), options={"verify_signature": False})
    return {name: value for name, value in (good | changes).items() if value is not None}


async def test_a_good_token_says_who(auth: Auth) -> None:
    claims = await TokenVerifier(auth.fetch).verify(token(7, "tutor", version=3, session_id="s"))

    assert (claims.user_id, claims.role, claims.version, claims.session_id) == (7, Role.TUTOR, 3, "s")


@pytest.fixture
def auth() -> Auth:
    return Auth(SIGNING_KEY)


@pytest.mark.parametrize("missing", ["sub", "role", "typ", "jti", "iss", "aud", "exp", "iat", "sid", "ver"])
async def test_a_token_that_lacks_a_claim_is_refused(auth: Auth, missing: str) -> None:
    with pytest.raises(InvalidToken):
        await TokenVerifier(auth.fetch).verify(signed(payload(**{missing: None})))


@pytest.mark.parametrize(
    "wrong",
    [
        {"typ": "refresh"},
        {"iss": "somebody"},
        {"aud": "somebody"},
        {"sub": "seven"},
        {"role": "boss"},
        {"ver": "x"},
        {"exp": int(time.time()) - 1},
        {"exp": "soon"},
        {"nbf": int(FUTURE)},
        {"iat": int(FUTURE)},
    ],
)
async def test_a_token_with_a_wrong_claim_is_refused(auth: Auth, wrong: dict[str, Any]) -> None:
    with pytest.raises(InvalidToken):
        await TokenVerifier(auth.fetch).verify(signed(payload(**wrong)))


async def test_a_clock_that_is_a_little_behind_auths_takes_its_tokens(auth: Auth) -> None:
    now = int(time.time())

    assert (await TokenVerifier(auth.fetch).verify(signed(payload(iat=now + 3)))).user_id == 7


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "a.b.c",
        "é.é.é",
        token(7)[:-6] + "AAAAAA",
        signed(payload(), OTHER_KEY, kid=SIGNING_KEY.kid),
        signed(payload(), OTHER_KEY),
        jwt.encode(payload(), "", algorithm="none"),
        jwt.encode(payload(), SIGNING_KEY.jwk["x"], algorithm="HS256", headers={"kid": SIGNING_KEY.kid}),
    ],
    ids=range(9),
)
async def test_a_forged_token_is_refused(auth: Auth, forged: str) -> None:
    with pytest.raises(InvalidToken):
        await TokenVerifier(auth.fetch).verify(forged)


@given(st.text(max_size=200))
async def test_any_text_that_is_no_token_is_refused(text: str) -> None:
    with pytest.raises(InvalidToken):
        await TokenVerifier(Auth(SIGNING_KEY).fetch).verify(text)


async def test_a_remembered_token_dies_with_its_revocation_and_its_time(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    verifier = TokenVerifier(auth.fetch)
    of_version, of_session, short = token(7, version=1), token(8, session_id="gone"), token(9, minutes=1)
    for each in (of_version, of_session, short):
        await verifier.verify(each)

    verifier.revocations.revoke_user(7, 2, FUTURE)
    verifier.revocations.revoke_session("gone", FUTURE)
    real = time.time
    for dead in (of_version, of_session):
        with pytest.raises(InvalidToken):
            verifier.recall(dead)
    assert verifier.recall(short) is not None
    monkeypatch.setattr(time, "time", lambda: real() + 61)
    with pytest.raises(InvalidToken):
        verifier.recall(short)

    assert (await verifier.verify(token(7, version=2))).user_id == 7


async def test_tokens_that_come_together_ask_for_keys_once(auth: Auth) -> None:
    verifier = TokenVerifier(auth.fetch)
    auth.hangs.clear()
    checks = [asyncio.ensure_future(verifier.verify(token(n))) for n in range(1, 30)]
    await eventually(lambda: _true(auth.asked > 0))
    auth.hangs.set()

    assert len(await asyncio.gather(*checks)) == 29
    assert auth.asked == 1


async def test_without_any_key_a_token_can_be_neither_trusted_nor_refused(auth: Auth) -> None:
    auth.fails = httpx.ConnectError("gone")
    verifier = TokenVerifier(auth.fetch)

    for _ in range(2):
        with pytest.raises(Unavailable):
            await verifier.verify(token(7))


async def test_who_began_before_auth_answers_as_soon_as_auth_does(auth: Auth, clock: Clock) -> None:
    auth.fails = httpx.ConnectError("gone")
    verifier = TokenVerifier(auth.fetch)
    with pytest.raises(Unavailable):
        await verifier.verify(token(7))

    auth.fails = None
    clock.ahead = 0.2

    assert (await verifier.verify(token(7))).user_id == 7


async def test_who_asked_an_auth_that_has_no_keys_yet_asks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "ASK_FIRST", 0.01)
    auth = await StandIn("auth").start()
    auth.on["/.well-known/jwks.json"] = partial(Exchange.answer, status="503 Service Unavailable", body=b'{"keys": []}')
    verifier = TokenVerifier(tokens.keys_at(auth.url))
    preparing = asyncio.ensure_future(verifier.prepare())
    try:
        await eventually(lambda: _true(len(auth.seen) >= 2))
        auth.on.clear()
        await preparing

        assert (await verifier.verify(keys.token(7))).user_id == 7
    finally:
        await auth.stop()


@pytest.mark.parametrize("failure", [httpx.ConnectError("gone"), Unavailable()], ids=["gone", "has not read its own"])
async def test_who_had_keys_in_time_goes_on_without_auth(auth: Auth, failure: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "ASK_FIRST", 0.01)
    auth.fails = failure
    verifier = TokenVerifier(auth.fetch)
    preparing = asyncio.ensure_future(verifier.prepare())
    await eventually(lambda: _asked_twice(auth))
    auth.fails = None
    await preparing
    auth.fails = failure

    assert (await verifier.verify(token(42))).user_id == 42


async def _asked_twice(auth: Auth) -> bool:
    return auth.asked >= 2


async def test_a_new_key_is_learnt_from_the_first_token_that_names_it(auth: Auth, clock: Clock) -> None:
    verifier = TokenVerifier(auth.fetch)
    await verifier.verify(token(7))
    auth.keys.append(OTHER_KEY)
    clock.ahead = tokens.ASK_AGAIN + 0.1

    assert (await verifier.verify(signed(payload(), OTHER_KEY))).user_id == 7


async def test_a_request_that_ends_does_not_take_the_answer_from_those_who_wait_for_it_too(auth: Auth, clock: Clock) -> None:
    verifier = TokenVerifier(auth.fetch)
    await verifier.verify(token(7))
    auth.keys.append(OTHER_KEY)
    auth.hangs.clear()
    clock.ahead = tokens.ASK_AGAIN + 0.1
    fresh = signed(payload(), OTHER_KEY)

    first, *others = [asyncio.ensure_future(verifier.verify(fresh)) for _ in range(5)]
    await eventually(lambda: _true(auth.asked == 2))
    first.cancel()
    await asyncio.wait({first})
    auth.hangs.set()

    assert {claims.user_id for claims in await asyncio.gather(*others)} == {7}
    assert auth.asked == 2


async def test_forged_key_names_do_not_flood_auth(auth: Auth) -> None:
    verifier = TokenVerifier(auth.fetch)
    for number in range(50):
        with pytest.raises(InvalidToken):
            await verifier.verify(signed(payload(), OTHER_KEY, kid=f"forged {number}"))

    assert auth.asked == 1


async def test_an_auth_that_hangs_holds_up_nobody(auth: Auth, clock: Clock) -> None:
    verifier = TokenVerifier(auth.fetch)
    known = token(7)
    await verifier.verify(known)
    auth.hangs.clear()
    clock.ahead = tokens.KEYS_FOR + 1

    async with asyncio.timeout(1):
        for number in range(8, 20):
            await verifier.verify(known)
            await verifier.verify(token(number))
    await eventually(lambda: _true(auth.asked == 2))
    auth.hangs.set()


async def test_an_auth_that_is_gone_is_not_missed(auth: Auth, clock: Clock) -> None:
    verifier = TokenVerifier(auth.fetch)
    known = token(7)
    await verifier.verify(known)
    auth.fails = httpx.ConnectError("gone")

    for minutes in (5, 60):
        clock.ahead = minutes * 60.0
        assert (await verifier.verify(known)).user_id == 7
        assert (await verifier.verify(token(8))).user_id == 8


async def test_a_withdrawn_key_stops_counting(auth: Auth, clock: Clock) -> None:
    verifier = TokenVerifier(auth.fetch)
    of_old_key = token(7)
    await verifier.verify(of_old_key)
    auth.keys = [OTHER_KEY]

    clock.ahead = tokens.TOO_OLD + 1  # nobody asked for long: even the first request afterwards is refused
    with pytest.raises(InvalidToken):
        await verifier.verify(of_old_key)

    assert (await verifier.verify(signed(payload(), OTHER_KEY))).user_id == 7


async def test_a_withdrawn_key_stops_counting_under_steady_traffic(auth: Auth, clock: Clock) -> None:
    verifier = TokenVerifier(auth.fetch)
    of_old_key = token(7)
    await verifier.verify(of_old_key)
    auth.keys = [OTHER_KEY]
    clock.ahead = tokens.KEYS_FOR + 1

    async def refused() -> bool:
        try:
            await verifier.verify(of_old_key)
        except InvalidToken:
            return True
        return False

    await eventually(refused, within=2)


async def test_a_bounded_number_of_tokens_is_remembered(auth: Auth, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "REMEMBERED", 3)
    verifier = TokenVerifier(auth.fetch)
    several = [token(n) for n in range(1, 6)]
    for each in several:
        await verifier.verify(each)

    assert [verifier.recall(each) is not None for each in several] == [False, False, True, True, True]


async def _true(value: bool) -> bool:
    return value
