-- The decision of a peer, one call a request: takes the next number of the counter in the hash
-- KEYS[1]. The number, or, past the limit, the limit as a negative number. The guard and the count
-- are one step, so every peer that asks this script counts rightly, however many workers it has.
local held = redis.call('HMGET', KEYS[1], 'taken', 'limit')
if tonumber(held[1]) < tonumber(held[2]) then
  return redis.call('HINCRBY', KEYS[1], 'taken', 1)
end
return -tonumber(held[2])
