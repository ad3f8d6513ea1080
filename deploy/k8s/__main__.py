"""`python -m deploy.k8s`: writes the manifests beside this file."""

import argparse
import sys
from pathlib import Path

from deploy.k8s.manifests import files
from deploy.k8s.pods import Json

FOLDER = Path(__file__).parent
HEADER = "# Written by `make k8s` from deploy/k8s/table.py; to change a cluster, patch it in an overlay of your own.\n"


def render(objects: list[Json]) -> str:
    import yaml

    class Plain(yaml.SafeDumper):
        """Writes equal parts out instead of pointing to the first."""

        def ignore_aliases(self, data: object) -> bool:  # noqa: ARG002  the library's signature
            return True

    return HEADER + yaml.dump_all(objects, Dumper=Plain, sort_keys=False, width=130)


def main() -> int:
    argparse.ArgumentParser(prog="python -m deploy.k8s", description=__doc__).parse_args()
    for name, objects in files().items():
        path = FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(render(objects))
    return 0


if __name__ == "__main__":
    sys.exit(main())
