"""`python3 -m deploy.local run`: makes the virtual environment if need be, and goes on inside it."""

import sys

from deploy.local import bootstrap

if __name__ == "__main__":
    bootstrap.enter(["-m", "deploy.local", *sys.argv[1:]])
    from deploy.local.commands import main

    sys.exit(main())
