"""Headers that `Connection` names are meant for one hop only (RFC 9110, 7.6.1)."""

HARMLESS = frozenset({b",close", b",keep-alive"})  # what is said nearly always, and names no header
OURS = frozenset({b"", b"close", b"keep-alive", b"upgrade", b"te"})  # options, or headers that are dropped anyway


def without(lines: list[bytes], nominated: bytes) -> list[bytes]:
    """The header `lines` less those in the comma-separated `nominated`."""
    if nominated in HARMLESS:
        return lines
    names = {name.strip().lower() for name in nominated.split(b",")} - OURS
    return [line for line in lines if line.partition(b":")[0].lower() not in names] if names else lines
