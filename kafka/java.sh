# Sourced by what runs a Java program without Docker. Sets $java (17 or newer); `fetched POM GOAL [OPTION…]` sets $fetched to a folder of
# .cache/ with what that pom names, put there by Maven the first time. $what is the program's name.
# shellcheck shell=bash disable=SC2034,SC2154
fail() { echo "$*" >&2; exit 1; }

java=${JAVA_HOME:+$JAVA_HOME/bin/}java
version=$("$java" -version 2>&1) || fail "Java 17 or newer is needed to run $what without Docker: install a JDK or JRE 17+ (Debian: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17), or use docker compose."
major=$(sed -n 's/.* version "\([0-9]*\).*/\1/p' <<<"$version" | head -n 1)
[ "${major:-0}" -ge 17 ] || fail "Java 17 or newer is needed to run $what without Docker, and $java is version ${major:-unknown}: install a newer one or point JAVA_HOME at it."

fetched() {
  local pom=$1 goal=$2 cache part
  shift 2
  cache=$(dirname "$pom")/.cache
  # Named after the checksum of pom and options, so that a changed pom or another version gets files of its own.
  fetched=$cache/$({ cat "$pom"; printf '%s' "$@"; } | cksum | cut -d ' ' -f 1)
  [ ! -d "$fetched" ] || return 0
  command -v mvn >/dev/null || fail "Maven is needed once to fetch $what: install it (Debian: apt-get install maven; macOS: brew install maven), or use docker compose."
  mkdir -p "$cache"
  part=$(mktemp -d "$cache/part.XXXXXX")
  # shellcheck disable=SC2064
  trap "rm -rf '$part'" EXIT
  echo "Fetching $what with Maven (once) ..." >&2
  mvn -q -B -Dstyle.color=never -f "$pom" "dependency:$goal" "$@" -DincludeScope=runtime -DoutputDirectory="$part/files" -DmarkersDirectory="$part/markers" >&2 ||
    fail "Maven could not fetch $what: see its message above, and check the network and ~/.m2/settings.xml."
  # The rename makes the cache appear complete or not at all; whoever comes second keeps the first one's.
  [ -d "$fetched" ] || mv "$part/files" "$fetched"
  rm -rf "$part"
}
