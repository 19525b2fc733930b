#!/usr/bin/env bash
# Holds a running service against its openapi.yaml with Schemathesis: scripts/schemathesis.sh [url] [option of `st run` …]
# SERVICE: service-a, unless it is service-b, whose operator's page must be on. API_TOKEN: a token that may write, where it asks for one.
# Posts some hundred orders, or puts dead letters back. Needs Python 3.10+ with venv; the first time it installs Schemathesis under .local/, `--install` does no more.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

version=4.32.5
service=${SERVICE:-service-a}
port=3001
[ "$service" = service-a ] || port=3002
url=${1:-http://localhost:$port}
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
config=$root/.local/schemathesis-$service.toml
# Schemathesis puts the token in: neither file nor command line has it.
{ [ -z "${API_TOKEN:-}" ] || echo 'headers = { Authorization = "Bearer ${API_TOKEN}" }'; cat "$root/scripts/schemathesis.toml"; } >"$config"
exec "$venv/bin/st" --config-file "$config" run "$root/$service/openapi.yaml" --url "$url" "$@"
