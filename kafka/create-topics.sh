#!/usr/bin/env bash
# Creates the topics of topics.conf; runs inside the container of the first broker, beside it, at every boot. The broker's default says how
# many replicas a topic has, and all of them must have come before it can be made.
set -uo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=kafka/broker.sh
. "$here/broker.sh"
connection=(--bootstrap-server localhost:9092)
if secure; then connection=(--bootstrap-server localhost:9095 --command-config "$secrets/$name.properties"); fi
brokers=${#nodes[@]}

create() {
  local topic=$1 partitions=$2 config
  shift 2
  local options=()
  for config in "$@"; do options+=(--config "$config"); done
  kafka-topics "${connection[@]}" --create --if-not-exists --topic "$topic" --partitions "$partitions" "${options[@]}"
}

# The health check asks for exactly what is to be reached here, and costs next to nothing when all is there.
until state=$(bash "$here/healthcheck.sh"); do
  case $state in
    "topic"*", $brokers of the brokers are here")
      # Side by side: most of each is the start of a JVM.
      while read -r topic partitions configs; do
        case $topic in '' | '#'*) continue ;; esac
        # shellcheck disable=SC2086 # configs is a list of words
        create "$topic" "$partitions" $configs </dev/null &
      done <"$here/topics.conf"
      wait
      ;;
  esac
  sleep 0.5
done
