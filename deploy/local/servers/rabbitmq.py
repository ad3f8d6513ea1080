"""RabbitMQ from unpacked Debian packages, with its own Erlang, its own epmd, and only the plugins a broker needs."""

import fcntl
import re
import secrets
import shlex
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path

from deploy.local import ports
from deploy.local.errors import LaunchError
from deploy.local.lifetime import dies_with_parent
from deploy.local.program import Program
from deploy.local.servers.debian import MODULES, find_rabbitmq
from deploy.local.servers.server import Record, Server, write_private

PROTOCOL_HEADER = b"AMQP\0\0\x09\x01"
USER = "edustream"
APPLICATIONS = re.compile(r"\{applications,\s*\[([^\]]*)\]", re.DOTALL)


class RabbitMQ(Server):
    """The events; user `edustream`, vhost `/`. Where nothing has to survive it starts empty."""

    name = "rabbitmq"
    variable = "AMQP_URL"

    def program(self, record: Record) -> Program:
        """Write configuration and start script."""
        tree = find_rabbitmq(self.place.settings)
        home = sorted((tree / "usr/lib/rabbitmq/lib").glob("rabbitmq_server-*"))[-1]
        if not self.place.durable:
            shutil.rmtree(self.directory / "mnesia", ignore_errors=True)
        for folder in ("bin", "mnesia", "log", "generated"):
            (self.directory / folder).mkdir(parents=True, exist_ok=True)
        epmd = ports.choose()
        erlang = self._write_erl(tree)
        self._show_plugins(home / "plugins")
        self._write_config(record)
        write_private(self.directory / "epmd_port", str(epmd))
        distribution = ports.choose()
        return Program(
            name=self.name,
            command=("sh", "-c", _start_script(erlang, home), "rabbitmq-server"),
            env={**self._environment(tree, epmd), "RABBITMQ_DIST_PORT": str(distribution)},
            cwd=self.directory,
            is_ready=lambda: self.answers(record.port),
        )

    def answers(self, port: int) -> bool:
        """It opens the conversation of AMQP 0-9-1."""
        return ports.exchange(port, PROTOCOL_HEADER, timeout=3).startswith(b"\x01")

    def url(self, record: Record) -> str:
        """The default vhost."""
        return f"amqp://{USER}:{record.password}@{ports.LOOPBACK}:{record.port}/"

    def new_vhost(self, stem: str) -> str:
        """Make an empty vhost called `<stem>-…`. Needs no management plugin.

        None is ever deleted: a broker that loses many quorum queues at once while it starts loses the means to make new ones.
        An instance for tests starts with an empty broker instead."""
        vhost = f"{stem}-{secrets.token_hex(4)}"
        name, us = f'<<"{vhost}">>', '<<"launcher">>'
        expression = (
            f"rabbit_vhost:add({name}, {us}), "
            f'rabbit_auth_backend_internal:set_permissions(<<"{USER}">>, {name}, <<".*">>, <<".*">>, <<".*">>, {us}).\n'
        )
        tree = find_rabbitmq(self.place.settings)
        env = self._environment(tree, int((self.directory / "epmd_port").read_text()))
        cookie = (self.directory / ".erlang.cookie").read_text().strip()
        call = next((tree / "usr/lib/erlang").glob("erts-*")) / "bin/erl_call"
        command = [str(call), "-c", cookie, "-n", self._node(), "-e"]
        with (self.directory / "erl_call.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)  # the broker turns one of two callers away that come at the same moment
            done = subprocess.run(command, input=expression, env=env, capture_output=True, text=True, timeout=60, check=False)
        if "{ok, ok}" not in done.stdout:
            raise LaunchError(f"RabbitMQ refused the vhost {vhost}: {(done.stdout + done.stderr).strip()[-300:]}")
        return vhost

    def _node(self) -> str:
        return f"{self.place.name}@localhost"

    def _write_erl(self, tree: Path) -> Path:
        """Debian's `erl` knows only its installed place; this one knows ours. Returns the folder of Erlang's programs."""
        root = tree / "usr/lib/erlang"
        folder = next(root.glob("erts-*")) / "bin"
        script = self.directory / "bin/erl"
        names = f"ROOTDIR={shlex.quote(str(root))} BINDIR={shlex.quote(str(folder))}"
        script.write_text(f'#!/bin/sh\nexport {names} EMU=beam PROGNAME=erl\nexec "$BINDIR/erlexec" "$@"\n')
        script.chmod(0o755)
        return folder

    def _show_plugins(self, installed: Path) -> None:
        """RabbitMQ reads the description of every plugin it can see: seeing only what the broker needs saves two seconds."""
        shown = self.directory / "plugins"
        shown.mkdir(exist_ok=True)
        for old in shown.iterdir():
            old.unlink()
        for plugin in _needed(installed, ("rabbit", "rabbitmq_prelaunch")):
            (shown / plugin.name).symlink_to(plugin)
        (self.directory / "enabled_plugins").write_text("[].")

    def _write_config(self, record: Record) -> None:
        lines = {
            "listeners.tcp.1": f"{ports.LOOPBACK}:{record.port}",
            "log.console": "true",
            "log.console.level": "warning",
            "log.file": "false",
            "vm_memory_high_watermark.absolute": "1GiB",
            "disk_free_limit.absolute": "50MB",
            "default_user": USER,
            "default_pass": record.password,
        }
        write_private(self.directory / "rabbitmq.conf", "".join(f"{name} = {value}\n" for name, value in lines.items()))

    def _environment(self, tree: Path, epmd: int) -> dict[str, str]:
        here = self.directory
        libraries = ":".join(map(str, (tree / "usr/lib").glob("*-linux-gnu*"))) if tree != Path("/") else ""
        return {
            "PATH": f"{here / 'bin'}:/usr/bin:/bin",
            "HOME": str(here),
            "LANG": "C.UTF-8",
            "LC_ALL": "C.UTF-8",
            "LD_LIBRARY_PATH": libraries,
            "ERL_EPMD_PORT": str(epmd),
            "ERL_EPMD_ADDRESS": ports.LOOPBACK,
            "ERL_MAX_PORTS": "4096",
            "ERL_CRASH_DUMP_SECONDS": "0",
            "RUNNING_UNDER_SYSTEMD": "1",  # makes the start script exec Erlang instead of staying as its parent
            "SYS_PREFIX": str(here),
            "RABBITMQ_CONF_ENV_FILE": "/dev/null",
            "RABBITMQ_CONFIG_FILE": str(here / "rabbitmq.conf"),
            "RABBITMQ_NODENAME": self._node(),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(here / "enabled_plugins"),
            "RABBITMQ_PLUGINS_DIR": str(here / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(here / "mnesia"),
            "RABBITMQ_LOG_BASE": str(here / "log"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_GENERATED_CONFIG_DIR": str(here / "generated"),
            "RABBITMQ_PID_FILE": str(here / "pid"),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"+S 2:2 +sbwt none -pa {tree.parent / MODULES} "
            "-kernel inet_dist_use_interface {127,0,0,1}",
        }


def _start_script(erlang: Path, home: Path) -> str:
    """A private epmd that lives and dies with this broker; without it Erlang leaves a daemon behind."""
    epmd = shlex.join([*dies_with_parent(signal.SIGKILL), str(erlang / "epmd")])
    return f"{epmd} -port $ERL_EPMD_PORT -address $ERL_EPMD_ADDRESS & exec {shlex.quote(str(home / 'sbin/rabbitmq-server'))}"


def _needed(installed: Path, wanted: Iterable[str]) -> list[Path]:
    """The plugin folders that the wanted Erlang applications depend on, however far."""
    folders = {path.name.rsplit("-", 1)[0]: path for path in installed.iterdir() if path.is_dir()}
    found: dict[str, Path] = {}
    open_names = list(wanted)
    while open_names:
        name = open_names.pop()
        if name in found or name not in folders:  # not among the plugins: part of Erlang itself
            continue
        found[name] = folders[name]
        description = (folders[name] / "ebin" / f"{name}.app").read_text(errors="replace")
        match = APPLICATIONS.search(description)
        open_names += re.findall(r"[a-z]\w*", match[1]) if match else []
    return list(found.values())
