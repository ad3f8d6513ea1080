"""What `bench_gateway` puts side by side, each as an operator would run it: the gateway, HAProxy, nginx, and a naive proxy."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from deploy.local import ports
from deploy.local.servers.valkey import _executable as valkey_executable
from tests.gateway.keys import JWKS, token

ROOT = Path(__file__).parents[2]
PROXY_CPU, OTHER_CPU = "0", "1"
BODY = json.dumps({"items": [{"id": 5, "title": "Experienced Math Tutor", "hourly_rate": 45.0}], "total": 150, "page": 1})
LIMIT = 900_000  # a minute: counted, and never reached
SECRET = "a-secret-for-the-bench-that-is-long-enough"
NO_LOG = ", no access log"
PATHS = {"PATH": f"/usr/sbin:{os.environ['PATH']}"}


@dataclass(frozen=True)
class Contender:
    """Something that listens on `port`, and the token it takes."""

    name: str
    port: int
    pid: int
    token: str


class Stage:
    """Starts processes on their core and waits until they listen."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder, self._stack = folder, stack

    def write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text)
        return path

    def start(self, port: int, cpu: str, *command: object, **environment: str) -> int:
        log = self._stack.enter_context((self.folder / f"{port}.log").open("wb"))
        process = subprocess.Popen(
            ["taskset", "-c", cpu, *map(str, command)], cwd=ROOT, env=PATHS | environment, stdout=log, stderr=log
        )
        self._stack.callback(process.wait, 10)
        self._stack.callback(process.terminate)
        deadline = time.monotonic() + 30
        while ports.is_free(port):
            if process.poll() is not None or time.monotonic() > deadline:
                raise SystemExit(f"{command[0]} did not start:\n{Path(log.name).read_text()[-2000:]}")
            time.sleep(0.05)
        return process.pid


@contextmanager
def contenders(folder: Path) -> Iterator[tuple[list[Contender], Contender]]:
    """All of them, running, and the upstream itself."""
    needed = [tool for tool in ("haproxy", "nginx", "wrk", "taskset") if not shutil.which(tool, path=PATHS["PATH"])]
    if needed:
        raise SystemExit(f"install {', '.join(needed)} first")
    folder.chmod(0o755)  # started by root, nginx reads its files as another user
    with ExitStack() as stack:
        stage = Stage(folder, stack)
        upstream = _upstream(stage)
        yield (
            [
                _gateway(stage, upstream.port, "gateway"),
                _gateway(stage, upstream.port, f"gateway{NO_LOG}", GATEWAY_ACCESS_LOG="false"),
                _haproxy(stage, upstream.port, "HS256"),
                _haproxy(stage, upstream.port, "HS256", logs=False),
                _haproxy(stage, upstream.port, "ES256"),
                _nginx(stage, upstream.port),
                _naive(stage, upstream.port),
            ],
            upstream,
        )


def _upstream(stage: Stage) -> Contender:
    """nginx with a fixed answer, beside the load generator."""
    port = ports.choose()
    keys = stage.write("jwks.json", json.dumps(JWKS))
    server = f"location / {{ return 200 '{BODY}'; }} location = /.well-known/jwks.json {{ alias {keys}; }}"
    pid = stage.start(port, OTHER_CPU, "nginx", "-c", stage.write("upstream.conf", _nginx_conf(stage, port, server)))
    return Contender("upstream alone", port, pid, "")


def _nginx_conf(stage: Stage, port: int, server: str, upstream: str = "") -> str:
    temporary = "".join(
        f"{kind}_temp_path {stage.folder}/{port}-{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"worker_processes 1; daemon off; pid {stage.folder}/{port}.pid; error_log {stage.folder}/{port}.err;"
        f"events {{ worker_connections 4096; }} http {{ access_log off; keepalive_requests 1000000000; keepalive_timeout 1h;"
        f"{temporary} {upstream} server {{ listen 127.0.0.1:{port}; default_type application/json; {server} }} }}"
    )


def _gateway(stage: Stage, upstream: int, name: str, **environment: str) -> Contender:
    """With tokens checked and every request counted in Valkey, which runs beside the load generator."""
    redis, port = ports.choose(), ports.choose()
    stage.start(redis, OTHER_CPU, valkey_executable(), "--port", redis, "--save", "", "--dir", stage.folder)
    services = {
        f"{n}_URL": f"http://127.0.0.1:{upstream}"
        for n in ("AUTH", "PROFILES", "BOOKINGS", "MESSAGING", "NOTIFICATIONS", "REPORTING")
    }
    environment |= services | {
        "EDUSTREAM_PORT": str(port),
        "REDIS_URL": f"redis://127.0.0.1:{redis}",
        "AMQP_URL": "amqp://127.0.0.1:1",
        "EDUSTREAM_RATE_LIMIT_DEFAULT": f"{LIMIT}/minute",
        "TRUSTED_PROXIES": "127.0.0.1",
    }
    pid = stage.start(port, PROXY_CPU, sys.executable, "-m", "gateway", **environment)
    return Contender(name, port, pid, token(1, minutes=600))


def _haproxy(stage: Stage, upstream: int, algorithm: str, *, logs: bool = True) -> Contender:
    """With `jwt_verify` and a stick table by the token's subject. It knows no EdDSA: ES256 is the nearest, HS256 the cheapest."""
    port = ports.choose()
    name = f"HAProxy, {algorithm}{'' if logs else NO_LOG}"
    key, public = _key(stage, algorithm)
    config = f"""
global
  nbthread 1
  maxconn 4096
  {"log stdout format raw local0" if logs else ""}
defaults
  mode http
  {"log global" if logs else ""}
  {"option httplog" if logs else ""}
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  http-reuse always
frontend in
  bind 127.0.0.1:{port}
  stick-table type string len 64 size 100k expire 60s store http_req_rate(60s)
  http-request set-var(txn.bearer) http_auth_bearer
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_header_query('$.alg') -m str {algorithm} }}
  http-request deny deny_status 401 unless {{ var(txn.bearer),jwt_verify({algorithm},"{public}") -m int 1 }}
  http-request set-var(txn.now) date()
  http-request deny deny_status 401 if {{ var(txn.bearer),jwt_payload_query('$.exp','int'),sub(txn.now) -m int lt 0 }}
  http-request track-sc0 var(txn.bearer),jwt_payload_query('$.sub')
  http-request deny deny_status 429 if {{ sc_http_req_rate(0) gt {LIMIT} }}
  default_backend out
backend out
  option forwardfor
  server one 127.0.0.1:{upstream}
"""
    pid = stage.start(port, PROXY_CPU, "haproxy", "-f", stage.write(f"{name}.cfg", config))
    claims = jwt.decode(token(1, minutes=600), options={"verify_signature": False})
    return Contender(name, port, pid, jwt.encode(claims, key, algorithm=algorithm))


def _key(stage: Stage, algorithm: str) -> tuple[ec.EllipticCurvePrivateKey | str, str]:
    if algorithm == "HS256":
        return SECRET, SECRET
    key = ec.generate_private_key(ec.SECP256R1())
    pem = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    return key, str(stage.write("haproxy.pem", pem))


def _nginx(stage: Stage, upstream: int) -> Contender:
    """A plain proxy: it checks nothing."""
    port = ports.choose()
    server = 'location / { proxy_pass http://up; proxy_http_version 1.1; proxy_set_header Connection ""; }'
    pool = f"upstream up {{ server 127.0.0.1:{upstream}; keepalive 64; keepalive_requests 1000000000; }}"
    pid = stage.start(port, PROXY_CPU, "nginx", "-c", stage.write("proxy.conf", _nginx_conf(stage, port, server, pool)))
    return Contender("nginx, plain", port, pid, "none")


def _naive(stage: Stage, upstream: int) -> Contender:
    port = ports.choose()
    environment = {"PORT": str(port), "UPSTREAM": f"http://127.0.0.1:{upstream}"}
    pid = stage.start(port, PROXY_CPU, sys.executable, ROOT / "tests/load/bench_gateway_naive.py", **environment)
    return Contender("FastAPI + httpx", port, pid, "none")
