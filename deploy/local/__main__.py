"""`python -m deploy.local up|down|status|env`: the backing servers of this checkout."""

import argparse
import sys

from deploy.local.errors import LaunchError
from deploy.local.servers import Instance


def main() -> int:
    """Run one command; a LaunchError is told in one sentence."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=["up", "down", "status", "env"])
    parser.add_argument("--name", default="dev", help="the instance: dev (default) or test")
    arguments = parser.parse_args()
    instance = Instance(arguments.name)
    try:
        if arguments.command == "up":
            instance.up()
        elif arguments.command == "down":
            instance.down()
        elif arguments.command == "env":
            urls = instance.up()
            print(f"export DATABASE_SERVER_URL='{urls.postgres}'\nexport REDIS_URL='{urls.redis}'\nexport AMQP_URL='{urls.amqp}'")
        else:
            for server in instance.embedded():
                print(f"{server.name:10}{'up' if instance.is_up(server) else 'down'}")
    except LaunchError as problem:
        print(f"edustream: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
