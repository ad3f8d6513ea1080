"""What every test may ask for: real servers (`tests.servers`)."""

pytest_plugins = ["tests.servers"]
