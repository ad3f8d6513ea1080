#!/bin/sh
# Settles the versions and hashes of everything that is installed. No addresses: a lock fits every mirror. UPGRADE=1 takes newer ones.
set -eu
cd "$(dirname "$0")/../.."
unset PIP_FIND_LINKS
compile() {
	.venv/bin/uv pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-header -q \
		${UPGRADE:+--upgrade} "$@"
}
compile pyproject.toml -o requirements.txt
compile --group local -c requirements.txt -o requirements-local.txt
compile pyproject.toml --group dev -c requirements.txt -o requirements-dev.txt
echo uv | compile -c requirements-dev.txt - -o requirements-uv.txt
