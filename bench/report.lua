-- For wrk: sends requests one by one, or as many in one write as its argument says (pipelining),
-- and says what it measured once more, in one line of plain numbers: answers counted, length of the
-- run, p50 and p99 (microseconds), answers of status 400 and up, socket errors.
-- It has no `request` or `response` function, so it costs nothing while the load runs. With
-- pipelining wrk counts every answer, and takes the time of a whole write's answers.
function init(arguments)
  local requests = wrk.format():rep(tonumber(arguments[1] or 1))
  wrk.format = function() return requests end -- wrk asks it once more, and then no longer.
end

function done(summary, latency, _)
  local errors = summary.errors
  local socket_errors = errors.connect + errors.read + errors.write + errors.timeout
  print(string.format("report %d %d %d %d %d %d", summary.requests, summary.duration,
    latency:percentile(50), latency:percentile(99), errors.status, socket_errors))
end
