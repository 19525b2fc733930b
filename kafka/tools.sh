# Sourced by what changes something at secure brokers: Kafka's tools, which come in with a broker's certificate. BROKER_ADDRESS
# (localhost:9095), SECRETS (/secrets/brokers) and BROKER (this one's name, whose certificate is taken) say otherwise.
# Without Docker they are those of kafka.sh.
# shellcheck shell=bash
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=kafka/broker.sh
. "$here/broker.sh"
connection=(--bootstrap-server "${BROKER_ADDRESS:-localhost:9095}" --command-config "$secrets/${BROKER:-$name}.properties")

# They live for seconds, and several at a time must fit beside the broker.
export KAFKA_HEAP_OPTS=-Xmx64m KAFKA_JVM_PERFORMANCE_OPTS='-XX:TieredStopAtLevel=1 -XX:+UseSerialGC'
tool() {
  if command -v "kafka-$1" >/dev/null; then "kafka-$1" "${connection[@]}" "${@:2}"; else "$here/kafka.sh" "$1" "${connection[@]}" "${@:2}"; fi
}
