#!/usr/bin/env bash
# Creates the topics of topics.conf; runs inside the container of the first broker, beside it, at every boot. The broker's default says how
# many replicas a topic has, and all of them must have come before it can be made.
set -uo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
broker=localhost:9092
brokers=$(awk -F, '{ print NF }' <<<"$BROKER_NODES")

create() {
  local name=$1 partitions=$2 config
  shift 2
  local options=()
  for config in "$@"; do options+=(--config "$config"); done
  kafka-topics --bootstrap-server "$broker" --create --if-not-exists --topic "$name" --partitions "$partitions" "${options[@]}"
}

# The health check asks for exactly what is to be reached here, and costs next to nothing when all is there.
until state=$(bash "$here/healthcheck.sh"); do
  case $state in
    "topic"*", $brokers of the brokers are here")
      # Side by side: most of each is the start of a JVM.
      while read -r name partitions configs; do
        case $name in '' | '#'*) continue ;; esac
        # shellcheck disable=SC2086 # configs is a list of words
        create "$name" "$partitions" $configs </dev/null &
      done <"$here/topics.conf"
      wait
      ;;
  esac
  sleep 0.5
done
