#!/usr/bin/env bash
# Holds a running service-a against service-a/openapi.yaml with Schemathesis: scripts/schemathesis.sh [url] [option of `st run` …]
# API_TOKEN: a token that may write, where service-a asks for one (Authorization).
# Posts some hundred orders. Needs Python 3.10+ with venv; the first time it installs Schemathesis under .local/, `--install` does no more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

version=4.32.5
url=${1:-http://localhost:3001}
shift || true
venv=$root/.local/schemathesis-$version

mkdir -p "$root/.local"
cd "$root/.local"
if [ ! -x "$venv/bin/st" ]; then
  python3 -m venv "$venv" && "$venv/bin/pip" install --quiet --disable-pip-version-check "schemathesis==$version" || {
    rm -rf "$venv"
    echo 'Schemathesis cannot be installed: that needs Python 3.10+ with venv, and PyPI.' >&2
    exit 2
  }
fi
[ "$url" != --install ] || exit 0
config=$root/.local/schemathesis.toml
# Schemathesis puts the token in: neither file nor command line has it.
{ [ -z "${API_TOKEN:-}" ] || echo 'headers = { Authorization = "Bearer ${API_TOKEN}" }'; cat "$root/scripts/schemathesis.toml"; } >"$config"
exec "$venv/bin/st" --config-file "$config" run "$root/service-a/openapi.yaml" --url "$url" "$@"
