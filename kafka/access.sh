#!/usr/bin/env bash
# Makes the users and rights of a secure broker those of acls.conf, with the passwords of $SECRETS/users: what is missing is added, what is
# too much goes. Runs at every boot of the first broker, and by hand after a change:
#   docker exec kafka bash /kafka-setup/access.sh
# access.sh PRINCIPAL… gives these their passwords and does nothing else: in a second, during which who has the new one is refused.
# BROKER_ADDRESS, SECRETS and BROKER as tools.sh has them.
set -euo pipefail
# shellcheck source=kafka/tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

# aside COMMAND…: runs it beside the others, four at most; `settle` waits for all and fails if one did.
running=()
failed=0
aside() {
  if [ ${#running[@]} -ge 4 ]; then
    wait "${running[0]}" || failed=1
    running=("${running[@]:1}")
  fi
  "$@" </dev/null >/dev/null &
  running+=($!)
}
settle() {
  local pid
  for pid in ${running[@]+"${running[@]}"}; do wait "$pid" || failed=1; done
  running=()
  [ $failed -eq 0 ]
}

# The password is in a pipe: neither among the arguments, which everybody can read, nor in a file.
set_user() {
  [ -s "$secrets/users/$1" ] || { echo "there is no password of $1 in $secrets/users" >&2; return 1; }
  tool configs --alter --entity-type users --entity-name "$1" \
    --add-config-file <(printf 'SCRAM-SHA-512=iterations=8192,password=%s\n' "$(<"$secrets/users/$1")")
}
remove_user() { tool configs --alter --entity-type users --entity-name "$1" --delete-config SCRAM-SHA-512; }

# A grant is a line of: principal, host, allow or deny, operation, literal or prefixed, kind of resource, name.
wanted_grants() {
  awk '!/^#/ && NF {
    n = split($2, operations, ",")
    for (o = 1; o <= n; o++) for (f = 4; f <= NF; f++) {
      name = $f
      pattern = sub(/\*$/, "", name) ? "prefixed" : "literal"
      print "User:" $1, "*", "allow", operations[o], pattern, $3, name
    }
  }' "$here/acls.conf" | sort -u
}
# What kafka-acls lists has the resource in one line and a grant in each that follows.
present_grants() {
  awk '
    function value(text, key) { sub(".*" key "=", "", text); sub(/[,)`].*/, "", text); return text }
    /resourceType=/ { kind = tolower(value($0, "resourceType")); name = value($0, "name"); pattern = tolower(value($0, "patternType")) }
    /principal=/ {
      n = split(value($0, "operation"), words, "_")
      operation = ""
      for (i = 1; i <= n; i++) operation = operation toupper(substr(words[i], 1, 1)) tolower(substr(words[i], 2))
      print value($0, "principal"), value($0, "host"), tolower(value($0, "permissionType")), operation, pattern, kind, name
    }' <<<"$1" | sort -u
}
# change --add|--remove GRANTS: one call for all names that a principal may do the same to.
change() {
  local action=$1 line key last='' principal host permission operation pattern kind name
  local options=()
  while read -r line; do
    [ -n "$line" ] || continue
    read -r principal host permission operation pattern kind name <<<"$line"
    key="$principal $host $permission $operation $pattern"
    if [ "$key" != "$last" ]; then
      [ -z "$last" ] || aside tool acls "$action" "${options[@]}"
      options=("--$permission-principal" "$principal" "--$permission-host" "$host" --operation "$operation" --resource-pattern-type "$pattern")
      [ "$action" = --add ] || options+=(--force)
      last=$key
    fi
    case $kind in
      cluster) options+=(--cluster) ;;
      *) options+=("--${kind/_/-}" "$name") ;;
    esac
  done <<<"$2"
  [ -z "$last" ] || aside tool acls "$action" "${options[@]}"
}

lists=$(mktemp -d)
trap 'rm -rf "$lists"' EXIT
list_grants() { tool acls --list >"$lists/grants"; }
list_users() { tool configs --describe --entity-type users >"$lists/users"; }
if [ $# -gt 0 ]; then
  for principal in "$@"; do aside set_user "$principal"; done
  settle
  echo "access: the password of $*"
  exit
fi
aside list_grants
aside list_users
principals=$(awk '!/^#/ && NF { print $1 }' "$here/acls.conf" | sort -u)
for principal in $principals; do aside set_user "$principal"; done
settle

wanted=$(wanted_grants)
present=$(present_grants "$(<"$lists/grants")")
missing=$(comm -23 <(echo "$wanted") <(echo "$present"))
surplus=$(comm -13 <(echo "$wanted") <(echo "$present"))
strangers=$(sed -n "s/.*user-principal '\(.*\)' are .*SCRAM.*/\1/p" "$lists/users" | sort -u | comm -13 <(echo "$principals") -)
change --add "$missing"
change --remove "$surplus"
for stranger in $strangers; do aside remove_user "$stranger"; done
settle
echo "access: $(wc -w <<<"$principals") users; grants: $(wc -l <<<"$wanted"), of which new $(grep -c . <<<"$missing" || true); removed $(grep -c . <<<"$surplus" || true)"
