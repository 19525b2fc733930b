#!/usr/bin/env bash
# PID 1 of a broker's container: start.sh [COMMAND…]; the image's own start is the command by default.
# Derives the broker's addresses from two facts, so that no file has to repeat them:
#   BROKER_NODES    names of all brokers on the network, in the order of their node ids
#   KAFKA_NODE_ID   which of them this is
# With docker-compose.secure.yml the settings of kafka/secure.env come on top, and it never starts without them.
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=kafka/broker.sh
. "$here/broker.sh"

host_port=$((29091 + KAFKA_NODE_ID))
# A lone broker talks to itself, and nobody else is to reach what it does that by.
peers=("${nodes[@]}")
peer_host=0.0.0.0
[ ${#nodes[@]} -gt 1 ] || { peers=(localhost); peer_host=localhost; }
voters=()
for i in "${!peers[@]}"; do voters+=("$((i + 1))@${peers[i]}:9093"); done

KAFKA_CONTROLLER_QUORUM_VOTERS=$(IFS=,; echo "${voters[*]}")
KAFKA_LISTENERS=CLIENT://0.0.0.0:9092,HOST://0.0.0.0:$host_port,CONTROLLER://$peer_host:9093
# The container's port is the one published on the host, so that a client is sent to where it came in.
KAFKA_ADVERTISED_LISTENERS=CLIENT://$name:9092,HOST://127.0.0.1:$host_port

if secure; then
  while IFS= read -r line; do
    case $line in KAFKA_*) export "${line?}" ;; esac
  done <"$security"
  KAFKA_LISTENERS+=,BROKER://$peer_host:9095
  KAFKA_ADVERTISED_LISTENERS+=,BROKER://${peers[KAFKA_NODE_ID - 1]}:9095
  export KAFKA_SSL_KEYSTORE_LOCATION=$secrets/$name.pem KAFKA_SSL_TRUSTSTORE_LOCATION=$secrets/ca.pem
  # With nothing in it, Kafka's own start opens a port for JMX, of which the number is chance: closed to other machines, but open.
  export KAFKA_JMX_OPTS=-Djava.rmi.server.hostname=localhost
  until [ -r "$secrets/$name.pem" ]; do
    [ $SECONDS -lt 60 ] || { echo "$secrets/$name.pem is not there or not readable: see what the service 'secrets' says" >&2; exit 1; }
    sleep 0.2
  done
fi
export KAFKA_CONTROLLER_QUORUM_VOTERS KAFKA_LISTENERS KAFKA_ADVERTISED_LISTENERS

# Beside the first broker, since it is of the cluster: who may come in, and then the topics, which the services wait for.
prepare() {
  if secure; then
    until TOPICS=any bash "$here/healthcheck.sh" >/dev/null && bash "$here/access.sh"; do sleep 0.5; done
  fi
  bash "$here/create-topics.sh"
}
if [ $# -eq 0 ]; then
  if [ "$KAFKA_NODE_ID" -eq 1 ]; then prepare & fi
  set -- /etc/confluent/docker/run
fi
# exec leaves java as PID 1, so that it gets the SIGTERM and stops cleanly.
exec "$@"
