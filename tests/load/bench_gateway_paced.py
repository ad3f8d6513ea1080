"""Requests at random moments, so many a second: what `make bench-gateway` measures latency with.

python -m tests.load.bench_gateway_paced PORT RATE SECONDS TOKEN    prints the percentiles, in milliseconds, as JSON

wrk can pause for whole milliseconds only, and all connections whose pause ends in the same one ask at its first moment: what it
measures then is how long the last of them waits for the others. Here each connection has a thread, whose sleep the kernel ends
within some 60 microseconds; the pauses are exponentially distributed, as are those of people who know nothing of each other.
A request costs the thread some 40 microseconds: little enough to leave the core to Valkey and the upstream.
"""

import json
import random
import socket
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

CONNECTIONS = 32


def latencies(port: int, request: bytes, rate: float, end: float, seed: int) -> Iterator[float]:
    """Seconds that each request of one connection took. Raises `SystemExit` for anything but a good answer."""
    random_ = random.Random(seed)
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        due = time.monotonic() + random_.expovariate(rate)
        while due < end:
            time.sleep(max(0.0, due - time.monotonic()))
            began = time.monotonic()
            connection.sendall(request)
            answer = connection.recv(65_536)
            done = time.monotonic()
            if not answer.startswith(b"HTTP/1.1 200"):
                raise SystemExit(f"a request failed: {answer[:500]!r}")
            yield done - began
            due = max(due + random_.expovariate(rate), done)


def measure(port: int, rate: float, seconds: float, token: str) -> dict[str, float]:
    """Percentile → milliseconds, and the requests per second that there really were."""
    request = f"GET /api/tutors HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
    began = time.monotonic()
    with ThreadPoolExecutor(CONNECTIONS) as threads:
        each = [
            threads.submit(lambda n: list(latencies(port, request, rate / CONNECTIONS, began + seconds, n)), number)
            for number in range(CONNECTIONS)
        ]
    took = sorted(one for connection in each for one in connection.result())
    percentiles = {part: took[int(len(took) * int(part) / 100)] * 1000 for part in ("50", "99")}
    return percentiles | {"rate": len(took) / (time.monotonic() - began)}


if __name__ == "__main__":
    print(json.dumps(measure(int(sys.argv[1]), float(sys.argv[2]), float(sys.argv[3]), sys.argv[4])))
