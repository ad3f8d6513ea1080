"""Audit events of acts whose actor is not signed in, or not yet."""

from typing import Any

from shared.auth import Origin
from shared.events.auth import AuthAudited


def by_stranger(action: str, account_id: int, origin: Origin, **details: Any) -> AuthAudited:
    """Something done to an account by somebody who did not prove who they are."""
    return AuthAudited(
        action=action,
        actor_id=None,
        target_type="user",
        target_id=account_id,
        details=details,
        ip_address=origin.ip_address,
        user_agent=origin.user_agent,
    )


def by_administrator(action: str, account_id: int, origin: Origin) -> AuthAudited:
    """Something done to their own account by an administrator who has just proved who they are."""
    return by_stranger(action, account_id, origin).model_copy(update={"actor_id": account_id})
