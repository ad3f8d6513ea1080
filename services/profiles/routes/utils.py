"""Reference lists, for everybody."""

from functools import cache

from fastapi import APIRouter, Request, Response
from pydantic import BaseModel

from services.profiles import reference
from services.profiles.routes.caching import Fixed
from shared.http import NOT_MODIFIED

router = APIRouter(prefix="/api/utils", tags=["Utilities"])


class CodeView(BaseModel):
    code: str
    name: str


class PhoneCodeView(BaseModel):
    country: str
    code: str


@router.get("/countries", response_model=list[CodeView], responses=NOT_MODIFIED)
async def list_countries(request: Request) -> Response:
    """ISO 3166-1, by English name."""
    return _countries().answer(request)


@router.get("/languages", response_model=list[CodeView], responses=NOT_MODIFIED)
async def list_languages(request: Request) -> Response:
    """ISO 639-1, by English name."""
    return _languages().answer(request)


@router.get("/proficiency-levels", response_model=list[str], responses=NOT_MODIFIED)
async def list_proficiency_levels(request: Request) -> Response:
    """From beginner to native."""
    return Fixed.of(reference.PROFICIENCY_LEVELS).answer(request)


@router.get("/phone-codes", response_model=list[PhoneCodeView], responses=NOT_MODIFIED)
async def list_phone_codes(request: Request) -> Response:
    """Calling codes, by country."""
    return _phone_codes().answer(request)


@cache
def _countries() -> Fixed:
    return Fixed.of([{"code": code, "name": name} for code, name in reference.countries().items()])


@cache
def _languages() -> Fixed:
    return Fixed.of([{"code": code, "name": name} for code, name in reference.languages().items()])


@cache
def _phone_codes() -> Fixed:
    return Fixed.of([{"country": country, "code": code} for country, code in reference.phone_codes()])
