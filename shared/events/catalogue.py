"""Every event class there is, for those who need them all: the audit log, the documentation, the contract tests."""

import importlib
import pkgutil

from shared import events
from shared.events.base import REGISTRY, Event


def load() -> dict[str, type[Event]]:
    """Event type → class, sorted by type. Classes that tests define for themselves are not among them."""
    for module in pkgutil.iter_modules(events.__path__):
        importlib.import_module(f"{events.__name__}.{module.name}")
    return {name: kind for name, kind in sorted(REGISTRY.items()) if kind.__module__.startswith(f"{events.__name__}.")}
