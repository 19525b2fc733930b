#!/usr/bin/env bash
# Healthy (exit 0) when the broker answers and every topic of topics.conf exists: healthcheck.sh [host] [port]
# It asks what this broker knows, so it stays healthy when others are away. With TOPICS=any, an answer is enough.
# Speaks the Kafka protocol itself: it runs every few seconds, and a JVM for each would keep a core busy.
set -euo pipefail

here=$(dirname "${BASH_SOURCE[0]}")
# shellcheck source=kafka/broker.sh
. "$here/broker.sh"
host=${1:-localhost}

# Bytes as hex with a space before each: " 6f 72 …".
hex() { od -An -v -tx1 | while IFS= read -r line; do printf '%s' "$line"; done; }
answer() { timeout 3 head -c "$1" <&3 || true; }

if secure; then
  port=${2:-9095}
  # Comes in as the brokers do, and takes nobody else for the broker.
  coproc exec timeout 9 openssl s_client -quiet -connect "$host:$port" -servername "$host" -verify_hostname "$host" -verify_return_error \
    -CAfile "$secrets/ca.pem" -cert "$secrets/$name.pem" -key "$secrets/$name.pem" 2>/dev/null
  trap 'kill "$tls" 2>/dev/null || true' EXIT
  tls=$COPROC_PID
  exec 3<&"${COPROC[0]}" 4>&"${COPROC[1]}"
else
  port=${2:-9092}
  { exec 3<>"/dev/tcp/$host/$port"; } 2>/dev/null || { echo "no broker at $host:$port"; exit 1; }
  exec 4>&3
fi

# Metadata request, version 1, big-endian: length 14 | api key 3 | version 1 | correlation id 1 | no client id (-1) | all topics (-1)
printf '\x00\x00\x00\x0e\x00\x03\x00\x01\x00\x00\x00\x01\xff\xff\xff\xff\xff\xff' >&4
length=$(answer 4 | hex)
[ ${#length} -eq 12 ] || { echo 'the broker does not answer'; exit 1; }
reply=$(answer $((16#${length// /})) | hex)
[ "${TOPICS:-}" != any ] || exit 0

# The reply begins: correlation id (4 bytes) | number of brokers (4 bytes)
brokers=$((16#$(tr -d ' ' <<<"${reply:12:12}")))

# A topic of the reply begins: error code (2 bytes, 0 is none) | length of the name (2 bytes) | name
while read -r topic _; do
  case $topic in '' | '#'*) continue ;; esac
  entry=$(printf ' 00 00 00 %02x%s' ${#topic} "$(printf %s "$topic" | hex)")
  grep -qF "$entry" <<<"$reply" || { echo "topic $topic is missing, $brokers of the brokers are here"; exit 1; }
done <"$here/topics.conf"
