-- Begins the counter in the hash KEYS[1] anew, with the limit ARGV[1]: a generation later than any
-- before, by the clock ARGV[2] or, if that is behind, by one. Running processes follow it.
local before = tonumber(redis.call('HGET', KEYS[1], 'generation') or 0) or 0
local generation = math.max(tonumber(ARGV[2]), before + 1)
redis.call('DEL', KEYS[1])
redis.call('HSET', KEYS[1], 'taken', 0, 'limit', ARGV[1],
  'generation', string.format('%d', generation))
return generation
