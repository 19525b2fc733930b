#!/usr/bin/env bash
# Posts orders to service-a as fast as it answers, then follows them to their end: scripts/test-load.sh [orders] [concurrency]
# Exit code 0: every accepted order was found and none is pending. BASE_URL points elsewhere than http://127.0.0.1:3001.
# API_TOKEN: a token that may write, where service-a asks for one.
# Needs bash and curl (7.68 or newer) alone: one curl process with its parallel mode, so that the load is not the processes.
set -euo pipefail

orders=${1:-1000}
concurrency=${2:-50}
base=${BASE_URL:-http://127.0.0.1:3001}
settle_seconds=60

fail() { echo "$*" >&2; exit 1; }
[[ $orders =~ ^[1-9][0-9]{0,5}$ ]] || fail 'orders: a number from 1 to 999999'
[[ $concurrency =~ ^[1-9][0-9]*$ && $concurrency -le 300 ]] || fail 'concurrency: a number from 1 to 300'
curl -fs -m 5 -o /dev/null "$base/ready" || fail "service-a is not ready at $base: start it first (docker compose up --build, or npm start)."

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap 'exit 130' INT TERM

lines() { awk 'END { print NR }' "$1"; }
# The progress line, on a terminal only.
progress() { [ ! -t 2 ] || printf '\r\033[K%s' "$1" >&2; }
# Ends by itself: one that is killed the moment it began would still run the trap above.
watch() { while sleep 0.5 && [ -e "$dir/watched" ]; do progress "$1 $(lines "$2") / $3"; done; }

# Runs the requests of a curl config file; what curl writes out per request goes to $2, the seconds it took to $3.
run_requests() {
  local TIMEFORMAT=%R
  : >"$2"
  # Not among curl's arguments, which are everybody's to read.
  if [ -n "${API_TOKEN:-}" ]; then
    awk '{ print } /^url = / { printf "header = \"Authorization: Bearer %s\"\n", ENVIRON["API_TOKEN"] }' "$1" >"$1-known"
    mv "$1-known" "$1"
  fi
  if [ -t 2 ]; then
    touch "$dir/watched"
    watch "$4" "$2" "$(grep -c '^url' "$1")" &
  fi
  # curl's exit code is that of one transfer; what each of them met is in $2.
  { time curl --silent --parallel --parallel-immediate --parallel-max "$concurrency" -K "$1" >"$2" 2>/dev/null || true; } 2>"$3"
  rm -f "$dir/watched"
  wait
}

# Ids of UUID form, new in every run: seconds, a random number, and the number of the order.
awk -v n="$orders" -v url="$base/orders" -v seconds="$(date +%s)" -v salt="$RANDOM" 'BEGIN {
  for (i = 1; i <= n; i++) {
    id = sprintf("%08x-%04x-4000-8000-%012x", seconds, salt, i)
    quantity = i % 5 + 1
    body = sprintf("{\"orderId\":\"%s\",\"userId\":\"load-%d\",\"amount\":%.2f,\"currency\":\"USD\",\"items\":[{\"productId\":\"prod-001\",\"quantity\":%d,\"price\":10.5}]}", id, i % 100, quantity * 10.5, quantity)
    gsub(/"/, "\\\"", body)
    printf "%surl = \"%s\"\nheader = \"Content-Type: application/json\"\ndata = \"%s\"\nmax-time = 30\noutput = \"/dev/null\"\nwrite-out = \"%%{http_code} %%{time_total} %s\\n\"\n", (i > 1 ? "next\n" : ""), url, body, id
  }
}' >"$dir/post"

echo "Posting $orders orders to $base, $concurrency at a time ..."
run_requests "$dir/post" "$dir/posted" "$dir/post-seconds" 'answered'
awk '$1 == 202 { print $3 }' "$dir/posted" >"$dir/accepted"
accepted=$(lines "$dir/accepted")
post_seconds=$(cat "$dir/post-seconds")

# Asks for the orders that have no outcome yet, again and again; each answer is a file named after its order.
mkdir "$dir/answers"
cp "$dir/accepted" "$dir/open"
SECONDS=0
while [ -s "$dir/open" ]; do
  awk -v url="$base/orders/" -v out="$dir/answers/" '{
    printf "%surl = \"%s%s\"\nmax-time = 30\noutput = \"%s%s\"\nwrite-out = \"%%{http_code} %s\\n\"\n", (NR > 1 ? "next\n" : ""), url, $1, out, $1, $1
  }' "$dir/open" >"$dir/get"
  run_requests "$dir/get" "$dir/got" "$dir/get-seconds" 'asked for'
  (cd "$dir/answers" && find . -type f -exec grep -HoE '"status":"[a-z]+"' {} +) | tr -d './"' | awk -F: '{ print $1, $3 }' >"$dir/states" || true
  awk 'FILENAME == ARGV[1] { if ($2 != "pending") done[$1]; next } !($1 in done)' "$dir/states" "$dir/accepted" >"$dir/open"
  [ ! -s "$dir/open" ] || [ "$SECONDS" -lt "$settle_seconds" ] || break
  [ ! -s "$dir/open" ] || sleep 0.5
done
progress ''

count() { awk -v state="$1" '$2 == state { n++ } END { print n + 0 }' "$dir/states"; }
touch "$dir/states"
completed=$(count completed)
failed=$(count failed)
pending=$(count pending)
lost=$((accepted - completed - failed - pending))

echo "accepted   $accepted"
echo "rejected   $((orders - accepted))$(awk '$1 != 202 { n[$1]++ } END { for (code in n) printf " (%s: %d)", code == "000" ? "no answer" : code, n[code] }' "$dir/posted")"
echo "completed  $completed"
echo "failed     $failed"
echo "pending    $pending"
echo "not found  $lost"
awk '{ print $2 * 1000 }' "$dir/posted" | sort -n | awk '
  function at(p) { return t[int((NR * p + 99) / 100)] }
  { t[NR] = $1 }
  END { if (NR) printf "answer     p50 %.1f ms, p95 %.1f ms, p99 %.1f ms, max %.1f ms\n", at(50), at(95), at(99), t[NR] }'
awk -v n="$accepted" -v s="$post_seconds" -v settle="$SECONDS" 'BEGIN {
  printf "rate       %.0f orders/s (%d in %.1f s), outcomes known %d s later\n", (s > 0 ? n / s : 0), n, s, settle
}'

[ "$accepted" -gt 0 ] && [ "$pending" -eq 0 ] && [ "$lost" -eq 0 ]
