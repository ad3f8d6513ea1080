"""Finding tutors: what most people ask for."""

from collections.abc import Callable, Coroutine
from decimal import Decimal
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import AfterValidator, BeforeValidator, Field

from services.profiles import reference
from services.profiles.actions import search
from services.profiles.actions.kept import Asked, KeptPages
from services.profiles.actions.search import Criteria, Sort
from services.profiles.routes.dependencies import photos_url, viewer_of
from services.profiles.views.fields import Currency
from services.profiles.views.tutors import TutorPage
from shared.auth import MaybeActor, bearer
from shared.db import Database, Reader, Reading
from shared.paging import Paging
from shared.types import Id, Maybe, SearchTerm


class KeptRoute(APIRoute):
    """A page that is kept is answered before FastAPI looks at any parameter, which would be half of the work: they were looked at
    when the page was found."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        find = super().get_route_handler()

        async def handle(request: Request) -> Response:
            viewer = viewer_of(await bearer(request))
            content = await KeptPages.of(request).find(Reader(Database.of(request)), _asked(request, viewer), viewer)
            return await find(request) if content is None else _answer(content)

        return handle


router = APIRouter(prefix="/api/tutors", tags=["Tutor Profiles"], route_class=KeptRoute)


def _asked(request: Request, viewer: int | None) -> Asked:
    return request.scope["query_string"], viewer is not None


def _answer(content: bytes) -> Response:
    return Response(content, media_type="application/json")


def _codes(text: str) -> str:
    """Languages by code or name, separated by commas; empty ones do not count."""
    return ",".join(dict.fromkeys(reference.language_code(part) for part in text.split(",") if part.strip()))


def _without_needless_zeros(amount: Decimal) -> Decimal:
    """A zero, too, may be written with more decimals than numbers of PostgreSQL can have."""
    return amount.normalize()


Languages = Annotated[str, AfterValidator(_codes)]
Amount = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6), AfterValidator(_without_needless_zeros)]


@router.get("", response_model=TutorPage)
async def search_tutors(
    request: Request,
    tx: Reading,
    page: Paging,
    actor: MaybeActor,
    subject_id: Annotated[Maybe[Id], Query()] = None,
    min_rate: Annotated[Maybe[Amount], Query()] = None,
    max_rate: Annotated[Maybe[Amount], Query()] = None,
    experience_years: Annotated[Maybe[Annotated[int, Field(ge=0, le=1000)]], Query()] = None,
    languages: Annotated[Languages | None, Query(max_length=200, description="Codes, separated by commas: any of them")] = None,
    search_for: Annotated[Maybe[SearchTerm], Query(alias="search", description="Words, each perhaps mistyped")] = None,
    sort: Annotated[Sort, BeforeValidator(lambda given: given or "rating"), Query()] = "rating",
    currency: Annotated[
        Maybe[Currency], Query(description="Who charges in it; without it, rates of all currencies are compared")
    ] = None,
) -> Response:
    """Approved tutors who meet all of the criteria."""
    codes = tuple(languages.split(",")) if languages else ()
    criteria = Criteria(subject_id, min_rate, max_rate, experience_years, codes, search_for, sort, currency)
    viewer = viewer_of(actor)
    found = await search.find(tx, criteria, page, viewer)
    shown = TutorPage.of(found.cards, found.total, page, photos_url(request), for_student=viewer is not None)
    content = shown.model_dump_json().encode()
    KeptPages.of(request).keep(_asked(request, viewer), found, content)
    return _answer(content)
