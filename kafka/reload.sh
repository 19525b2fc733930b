#!/usr/bin/env bash
# Lets the running brokers show the certificates that secrets.sh --renew has made, without a restart:
#   docker exec kafka bash /kafka-setup/reload.sh
# A broker reads a file anew when it is told where it is, also when that is where it was. The setting stays in its log, and says what start.sh
# says. Connections that there are go on, and so do the certificates that brokers show when they call each other, until the next start.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=kafka/broker.sh
. "$here/broker.sh"
export KAFKA_HEAP_OPTS=-Xmx64m KAFKA_JVM_PERFORMANCE_OPTS='-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'

reload() { # reload NODE-ID FILE
  local listener options=()
  for listener in client host broker; do options+=("listener.name.$listener.ssl.keystore.location=$2"); done
  kafka-configs --bootstrap-server localhost:9095 --command-config "$secrets/$name.properties" --alter --entity-type brokers --entity-name "$1" \
    --add-config "$(IFS=,; echo "${options[*]}")"
}
for i in "${!nodes[@]}"; do reload $((i + 1)) "$secrets/${nodes[i]}.pem"; done
