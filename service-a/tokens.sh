#!/usr/bin/env bash
# Who may ask a service (API_TOKENS_FILE): tokens.sh add FILE NAME read|write   makes a token and prints it; the file has its hash alone
#                                         tokens.sh remove FILE NAME           takes it away
#                                         tokens.sh list FILE                  names and scopes
# A service that runs reads the file anew within seconds. OWNER: whom the file shall belong to. Needs bash and openssl.
set -euo pipefail
umask 077

fail() { echo "$*" >&2; exit 2; }
usage() { sed -n '2,4s/^# \?//p' "${BASH_SOURCE[0]}" >&2; exit 2; }

[ $# -ge 2 ] || usage
command=$1 file=$2 name=${3:-} scope=${4:-}
has() { [ -e "$file" ] && awk -v name="$name" '$1 == name { found = 1 } END { exit !found }' "$file"; }
# The whole file at once.
replace() {
  cat >"$file.new"
  [ -z "${OWNER:-}" ] || chown "$OWNER" "$file.new"
  mv "$file.new" "$file"
}

case $command in
  add)
    [[ $name =~ ^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$ ]] || fail 'name: letters, digits, dots, hyphens and underscores, 64 at most'
    [[ $scope = read || $scope = write ]] || fail 'scope: read or write'
    ! has || fail "there is a token of $name: remove it first, or take another name"
    token=$(openssl rand -hex 32)
    hash=$(printf %s "$token" | openssl dgst -sha256 -r | cut -d ' ' -f 1)
    { [ ! -e "$file" ] || cat "$file"; echo "$name $scope $hash"; } | replace
    echo "$token"
    ;;
  remove)
    has || fail "there is no token of $name"
    awk -v name="$name" '$1 != name' "$file" | replace
    ;;
  list) awk '!/^[ \t]*(#|$)/ { print $1, $2 }' "$file" ;;
  *) usage ;;
esac
