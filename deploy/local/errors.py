"""What the launcher says when it cannot go on."""


class LaunchError(RuntimeError):
    """Something a person has to put right; the message says what, and is all that is printed."""
