#!/usr/bin/env bash
# Registers kafka/schemas/*.avsc in a schema registry, each under the subject that its file is named after, and ends with 1 when one is refused:
#   register-schemas.sh [FILE.avsc…]
# Under a subject, every version has to read what any other one wrote (FULL_TRANSITIVE): a schema is held against all that are registered before
# it becomes one of them. Can be run again at any time. Needs bash and curl, and of the registry nothing but Confluent's REST API.
#   REGISTRY_URL            http://127.0.0.1:8081; may have a path, such as http://127.0.0.1:8081/apis/ccompat/v7
#   REGISTRY_USERNAME, REGISTRY_PASSWORD_FILE   come in with basic authentication
#   REGISTRY_CA_FILE        certificates of the CAs (PEM) that the registry's is from; the system's otherwise
#   REGISTRY_WAIT_SECONDS   how long to wait for the registry: 120
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
url=${REGISTRY_URL:-http://127.0.0.1:8081}
url=${url%/}
wait_seconds=${REGISTRY_WAIT_SECONDS:-120}
level=FULL_TRANSITIVE
[ $# -gt 0 ] || set -- "$here"/schemas/*.avsc

fail() { echo "$*" >&2; exit 1; }
options=(-s -m 10 -H 'Content-Type: application/json' -H 'Accept: application/json')
[ -z "${REGISTRY_CA_FILE:-}" ] || options+=(--cacert "$REGISTRY_CA_FILE")
password=
if [ -n "${REGISTRY_USERNAME:-}" ]; then
  password=$(<"${REGISTRY_PASSWORD_FILE:?REGISTRY_USERNAME needs it}")
  password=${password//\\/\\\\}
fi
# In a pipe, since arguments are everybody's to read.
known() { [ -z "${REGISTRY_USERNAME:-}" ] || printf 'user = "%s:%s"\n' "$REGISTRY_USERNAME" "${password//\"/\\\"}"; }

# ask METHOD PATH [BODY]: leaves the status in $code (000: no answer) and the answer in $answer.
ask() {
  answer=$(curl "${options[@]}" -K <(known) -X "$1" -w '\n%{http_code}' ${3+--data-binary "$3"} "$url$2") || true
  code=${answer##*$'\n'}
  answer=${answer%$'\n'*}
}
expect() { [ "$code" = 200 ] || fail "$1: the registry answers ${code/000/nothing}: $answer"; }

# Without the white space outside of strings, as the services send it when they look for it: some registries compare texts.
minified() { sed -E 's/("([^"\\]|\\.)*")|[[:space:]]+/\1/g' "$1" | tr -d '\n'; }
quoted() { sed 's/[\\"]/\\&/g'; }

until ask GET /subjects; [ "$code" = 200 ]; do
  case $code in 401 | 403) fail "the registry at $url does not let ${REGISTRY_USERNAME:-somebody without a user} in ($code)" ;; esac
  [ $SECONDS -lt "$wait_seconds" ] || fail "the registry at $url has not answered as it should in $wait_seconds s (last: $code $answer)"
  sleep 1
done

for file; do
  [ -r "$file" ] || fail "$file cannot be read"
  subject=$(basename "$file" .avsc)
  body="{\"schema\":\"$(minified "$file" | quoted)\"}"
  ask PUT "/config/$subject" "{\"compatibility\":\"$level\"}"
  # Some registries know no rules for what they do not have yet; then there is nothing to be compatible with either.
  new=$code
  [ "$new" = 404 ] || expect "$subject: setting $level"
  ask POST "/compatibility/subjects/$subject/versions?verbose=true" "$body"
  if [ "$code" = 200 ] && ! grep -qE '"is_compatible": *true' <<<"$answer"; then
    fail "$subject: $file is refused, it is not compatible ($level) with what is registered: ${answer:0:1500}"
  fi
  [ "$code" = 404 ] || expect "$subject: comparing $file with what is registered"
  ask POST "/subjects/$subject/versions" "$body"
  [ "$code" != 409 ] || fail "$subject: $file is refused: ${answer:0:1500}"
  expect "$subject: registering $file"
  id=$(grep -oE '"id": *[0-9]+' <<<"$answer" | grep -oE '[0-9]+')
  if [ "$new" = 404 ]; then
    ask PUT "/config/$subject" "{\"compatibility\":\"$level\"}"
    expect "$subject: setting $level"
  fi
  echo "$subject is registered: id $id"
done
