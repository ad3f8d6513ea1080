"""What every test may ask for: real servers (`tests.servers`), a real browser (`tests.browser`)."""

pytest_plugins = ["tests.servers", "tests.browser"]
