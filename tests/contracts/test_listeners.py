"""Nothing is said in private to nobody: the stream keeps public events only."""

from shared import cli
from shared.events import catalogue
from shared.service import find


def test_every_private_event_has_a_queue_that_keeps_it_unless_it_is_for_whoever_listens_at_the_moment() -> None:
    kept = {kind for service in cli.services() for kind in find(service).subscriptions.kinds.values()}
    private = {kind for kind in catalogue.load().values() if kind.private}

    assert private - kept == {kind for kind in private if kind.live_only}


def test_only_private_events_are_for_whoever_listens_at_the_moment() -> None:
    """A public one is kept by the stream, for whoever comes later."""
    assert [name for name, kind in catalogue.load().items() if kind.live_only and not kind.private] == []
