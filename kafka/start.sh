#!/usr/bin/env bash
# PID 1 of a broker's container: start.sh [COMMAND…]; the image's own start is the command by default.
# Derives the broker's addresses from two facts, so that no file has to repeat them:
#   BROKER_NODES    names of all brokers on the network, in the order of their node ids
#   KAFKA_NODE_ID   which of them this is
set -euo pipefail
here=$(dirname "${BASH_SOURCE[0]}")

IFS=, read -ra nodes <<<"$BROKER_NODES"
name=${nodes[KAFKA_NODE_ID - 1]}
host_port=$((29091 + KAFKA_NODE_ID))
# A lone controller talks to itself, and nobody else is to reach it.
controllers=("${nodes[@]}")
controller_host=0.0.0.0
[ ${#nodes[@]} -gt 1 ] || { controllers=(localhost); controller_host=localhost; }
voters=()
for i in "${!controllers[@]}"; do voters+=("$((i + 1))@${controllers[i]}:9093"); done

KAFKA_CONTROLLER_QUORUM_VOTERS=$(IFS=,; echo "${voters[*]}")
KAFKA_LISTENERS=CLIENT://0.0.0.0:9092,HOST://0.0.0.0:$host_port,CONTROLLER://$controller_host:9093
# The container's port is the one published on the host, so that a client is sent to where it came in.
KAFKA_ADVERTISED_LISTENERS=CLIENT://$name:9092,HOST://127.0.0.1:$host_port
export KAFKA_CONTROLLER_QUORUM_VOTERS KAFKA_LISTENERS KAFKA_ADVERTISED_LISTENERS

if [ $# -eq 0 ]; then
  # One broker makes the topics, beside itself: they are of the cluster.
  if [ "$KAFKA_NODE_ID" -eq 1 ]; then bash "$here/create-topics.sh" & fi
  set -- /etc/confluent/docker/run
fi
# exec leaves java as PID 1, so that it gets the SIGTERM and stops cleanly.
exec "$@"
