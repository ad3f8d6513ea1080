"""Payment itself: providers that move the money which the ledger says is owed."""

from typing import Protocol

from services.bookings.queries.packages import Entry


class PaymentProvider(Protocol):
    """Moves money for one line of the ledger: collects a charge, pays back a refund.

    The worker calls it, and calls it again when it failed or when the worker died before the outcome was written down: the
    entry's id is the idempotency key to hand on."""

    name: str

    async def settle(self, entry: Entry) -> str:
        """The provider's reference for the payment. Raises when it is to be tried again."""
        ...


class Manual:
    """Money changes hands outside of EduStream: every entry counts as paid at once."""

    name = "manual"

    async def settle(self, entry: Entry) -> str:
        return f"manual-{entry.id}"


PROVIDERS: dict[str, PaymentProvider] = {"manual": Manual()}
