#!/usr/bin/env bash
# PID 1 of the schema registry's container: start-registry.sh [COMMAND…]; the image's own start is the command by default.
# Derives what it has to know about the brokers from two files that other overlays exchange: who they are, and how clients come in.
set -euo pipefail
BROKER_NODES=$(sed -n 's/^BROKER_NODES=//p' "${BROKERS:-/brokers.env}")
# shellcheck source=kafka/broker.sh
. "$(dirname "${BASH_SOURCE[0]}")/broker.sh"

servers=("${nodes[@]/%/:9092}")
SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS=$(IFS=,; echo "${servers[*]}")
# Its topic is made once, when all brokers are there.
SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR=${#nodes[@]}
export SCHEMA_REGISTRY_KAFKASTORE_BOOTSTRAP_SERVERS SCHEMA_REGISTRY_KAFKASTORE_TOPIC_REPLICATION_FACTOR

if secure; then
  # The file for Kafka's tools says it all: sasl.mechanism becomes SCHEMA_REGISTRY_KAFKASTORE_SASL_MECHANISM. It is read at the start alone.
  while IFS= read -r line; do
    key=${line%%=*}
    key=${key//./_}
    export "SCHEMA_REGISTRY_KAFKASTORE_${key^^}=${line#*=}"
  done <"${CLIENT:-/secrets/registry/client.properties}"
fi

[ $# -gt 0 ] || set -- /etc/confluent/docker/run
exec "$@"
