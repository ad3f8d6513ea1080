"""The services' side: kept connections on httptools, a bounded pool of them for each service, and a breaker."""
