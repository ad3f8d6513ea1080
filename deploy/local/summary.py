"""The table that `make run` prints when everything is up."""

from deploy.local.development import ADMIN
from deploy.local.processes import Deployment
from deploy.local.settings import GATEWAY_PORT

PEOPLE = (("tutor@example.com", "tutor12345"), ("student@example.com", "student12345"))


def summary(deployment: Deployment, seconds: float, *, moved: bool) -> str:
    """Where everything is, who can sign in, how it is stopped."""
    url, given = deployment.public_url, deployment.given
    note = f"   (port {GATEWAY_PORT} is taken; EDUSTREAM_PORT chooses another)" if moved else ""
    own = given["EDUSTREAM_ADMIN_PASSWORD"] != ADMIN["EDUSTREAM_ADMIN_PASSWORD"]
    password = "the EDUSTREAM_ADMIN_PASSWORD you set" if own else ADMIN["EDUSTREAM_ADMIN_PASSWORD"]
    rows = [
        ("API", f"{url}{note}"),
        ("Documentation", f"{url}/docs"),
        ("Health", f"{url}/health"),
        ("Administrator", f"{given['EDUSTREAM_ADMIN_EMAIL']} / {password}"),
        *((email.partition("@")[0].capitalize(), f"{email} / {word}") for email, word in PEOPLE),
        ("Data", f"{deployment.data}   (`make clean` forgets it)"),
        ("Logs", str(deployment.directory / "log")),
        ("Stop", "Ctrl-C"),
    ]
    lines = [f"  {name:15}{value}" for name, value in rows]
    rule = "─" * max(map(len, lines))
    return "\n".join(["", rule, f"  EduStream is up after {seconds:.1f} s", rule, *lines, rule, ""])
