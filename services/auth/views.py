"""What clients send and get."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, EmailStr, Field, StringConstraints, model_validator

from services.auth.queries import Account
from shared.types import Instant, Name, TimeZone

CURRENCIES = {
    "USD": ("$", "US Dollar"),
    "EUR": ("€", "Euro"),
    "GBP": ("£", "British Pound"),
    "CAD": ("CA$", "Canadian Dollar"),
    "AUD": ("A$", "Australian Dollar"),
    "JPY": ("¥", "Japanese Yen"),
    "CHF": ("CHF", "Swiss Franc"),
    "UAH": ("₴", "Ukrainian Hryvnia"),
    "PLN": ("zł", "Polish Zloty"),
    "INR": ("₹", "Indian Rupee"),
}


def _known_currency(code: str) -> str:
    if code not in CURRENCIES:
        raise ValueError(f"must be one of {', '.join(CURRENCIES)}")
    return code


Currency = Annotated[str, AfterValidator(_known_currency)]
Password = Annotated[str, StringConstraints(min_length=8, max_length=128)]
Email = Annotated[EmailStr, Field(max_length=254)]


class RegisterRequest(BaseModel):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "email": "student@example.com",
                "password": "password123",
                "first_name": "John",
                "last_name": "Doe",
                "role": "student",
            }
        }
    )

    email: Email
    password: Password
    first_name: Name
    last_name: Name
    role: Literal["student", "tutor"] = "student"
    timezone: TimeZone = "UTC"
    currency: Currency = "USD"

    @model_validator(mode="after")
    def _password_is_not_the_email(self) -> Self:
        if self.password.casefold() == self.email.casefold():
            raise ValueError("password: must not be the e-mail address")
        return self


class LoginRequest(BaseModel):
    email: Annotated[str, StringConstraints(max_length=254)]
    password: Annotated[str, StringConstraints(max_length=128)]


class UserView(BaseModel):
    """An account as its owner and administrators see it."""

    id: int
    email: str
    role: Literal["student", "tutor", "admin"]
    first_name: str
    last_name: str
    phone: str | None
    avatar_url: str
    currency: str
    timezone: str
    is_active: bool
    is_verified: bool
    created_at: Instant
    updated_at: Instant

    @classmethod
    def of(cls, account: Account, avatars: str) -> Self:
        return cls(
            id=account.id,
            email=account.email,
            role=account.role,
            first_name=account.first_name,
            last_name=account.last_name,
            phone=account.phone,
            avatar_url=f"{avatars}/{account.avatar_name}",
            currency=account.currency,
            timezone=account.timezone,
            is_active=account.is_active,
            is_verified=account.is_verified,
            created_at=account.created_at,
            updated_at=account.updated_at,
        )


class SignedInUser(BaseModel):
    id: int
    email: str
    role: str
    is_active: bool


class TokenView(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the name of a scheme
    expires_in: int
    """Seconds until the access token expires."""
    user: SignedInUser
