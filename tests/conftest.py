"""What every test may ask for: real servers, a real browser; and which tests stay together."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest
    from xdist.scheduler import LoadScopeScheduling

pytest_plugins = ["tests.servers", "tests.browser"]
TOGETHER = ("tests/e2e/", "tests/faults/", "tests/gateway/test_refusals")
"""Each is done by one worker, in order, which starts what they share once: most of them the whole suite."""


def pytest_xdist_make_scheduler(config: "pytest.Config", log: object) -> "LoadScopeScheduling":
    """By folder: pytest 9 keeps from pytest-xdist what `--dist loadgroup` goes by."""
    from xdist.scheduler import LoadScopeScheduling

    class ByFolder(LoadScopeScheduling):  # type: ignore[misc]  # untyped
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), nodeid)

    return ByFolder(config, log)
