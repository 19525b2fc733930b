#!/usr/bin/env bash
# A schema registry without Docker: kafka/registry.sh fetch|start FOLDER PORT
# It listens on 127.0.0.1 and keeps what it knows in FOLDER: ids must outlive it, records name them. Its API is Confluent's, under
# /apis/ccompat/v7. Needs Java 17+, and Maven the first time: Apicurio of registry-pom.xml is kept in .cache/.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
usage() { echo "usage: $0 fetch|start FOLDER PORT" >&2; exit 2; }
case ${1:-}:$# in fetch:1 | start:3) ;; *) usage ;; esac

what='Apicurio Registry'
# shellcheck source=kafka/java.sh
. "$here/java.sh"
fetched "$here/registry-pom.xml" unpack-dependencies
[ "$1" = start ] || exit 0

mkdir -p "$2"
folder=$(cd "$2" && pwd)
# A file of H2, whose own lock keeps a second registry out. Left alone, it writes up to half a second after it has answered, and what
# was registered just before a kill is gone.
export REGISTRY_DATASOURCE_URL="jdbc:h2:file:$folder/registry;WRITE_DELAY=0" LOG_LEVEL=WARN REGISTRY_LOG_LEVEL=WARN QUARKUS_BANNER_ENABLED=false
# Unset, it asks for it in many lines at each start.
export REGISTRY_APIS_V2_DATE_FORMAT="yyyy-MM-dd'T'HH:mm:ss'Z'"
exec "$java" -Xmx256m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Dquarkus.http.host=127.0.0.1 -Dquarkus.http.port="$3" \
  -jar "$fetched"/apicurio-registry-app-*-runner.jar
