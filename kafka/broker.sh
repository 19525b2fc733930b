# Sourced by what runs beside a broker: its name, and whether it is secure.
# shellcheck shell=bash disable=SC2034

# Settings that docker-compose.secure.yml puts there: kafka/secure.env.
security=${SECURITY:-/kafka-security.env}
secrets=${SECRETS:-/secrets/brokers}
IFS=, read -ra nodes <<<"${BROKER_NODES:-kafka}"
name=${nodes[${KAFKA_NODE_ID:-1} - 1]}
secure() { [ -e "$security" ] && grep -q '^KAFKA_AUTHORIZER_CLASS_NAME=' "$security"; }
