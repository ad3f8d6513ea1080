"""The gateway: the only door from outside. It routes, limits, checks tokens and streams; it knows no domain."""
