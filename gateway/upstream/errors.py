"""What can go wrong on the way to a service, as the client is told it."""

from shared.errors import Refusal, TooLarge, Unavailable


class ServiceUnavailable(Unavailable):
    """No connection to the service, or none tried because the last ones failed."""

    detail = "This part of EduStream is not available at the moment. Try again shortly."


class ServiceBusy(Unavailable):
    """Every connection is in use, and as many requests as we keep waiting are waiting."""

    detail = "This part of EduStream is very busy. Try again shortly."


class ServiceTimeout(Refusal):
    status = 504
    detail = "This part of EduStream took too long to answer."


class ServiceBroke(Refusal):
    """The connection ended, or what came over it was not HTTP. `stale`: before a byte of answer, on one used before."""

    status = 502
    detail = "This part of EduStream did not answer properly."

    def __init__(self, *, stale: bool = False) -> None:
        super().__init__()
        self.stale = stale


class BodyTooLarge(TooLarge):
    code = "too_large"
    detail = "The request's body is too large."
