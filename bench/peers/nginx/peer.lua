-- What nginx runs for a request: one EVALSHA, on a connection of the worker's own pool.
local redis = require "nginx.redis" -- Debian's name of resty.redis.

local peer = {}
local script, script_hash

-- The script is read once, before nginx makes its workers.
function peer.load(path)
  script = assert(io.open(path)):read("*a")
  script_hash = ngx.sha1_bin(script):gsub(".", function(byte)
    return ("%02x"):format(byte:byte())
  end)
end

function peer.take(redis_port)
  local store = redis:new()
  if not store:connect("127.0.0.1", redis_port) then return ngx.exit(503) end
  local number, problem = store:evalsha(script_hash, 1, "peer")
  if not number and problem:find("^NOSCRIPT") then number = store:eval(script, 1, "peer") end
  if not number then return ngx.exit(503) end
  store:set_keepalive(60000, 128)
  local body = number > 0 and '{"hello":"world","request_num":' .. number .. "}"
    or '{"Go":"away!","request_num":' .. -number .. "}"
  ngx.header["Cache-Control"] = "no-store"
  ngx.header["Content-Length"] = #body
  ngx.print(body)
end

return peer
