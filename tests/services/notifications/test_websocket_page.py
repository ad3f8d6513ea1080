"""docs/websocket.md names every type and every close code that the code has, and no others."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from services.notifications.hub.closing import Close
from services.notifications.hub.protocol import NO_PONG

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "docs" / "websocket.md").read_text()
SERVICE = ROOT / "services" / "notifications"
SOURCES = [SERVICE / f"{name}.py" for name in ("actions", "consumers", "conversations")] + [
    path for path in (SERVICE / "hub").glob("*.py") if path.name != "protocol.py"
]
OF_THE_SERVER = {1009, 1012}  # too long a frame, going away: said by uvicorn


def section(title: str) -> str:
    return PAGE.partition(f"## {title}\n")[2].partition("\n## ")[0]


def named(text: str) -> set[str]:
    """What stands first in the rows of tables."""
    return set(re.findall(r"^\| `?([\w, ]+)`? \|", text, re.MULTILINE)) - {"type", "code"}


def trees() -> Iterator[ast.AST]:
    for path in SOURCES:
        yield from ast.walk(ast.parse(path.read_text()))


def texts(tree: ast.AST) -> set[str]:
    return {n.value for n in ast.walk(tree) if isinstance(n, ast.Constant) and isinstance(n.value, str)}


def told() -> set[str]:
    """The values that the code gives to `type`, and what it answers frames with."""
    found: set[str] = set()
    for node in trees():
        if isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Constant) and key.value == "type" and not isinstance(value, ast.Attribute):
                    found |= texts(value)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "_tell" and node.args:
            found |= texts(node.args[0])
    return found


def heard() -> set[str]:
    """The types that a frame is matched with."""
    return {text for node in trees() if isinstance(node, ast.match_case) for text in texts(node.pattern)}


def test_every_type_that_is_told_is_on_the_page() -> None:
    assert named(section("What you are told")) == told()


def test_every_type_that_is_heard_is_on_the_page() -> None:
    assert named(section("What you can say")) == heard()


def test_every_code_that_closes_a_connection_is_on_the_page() -> None:
    codes = {int(code) for text in named(section("Closing")) for code in text.split(", ")}
    assert codes == {close.code for close in Close} | {NO_PONG[0]} | OF_THE_SERVER
