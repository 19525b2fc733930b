#!/usr/bin/env bash
# Holds the Avro samples of kafka/samples against a client that is not ours, Python's fastavro: scripts/other-reader.sh [--write]
# Needs Python 3.10+ with venv; the first time it installs fastavro under .local/, `--install` does no more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

version=1.13.1
venv=$root/.local/fastavro-$version
if [ ! -x "$venv/bin/python" ]; then
  mkdir -p "$root/.local"
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "fastavro==$version" || {
    rm -rf "$venv"
    echo 'fastavro cannot be installed: that needs Python 3.10+ with venv, and PyPI.' >&2
    exit 2
  }
fi
[ "${1:-}" != --install ] || exit 0
exec "$venv/bin/python" "$root/scripts/other-reader.py" "$@"
