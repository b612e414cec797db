-- For wrk: says what it measured once more, in one line of plain numbers: answers counted, length
-- of the run, p50 and p99 (microseconds), answers of status 400 and up, socket errors.
-- It has no `request` or `response` function, so it costs nothing while the load runs.
function done(summary, latency, _)
  local errors = summary.errors
  local socket_errors = errors.connect + errors.read + errors.write + errors.timeout
  print(string.format("report %d %d %d %d %d %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status, socket_errors))
end
