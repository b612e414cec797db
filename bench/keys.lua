-- For wrk: takes with a new idempotency key in each request, and says what report.lua says. Its
-- argument makes the keys of a run its own. Making a key costs wrk itself about a microsecond.
dofile((debug.getinfo(1, "S").source:match("^@(.*)keys%.lua$") or "") .. "report.lua")

local prefix, sent = "", 0

function init(arguments)
  prefix = "POST / HTTP/1.1\r\nHost: a\r\nIdempotency-Key: " .. (arguments[1] or "key") .. "-"
end

function request()
  sent = sent + 1
  return prefix .. sent .. "\r\n\r\n"
end
