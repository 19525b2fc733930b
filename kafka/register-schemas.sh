#!/usr/bin/env bash
# Registers kafka/schemas/*.avsc, each under its file's name, at the registry REGISTRY_URL (http://schema-registry:8081).
# Stand-in until the Compose part is there.
set -euo pipefail
url=${REGISTRY_URL:-http://schema-registry:8081}
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
call() { curl -sS --max-time 10 -H 'Content-Type: application/vnd.schemaregistry.v1+json' -w '\n%{http_code}' "$@"; }
for file in "$here"/schemas/*.avsc; do
  subject=$(basename "$file" .avsc)
  answer=$(call -X PUT --data '{"compatibility":"FULL_TRANSITIVE"}' "$url/config/$subject")
  [ "${answer##*$'\n'}" = 200 ] || { echo "$subject: $answer" >&2; exit 1; }
  answer=$({ printf '{"schema":"'; sed 's/\\/\\\\/g; s/"/\\"/g' "$file" | tr '\n\t' '  '; printf '"}'; } | call --data @- "$url/subjects/$subject/versions")
  [ "${answer##*$'\n'}" = 200 ] || { echo "$subject: $answer" >&2; exit 1; }
done
