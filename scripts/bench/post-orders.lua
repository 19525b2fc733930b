-- Posts one order over and over; the service gives each an id of its own.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"userId":"user-123","amount":99.99,"currency":"USD","items":[{"productId":"prod-001","quantity":2,"price":49.995}]}'

-- One line that a program can read: latencies in microseconds.
done = function(summary, latency)
  io.write(string.format('RESULT {"requests":%d,"seconds":%.6f,"errors":%d,"p50":%d,"p99":%d,"max":%d}\n',
    summary.requests, summary.duration / 1e6,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.status + summary.errors.timeout,
    latency:percentile(50), latency:percentile(99), latency.max))
end
