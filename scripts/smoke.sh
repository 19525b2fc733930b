#!/usr/bin/env bash
# The README's walk-through against a running stack, as checks: scripts/smoke.sh. Can be run again on the same stack.
# Ends with "N passed, N failed"; exit code 0 when none failed. Needs the default settings of the payment gateway.
# Kafka is reached through the container `kafka` if it runs, else as with npm start, through kafka/kafka.sh. On a secure system it reads as
# the inspector and writes as service-a; without Docker, KAFKA_SECRETS is the folder that has both.
# API_TOKEN: a token that may write, where service-a asks for one.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

A=${SERVICE_A_URL:-http://127.0.0.1:3001}
B=${SERVICE_B_URL:-http://127.0.0.1:3002}

# What becomes of these is the gateway's own choice, by their ids.
APPROVED_ID=550e8400-e29b-41d4-a716-446655440000
DECLINED_ID=550e8400-e29b-41d4-a716-446655440002
RECOVERING_ID=550e8400-e29b-41d4-a716-446655440018
UNAVAILABLE_ID=550e8400-e29b-41d4-a716-446655440446

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
# In a file, since arguments are everybody's to read.
printf '%s' "${API_TOKEN:+Authorization: Bearer $API_TOKEN}" >"$dir/token"

# --- Checks ---
passed=0
failed=0
check() {
  local what=$1
  shift
  if "$@"; then
    passed=$((passed + 1))
    echo "ok     $what"
  else
    failed=$((failed + 1))
    echo "not ok $what"
    echo "       last answer: $code $(head -c 500 "$dir/body")"
  fi
}

# --- HTTP: leaves the status in $code, the body and the head in files ---
request() { code=$(curl -s -m 10 -o "$dir/body" -D "$dir/head" -w '%{http_code}' -H "@${shown:-$dir/token}" "$@") || true; }
post() { request "$A/orders" -H 'Content-Type: application/json' --data-binary "$1"; }
is() { [ "$code" = "$1" ]; }
has() { grep -qF -- "$1" "$dir/body"; }
# Spaces do not count, since `all` splits a condition at them.
header() { tr -d ' \r' <"$dir/head" | grep -qiFx -- "${1// /}"; }
all() { # all "is 200" "has x" …: every condition holds
  local condition
  for condition in "$@"; do $condition || return 1; done
}

order() { # order <orderId> [amount]
  printf '{"orderId":"%s","userId":"user-123","amount":%s,"currency":"USD","items":[{"productId":"prod-001","quantity":2,"price":49.995}]}' "$1" "${2:-99.99}"
}
new_id() { # the form of a UUID, random
  local hex
  hex=$(head -c 16 /dev/urandom | od -An -v -tx1 | tr -d ' \n')
  echo "${hex:0:8}-${hex:8:4}-4${hex:13:3}-8${hex:17:3}-${hex:20:12}"
}
# Waits for the outcome of an order.
follow() { request "$A/orders/$1" -H 'Prefer: wait=9'; }

# --- Kafka ---
in_container() { [ "$(docker container inspect -f '{{.State.Running}}' kafka 2>/dev/null)" = true ]; }
if in_container; then
  broker=kafka:9092
  inspector=/secrets/inspector/client.properties
  docker exec kafka test -e "$inspector" || inspector=
else
  broker=127.0.0.1:29092
  inspector=${KAFKA_SECRETS:+$KAFKA_SECRETS/inspector/client.properties}
fi
kafka_tool() {
  local tool=$1
  shift
  if in_container; then
    docker exec -i kafka "kafka-$tool" --bootstrap-server "$broker" "$@"
  else
    kafka/kafka.sh "$tool" --bootstrap-server "$broker" "$@"
  fi
}
read_topic() {
  kafka_tool console-consumer ${inspector:+--consumer.config "$inspector"} --topic "$1" --from-beginning --timeout-ms 5000 \
    --property print.key=true </dev/null 2>/dev/null
}
# Kafka's console producer reads text. To write bytes that are none, service-a's own Kafka client does it: stdin to each partition of `orders`.
write_bytes() {
  local script='
    const { Kafka, logLevel } = require("kafkajs");
    const { readFileSync } = require("fs");
    const { KAFKA_BROKERS, KAFKA_SSL_CA_FILE, KAFKA_SASL_USERNAME, KAFKA_SASL_PASSWORD_FILE } = process.env;
    const value = readFileSync(0);
    const known = KAFKA_SSL_CA_FILE && {
      ssl: { ca: [readFileSync(KAFKA_SSL_CA_FILE)] },
      sasl: { mechanism: "scram-sha-512", username: KAFKA_SASL_USERNAME, password: readFileSync(KAFKA_SASL_PASSWORD_FILE, "utf8").trim() },
    };
    const producer = new Kafka({ brokers: [KAFKA_BROKERS], ...known, logLevel: logLevel.NOTHING }).producer();
    producer.connect()
      .then(() => producer.send({ topic: "orders", messages: [0, 1, 2].map((partition) => ({ partition, value })) }))
      .then(() => producer.disconnect())
      .catch((error) => { console.error(error.message); process.exit(1); });'
  # KafkaJS sets negative time-outs, of which Node 24 warns.
  if in_container; then
    docker exec -i -e NODE_NO_WARNINGS=1 -e KAFKA_BROKERS="$broker" "$(docker ps -q --filter label=com.docker.compose.service=service-a | head -n 1)" node -e "$script"
  else
    NODE_NO_WARNINGS=1 KAFKAJS_NO_PARTITIONER_WARNING=1 KAFKA_BROKERS=$broker KAFKA_SSL_CA_FILE=${KAFKA_SECRETS:+$KAFKA_SECRETS/service-a/ca.pem} \
      KAFKA_SASL_USERNAME=service-a KAFKA_SASL_PASSWORD_FILE=${KAFKA_SECRETS:-}/service-a/password node -e "$script"
  fi
}
# The inspector may not write.
write_text() { if [ -n "$inspector" ]; then write_bytes; else kafka_tool console-producer --topic orders; fi; }
in_dlt() { grep -qF -- "$1" "$dir/dlt"; }

# --- The services ---
request "$A/health"
check 'service-a is healthy' all 'is 200' 'has "status":"healthy"' 'has "service":"service-a"'
request "$B/health"
check 'service-b is healthy' all 'is 200' 'has "status":"healthy"' 'has "service":"service-b"'
request "$A/ready"
check 'service-a is ready' is 200
request "$B/ready"
check 'service-b is ready' is 200

# --- The board ---
request "$A/"
check 'the board is there' all 'is 200' 'header Content-Type:text/html;charset=utf-8' 'has /board/main.js'
request "$A/board/main.js"
check 'its script is there' all 'is 200' 'header Content-Type:text/javascript;charset=utf-8'

# --- Fates ---
post "$(order "$APPROVED_ID")"
check 'an order is accepted' all 'is 202' "has $APPROVED_ID" 'has "message":'
check 'the answer says where to follow it' header "Location: /orders/$APPROVED_ID"
follow "$APPROVED_ID"
check 'it becomes completed and has a payment' all 'is 200' 'has "status":"completed"' 'has "paymentId":"'
payment=$(grep -oE '"paymentId":"[^"]+"' "$dir/body" | cut -d'"' -f4)
post "$(order "$APPROVED_ID")"
check 'the same order again is accepted with its status' all 'is 202' 'has "status":"completed"'
post "$(order "$APPROVED_ID" 1)"
check 'another order under its id is a conflict' is 409
follow "$APPROVED_ID"
check 'it still has its one payment' has "$payment"

post "$(order "$DECLINED_ID")"
check 'an order to be declined is accepted' is 202
follow "$DECLINED_ID"
redriven() { has '"status":"completed"'; }
declined() { all 'has "status":"failed"' 'has PaymentDeclinedError' 'has declined'; }
check 'it becomes failed with the reason (or is completed by a redrive)' eval 'declined || redriven'

post "$(order "$RECOVERING_ID")"
follow "$RECOVERING_ID"
check 'an order survives a short outage of the gateway' has '"status":"completed"'

post "$(order "$UNAVAILABLE_ID")"
follow "$UNAVAILABLE_ID"
unavailable() { all 'has "status":"failed"' 'has GatewayUnavailableError' 'has "retryCount":3'; }
check 'an order fails when the outage outlasts the retries (or is completed by a redrive)' eval 'unavailable || redriven'

# --- Waiting, events, list ---
new=$(new_id)
post "$(order "$new")"
follow "$new"
check 'one request waits for the outcome of an order' all 'is 200' 'header Preference-Applied:wait=9' 'has "attempts":1'
check 'the outcome is there' grep -qE '"status":"(completed|failed)"' "$dir/body"
cp "$dir/body" "$dir/outcome"
request "$A/orders?limit=1"
check 'it is the newest order of the list' eval 'is 200 && has "$(cat "$dir/outcome")"'
# A stream that is cut off, as by an instance that dies, is asked for once more: so does a browser.
twice() { "$@" || "$@"; }
begins() {
  request -m 1 "$A/orders/$new/events"
  header 'Content-Type: text/event-stream; charset=utf-8' && has "data: $(cat "$dir/outcome")"
}
check 'a stream of its events begins with it as it is' twice begins
last=$(grep -m 1 '^id: ' "$dir/body" | cut -c 5-)
resumes() {
  request -m 1 "$A/orders/events" -H "Last-Event-ID: $last"
  has 'data: {"resumed":true}'
}
check 'a stream of all events is resumed there' twice resumes

# --- Requests that are refused ---
post '{"userId":"","amount":-1,"currency":"usd","items":[]}'
check 'an invalid order is refused with every fault' all 'is 400' 'has "userId"' 'has "amount"' 'has "currency"' 'has "items"'
check 'an error is a problem document' grep -qi '^content-type: application/problem+json' "$dir/head"
post '{"amount":99.99,"currency":"USD","items":[{"productId":"prod-001","quantity":2,"price":49.995}]}'
check 'a missing field is named' all 'is 400' 'has "userId"'
post '{"orderId":'
check 'malformed JSON is refused' is 400
request "$A/orders" -H 'Content-Type: text/plain' --data-binary "$(order "$(new_id)")"
check 'another content type is refused' is 415
printf '{"userId":"%s"}' "$(head -c 307200 /dev/zero | tr '\0' a)" >"$dir/large"
post "@$dir/large"
check 'a body of 300 KiB is refused' is 413
request "$A/orders/$(new_id)"
check 'an unknown order is not found' is 404
request "$A/nowhere"
check 'an unknown address is not found' is 404
request -X DELETE "$A/orders"
check 'a wrong method is refused with the right one' all 'is 405' 'header Allow:GET,HEAD,POST'

if [ -n "${API_TOKEN:-}" ]; then
  for path in / /orders "/orders/$APPROVED_ID" /orders/events; do
    shown=/dev/null request "$A$path"
    check "without a token $path is not shown" all 'is 401' 'header WWW-Authenticate:Bearerrealm="orders"'
  done
  shown=/dev/null post "$(order "$(new_id)")"
  check 'without a token no order is taken' is 401
  echo 'Authorization: Bearer of-nobody' >"$dir/unknown"
  shown=$dir/unknown request "$A/orders"
  check 'a token that is not known is of no use' all 'is 401' 'has "This token is not known."'
fi

# --- Records that are no orders ---
mark=$(new_id)
printf '{bad %s' "$mark" | write_text >/dev/null 2>&1
check 'rubbish is written to orders' test $? -eq 0
printf '\xff\xfe %s' "$mark" >"$dir/bytes"
write_bytes <"$dir/bytes"
check 'bytes that are no text are written to every partition of orders' test $? -eq 0
next=$(new_id)
post "$(order "$next")"
check 'the next order is accepted' is 202
follow "$next"
check 'the next order is processed' grep -qE '"status":"(completed|failed)"' "$dir/body"

# --- What another client finds in the topics ---
# Side by side: each ends when nothing has come for five seconds.
read_topic orders.DLT >"$dir/dlt" &
read_topic payments >"$dir/payments"
wait
# As JSON or as Avro.
check 'payments has the payment under its order' eval 'grep -aF "$APPROVED_ID" "$dir/payments" | grep -qaF "$payment"'
check 'orders.DLT has the declined order' eval 'grep "^$DECLINED_ID" "$dir/dlt" | grep -qF PaymentDeclinedError'
check 'orders.DLT has the rubbish' in_dlt "\"originalValue\":\"{bad $mark\",\"originalValueEncoding\":\"utf8\""
base64=$(base64 <"$dir/bytes" | tr -d '\n')
check 'orders.DLT has the exact bytes, once for each partition' test "$(grep -cF "\"originalValue\":\"$base64\",\"originalValueEncoding\":\"base64\"" "$dir/dlt")" -eq 3

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
