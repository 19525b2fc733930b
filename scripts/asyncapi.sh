#!/usr/bin/env bash
# Holds kafka/asyncapi.yaml against AsyncAPI's own parser, and the samples against its schemas: scripts/asyncapi.sh
# The first time it installs the parser under .local/, `--install` does no more: 170 packages that nothing else here needs stay out of `npm ci`.
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

parser=3.6.6
avro=3.1.0
folder=$root/.local/asyncapi-parser-$parser
if [ ! -d "$folder/node_modules/@asyncapi/avro-schema-parser" ]; then
  mkdir -p "$folder"
  npm install --prefix "$folder" --silent --no-audit --no-fund --ignore-scripts "@asyncapi/parser@$parser" "@asyncapi/avro-schema-parser@$avro" || {
    rm -rf "$folder"
    echo 'The AsyncAPI parser cannot be installed: that needs npm and its registry.' >&2
    exit 2
  }
fi
[ "${1:-}" != --install ] || exit 0
exec node "$root/scripts/asyncapi-check.js" "$folder" "$root/kafka/asyncapi.yaml"
