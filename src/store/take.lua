-- Takes up to ARGV[1] numbers from the bounded counter in the hash KEYS[1], as counter.rs does:
-- returns {first, granted, limit}. With 0 wanted it only looks, and writes nothing.
-- It never creates the counter: one that was lost must not begin again at 1 behind our back.
-- pcall and not call: an error of Redis then keeps its code in front in every version.
local held = redis.pcall('HMGET', KEYS[1], 'taken', 'limit')
if held.err then return held end
-- Digits alone, and no more of them than a double counts without a gap: 2^53 - 1 is the bound.
local function count(text)
  local number = text and text:match('^%d+$') and tonumber(text)
  return number and number <= 9007199254740991 and number
end
local taken, limit = count(held[1]), count(held[2])
if not taken or not limit then
  return redis.error_reply('NOCOUNTER the fields taken and limit are no count')
end
-- The guard: never past the limit.
local granted = math.max(0, math.min(tonumber(ARGV[1]), limit - taken))
if granted > 0 then
  local written = redis.pcall('HINCRBY', KEYS[1], 'taken', granted)
  if type(written) == 'table' and written.err then return written end
end
return {taken + 1, granted, limit}
