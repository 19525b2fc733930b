#!/usr/bin/env bash
# Has all brokers take their certificates and the CA anew from the files, while they serve: after secrets.sh --renew or --ca.
#   docker exec kafka bash /kafka-setup/reload.sh
# Connections that are open go on as they are. What a broker shows when it calls another one, and the controllers' own listener, change at
# its next start.
# LISTENERS: those that there are, client, host and broker by default. The rest as tools.sh has it.
set -euo pipefail
# shellcheck source=kafka/tools.sh
. "$(dirname "${BASH_SOURCE[0]}")/tools.sh"

for i in "${!nodes[@]}"; do
  settings=()
  for listener in ${LISTENERS:-client host broker}; do
    settings+=("listener.name.$listener.ssl.keystore.location=$secrets/${nodes[i]}.pem" "listener.name.$listener.ssl.truststore.location=$secrets/ca.pem")
  done
  # Set to what they are by default, and back: a broker reads the file whenever the setting changes, and only then.
  for action in --add-config --delete-config; do
    [ $action = --add-config ] || settings=("${settings[@]%%=*}")
    tool configs --alter --entity-type brokers --entity-name $((i + 1)) $action "$(IFS=,; echo "${settings[*]}")" </dev/null >/dev/null
  done
  echo "${nodes[i]} has taken its certificate anew"
done
