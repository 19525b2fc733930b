#!/usr/bin/env bash
# A real Prometheus watches a running pair while 2,000 orders pass, and what it says about them is checked:
# scripts/observability-check.sh [port of service-a] [port of service-b]. Ends with "N passed, N failed"; exit code 0 when none failed.
# Uses observability/prometheus as it is but for targets and intervals, on a free port, and stops it at the end. The pair must be idle
# otherwise and have the default settings of the payment gateway. Needs prometheus and promtool (Debian: apt-get install prometheus), curl.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

port_a=${1:-3001}
port_b=${2:-3002}
orders=2000

fail() { echo "$*" >&2; exit 1; }
command -v prometheus promtool >/dev/null || fail 'prometheus and promtool are needed: apt-get install prometheus'

dir=$(mktemp -d)
prometheus=
trap '[ -z "$prometheus" ] || { kill "$prometheus"; wait "$prometheus"; } 2>/dev/null; rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

cp observability/prometheus/rules.yml "$dir"
sed -E "s/(_interval:) .*/\1 1s/; s/service-a:3001/127.0.0.1:$port_a/; s/service-b:3002/127.0.0.1:$port_b/" \
  observability/prometheus/prometheus.yml >"$dir/prometheus.yml"
prometheus --config.file="$dir/prometheus.yml" --storage.tsdb.path="$dir/data" --web.listen-address=127.0.0.1:0 >"$dir/log" 2>&1 &
prometheus=$!

# --- Queries ---
address() { sed -nE 's/.*msg="Listening on".* address=(127\.0\.0\.1:[0-9]+).*/\1/p' "$dir/log" | head -n 1; }
query() { promtool query instant "http://$(address)" "$1"; }
value() { query "$1" | sed -nE 's/.* => ([^ ]+) @.*/\1/p' | head -n 1; }
# within SECONDS QUERY VALUE: waits until the query answers the value; leaves the last answer in $seen.
within() {
  local end=$((SECONDS + $1))
  until seen=$(value "$2") && [ "$seen" = "$3" ]; do
    [ "$SECONDS" -lt "$end" ] || return 1
    sleep 0.5
  done
}

# --- Checks ---
passed=0
failed=0
verdict() { # verdict <0 or not> WHAT
  if [ "$1" -eq 0 ]; then passed=$((passed + 1)); echo "ok     $2"; else failed=$((failed + 1)); echo "not ok $2"; fi
}
# is WHAT QUERY VALUE: some scrapes may pass until a service has counted everything.
is() {
  within 15 "$2" "$3"
  verdict $? "$1: ${seen:-nothing}$([ "$seen" = "$3" ] || echo " instead of $3")"
}

end=$((SECONDS + 20))
until [ -n "$(address)" ] && [ "$(value 'sum(up)')" = 2 ]; do
  [ "$SECONDS" -lt "$end" ] || { grep -i level=err "$dir/log" >&2; fail "No metrics on the ports $port_a and $port_b: start the services first."; }
  sleep 0.5
done

produced='sum(kafka_records_produced_total{job="service-a",outcome="acknowledged"})'
published='sum(kafka_records_produced_total{job="service-b",outcome="acknowledged"})'
outcomes='sum(kafka_records_consumed_total{job="service-b"})'
paid='sum(kafka_records_consumed_total{job="service-b",outcome="paid"})'
dead='sum(kafka_records_consumed_total{job="service-b",outcome="dead_lettered"})'
dead_by_type='sum(dead_letters_total)'
declined='sum(dead_letters_total{error_type="PaymentDeclinedError"})'
timed='sum(order_outcome_duration_seconds_count)'
accepted='sum(http_request_duration_seconds_count{job="service-a",method="POST",route="/orders",status="202"})'
now() { value "$1 or vector(0)"; }

declare -A before
for counter in produced published outcomes paid dead dead_by_type declined timed accepted; do before[$counter]=$(now "${!counter}"); done
is 'both services are ready' 'sum(service_ready)' 2

started=$SECONDS
BASE_URL=http://127.0.0.1:$port_a bash scripts/test-load.sh "$orders" 50 >"$dir/load"
verdict $? "test-load $orders 50: $(tr -s ' ' <"$dir/load" | grep -E '^(completed|failed)' | paste -sd ,)"
completed=$(awk '$1 == "completed" { print $2 }' "$dir/load")
failed_orders=$(awk '$1 == "failed" { print $2 }' "$dir/load")

grew() { is "$1" "${!2} - ${before[$2]}" "$3"; }
grew 'answers 202 to POST /orders' accepted "$orders"
grew 'records produced by service-a' produced "$orders"
grew 'outcomes of service-b' outcomes "$orders"
grew 'records produced by service-b' published "$orders"
grew 'paid, as many as GET shows completed' paid "$completed"
grew 'dead-lettered, as many as GET shows failed' dead "$failed_orders"
grew 'dead letters of all types' dead_by_type "$failed_orders"
within 1 "$declined - ${before[declined]} >= bool 300 and $declined - ${before[declined]} <= 500" 1
verdict $? "declined, about a fifth: $(value "$declined - ${before[declined]}")"
grew 'latencies in the histogram' timed "$orders"
is 'partitions with a lag: 3 of service-b, 9 of service-a' 'count(kafka_consumer_lag_records)' 12
is 'lag of all of them' 'sum(kafka_consumer_lag_records)' 0
is 'orders that service-a holds as pending' 'orders_held{status="pending"}' 0
is 'alerts firing' 'count(ALERTS{alertstate="firing"}) or vector(0)' 0

# Every query of the dashboard is one that Prometheus can answer; what has not happened has no answer.
panels=0
empty=0
while IFS= read -r expression; do
  panels=$((panels + 1))
  if ! answer=$(query "${expression//\$__rate_interval/$((SECONDS - started + 5))s}" 2>&1); then verdict 1 "dashboard: $expression: $answer"; continue; fi
  [ -n "$answer" ] || { empty=$((empty + 1)); echo "       no answer: $expression"; }
done < <(grep -oE '"expr": "([^"\\]|\\.)*"' observability/grafana/dashboards/orders.json | sed -E 's/^"expr": "(.*)"$/\1/; s/\\"/"/g' | grep -v '^{service')
verdict $((panels < 20)) "dashboard: $panels queries asked, $empty without an answer"

echo "       order to outcome: p50 $(value 'histogram_quantile(0.5, sum by (le) (order_outcome_duration_seconds_bucket))') s," \
  "p99 $(value 'histogram_quantile(0.99, sum by (le) (order_outcome_duration_seconds_bucket))') s"
query 'sum by (error_type) (dead_letters_total)' | sed 's/^/       dead letters since the start: /; s/ @.*//'
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
