"""What clients send and get."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationInfo, field_validator

from services.auth.fields import Currency, Email, GivenPassword, Password, Phone, not_the_address
from services.auth.queries import Account
from shared.tokens import Role
from shared.types import Id, Instant, Name, Reason, TimeZone

UNSENT: Any = Field(default_factory=lambda: None)
"""The field may be left out, which changes nothing; null is refused where the type does not take it."""
Secret = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]


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

    @field_validator("password")
    @classmethod
    def _is_not_the_email(cls, password: str, others: ValidationInfo) -> str:
        return not_the_address(password, others.data.get("email", ""))


class LoginRequest(BaseModel):
    email: Annotated[str, StringConstraints(max_length=254)]
    password: GivenPassword


class RefreshRequest(BaseModel):
    refresh_token: Secret


class LogoutRequest(BaseModel):
    """Either this or an access token says which session ends."""

    refresh_token: Secret | None = None


class UpdateMeRequest(BaseModel):
    """Only what is sent is changed; `phone: null` clears it."""

    first_name: Name = UNSENT
    last_name: Name = UNSENT
    phone: Phone | None = UNSENT
    timezone: TimeZone = UNSENT


class DeleteMeRequest(BaseModel):
    password: GivenPassword


class ChangePasswordRequest(BaseModel):
    current_password: GivenPassword
    new_password: Password


class ForgotPasswordRequest(BaseModel):
    email: Email


class ResendRequest(BaseModel):
    """Needed where no access token says who asks."""

    email: Email | None = None


class ResetPasswordRequest(BaseModel):
    token: Secret
    new_password: Password


class VerifyEmailRequest(BaseModel):
    token: Secret


class PreferencesRequest(BaseModel):
    """Only what is sent is changed."""

    email_notifications: bool = UNSENT
    push_notifications: bool = UNSENT
    sms_notifications: bool = UNSENT


class CurrencyRequest(BaseModel):
    currency: Currency


class AdminUpdateRequest(BaseModel):
    """Only what is sent is changed."""

    role: Role = UNSENT
    is_active: bool = UNSENT
    first_name: Name = UNSENT
    last_name: Name = UNSENT


class SoftDeleteRequest(BaseModel):
    user_id: Id
    reason: Reason | None = None


class RestoreRequest(BaseModel):
    user_id: Id


class PurgeRequest(BaseModel):
    days_old: Annotated[int, Field(ge=0, le=36_500)] = 90


class UserView(BaseModel):
    """An account as its owner and administrators see it."""

    id: int
    email: str
    role: Role
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
        return cls.model_validate(
            {name: getattr(account, name) for name in cls.model_fields if name != "avatar_url"}
            | {"avatar_url": f"{avatars}/{account.avatar_name}"}
        )


class DeletedUserView(UserView):
    deleted_at: Instant
    deletion_reason: str | None


class UsersView(BaseModel):
    items: list[UserView]
    total: int
    page: int
    page_size: int
    total_pages: int


class DeletedUsersView(BaseModel):
    items: list[DeletedUserView]
    total: int
    page: int
    page_size: int
    total_pages: int


class PurgedView(BaseModel):
    """How many accounts were anonymised."""

    purged: int
    deleted_before: Instant


class SignedInUser(BaseModel):
    id: int
    email: str
    role: Role
    is_active: bool = True


class TokenView(BaseModel):
    access_token: str
    token_type: Literal["bearer"] = "bearer"  # noqa: S105  the name of a scheme
    expires_in: int
    """Seconds until the access token expires."""
    refresh_token: str
    """Good once, for POST /auth/refresh."""
    user: SignedInUser


class MessageView(BaseModel):
    message: str


class AvatarView(BaseModel):
    avatar_url: str


class UploadedAvatarView(AvatarView):
    uploaded_at: Instant


class DeletedAvatarView(AvatarView):
    message: str = "Avatar deleted successfully"


class PreferencesView(BaseModel):
    email_notifications: bool
    push_notifications: bool
    sms_notifications: bool

    @classmethod
    def of(cls, account: Account) -> Self:
        return cls(
            email_notifications=account.email_notifications,
            push_notifications=account.push_notifications,
            sms_notifications=account.sms_notifications,
        )


class CurrencyView(BaseModel):
    code: str
    symbol: str
    name: str
